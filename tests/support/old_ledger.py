"""Makes the tiny ledger of the present schema that is kept in fixtures, so that every later version must open it.

Run once per schema, before it is released: `python -m tests.support.old_ledger tests/fixtures/ledgers/schema_1.db.gz`.
"""

import gzip
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from llmledger.core.cost import Component
from llmledger.core.request import Attribution, Begun, Charged, Estimate, Finished, request_id_at
from llmledger.core.usage import Usage
from llmledger.core.words import CostSource, Status, UsageQuality
from llmledger.ledger import open_ledger
from llmledger.ledger.upkeep import back_up

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
TELLING_ID = "chatcmpl-B9MHDbslfkBeAs8l4bebGdFOJ6PeG"


def main() -> None:
    """Write the ledger to the path that is given."""
    with tempfile.TemporaryDirectory() as folder:
        path, copy = Path(folder) / "ledger.db", Path(folder) / "copy.db"
        with open_ledger(path, now=lambda: NOON, home_zone="Europe/Berlin") as ledger:
            ledger.record(_finished(1, 2_500_000))
            ledger.record(_finished(2, None))
            ledger.record(_finished(3, 100, source="import:codex", key="codex:1", provider_id=TELLING_ID))
            ledger.finish(_finished(4, 120, provider_id=TELLING_ID))
            ledger.begin(_begun(5, "run"))
            back_up(path, copy)
        Path(sys.argv[1]).write_bytes(gzip.compress(copy.read_bytes(), mtime=0))


def _begun(number: int, source: str) -> Begun:
    return Begun(
        request_id=request_id_at(1_795_262_400_000 + number, bytes([number] * 10)),
        started_at=NOON + timedelta(minutes=number),
        provider="openai",
        model="gpt-5-mini",
        source=source,
        dialect="openai_chat",
        endpoint="/v1/chat/completions",
        attribution=Attribution(user="ada", project="llmledger", session="s1", tags={"ticket": "7"}),
        estimate=Estimate(input_tokens=10, low_nanousd=40, high_nanousd=900),
    )


def _finished(
    number: int, nanousd: int | None, *, source: str = "run", key: str | None = None, provider_id: str | None = None
) -> Finished:
    source_of_cost = CostSource.NONE if nanousd is None else CostSource.COMPUTED
    parts = () if nanousd is None else (Component("input_tokens", 10, nanousd),)
    return Finished(
        begun=_begun(number, source),
        status=Status.COMPLETED,
        usage=Usage(input_tokens=10, output_tokens=2),
        usage_quality=UsageQuality.EXACT,
        charged=Charged(
            cost_nanousd=nanousd,
            cost_source=source_of_cost,
            computed_nanousd=nanousd,
            components=parts,
            rate_id="openai/gpt-5-mini@2025-08-07",
            rate={"input": "0.25", "output": "2"},
            price_version="2026.11.20+0123abcd",
        ),
        served_model="gpt-5-mini-2025-08-07",
        http_status=200,
        provider_request_id=provider_id,
        latency_ms=1200,
        first_token_ms=300,
        source_key=key,
    )


if __name__ == "__main__":
    main()
