"""A small ledger on disk and the OpenAI cost export that bills it: 2026-09-30, one model, two keys."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.support.builders import a_begun, a_finished

from llmledger.core.cost import Component
from llmledger.core.request import Charged, Finished
from llmledger.core.usage import Usage
from llmledger.core.words import Billing, CostSource
from llmledger.ledger import open_ledger

MORNING = datetime(2026, 9, 30, 8, tzinfo=UTC)
MODEL = "demo-mini-2026-08-01"
HEADER = (
    "start_time,end_time,start_time_iso,end_time_iso,amount_value,amount_currency,quantity,quantity_unit,line_item,"
    "user_id,api_key_id,project_id,organization_id,project_name,organization_name,user_email,api_source\n"
)


def a_request(number: int, *, input_tokens: int = 100_000, output_tokens: int = 20_000) -> Finished:
    """$0.25 per million in and $2 per million out: 100,000 and 20,000 tokens are 0.025 + 0.04 = $0.065."""
    nano_in, nano_out = input_tokens * 250, output_tokens * 2_000
    charged = Charged(
        cost_nanousd=nano_in + nano_out,
        computed_nanousd=nano_in + nano_out,
        cost_source=CostSource.COMPUTED,
        components=(
            Component("input_tokens", input_tokens, nano_in),
            Component("output_tokens", output_tokens, nano_out),
        ),
    )
    begun = a_begun(model=MODEL, started_at=MORNING + timedelta(minutes=number), billing=Billing.API)
    usage = Usage(input_tokens=input_tokens, output_tokens=output_tokens)
    return a_finished(begun, charged=charged, usage=usage, provider_request_id=f"resp-{number}")


def a_ledger(path: Path, requests: Sequence[Finished], now: Callable[[], datetime]) -> Path:
    """A ledger with these requests."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open_ledger(path, now=now) as ledger:
        ledger.record_many(requests)
    return path


def line(kind: str, quantity: int, amount: str, *, key: str = "key_a", day: int = 1790726400) -> str:
    """One row of the export."""
    item = f'"{MODEL}, {kind}"'
    return f"{day},{day + 86400},,,{amount},usd,{quantity},tokens,{item},,{key},proj,org,,,,\n"


def an_export(path: Path, *rows: str) -> Path:
    """The export as a file."""
    path.write_text(HEADER + "".join(rows), encoding="utf-8")
    return path


def the_bill(requests: int = 2) -> list[str]:
    """What `a_request` costs so many times."""
    return [
        line("input_tokens", 100_000 * requests, f"0.{25 * requests:03d}"),
        line("output_tokens", 20_000 * requests, f"0.{40 * requests:03d}"),
    ]
