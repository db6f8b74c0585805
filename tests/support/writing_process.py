"""A process that writes requests to a ledger and says after each step what the ledger promised. Run as a script.

Arguments: the ledger, how many requests, and a name from which ids and costs follow. Each line of output is `begin ID`,
`finish ID` or, at the end, `waits LONGEST P50 P99` in milliseconds.
"""

import hashlib
import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from llmledger.core.cost import Component
from llmledger.core.request import Begun, Charged, Estimate, Finished, request_id_at
from llmledger.core.usage import Usage
from llmledger.core.words import CostSource, Status, UsageQuality
from llmledger.ledger import open_ledger


def a_request(name: str, number: int) -> tuple[Begun, Finished]:
    """The request of this name and number, the same in every process."""
    digest = hashlib.sha256(f"{name} {number}".encode()).digest()
    started_ms = 1_790_000_000_000 + number
    begun = Begun(
        request_id=request_id_at(started_ms, digest[:10]),
        started_at=datetime.fromtimestamp(started_ms // 1000, UTC),
        provider="openai",
        model="gpt-5-mini",
        source="api",
        dialect="openai_chat",
        endpoint="/v1/chat/completions",
        estimate=Estimate(input_tokens=100, low_nanousd=10, high_nanousd=1000),
    )
    nanousd = 100 + number
    charged = Charged(
        cost_nanousd=nanousd,
        cost_source=CostSource.COMPUTED,
        computed_nanousd=nanousd,
        components=(Component("input_tokens", 100, nanousd),),
    )
    usage = Usage(input_tokens=100, output_tokens=10)
    finished = Finished(
        begun=begun,
        status=Status.COMPLETED,
        usage=usage,
        usage_quality=UsageQuality.EXACT,
        charged=charged,
        latency_ms=5,
    )
    return begun, finished


def main() -> None:
    path, count, name = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    waits = []
    with open_ledger(path, now=lambda: datetime.now(UTC)) as ledger:
        for number in range(count):
            begun, finished = a_request(name, number)
            for word, write in (
                ("begin", lambda b=begun: ledger.begin(b)),
                ("finish", lambda f=finished: ledger.finish(f)),
            ):
                started = time.perf_counter()
                write()
                waits.append(time.perf_counter() - started)
                os.write(1, f"{word} {begun.request_id.hex()}\n".encode())
    waits.sort()
    ms = [1000 * waits[position] for position in (-1, len(waits) // 2, len(waits) * 99 // 100)]
    os.write(1, ("waits " + " ".join(f"{value:.3f}" for value in ms) + "\n").encode())


if __name__ == "__main__":
    main()
