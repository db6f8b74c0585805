"""The sample ledger of the README: a week of a small team, priced by the price table, the same on every machine."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

from tests.support.builders import NOON

from llmledger.core.request import Attribution, request_id_at
from llmledger.core.usage import Usage
from llmledger.core.words import Billing, Status, UsageQuality
from llmledger.dialects._contract import Reading
from llmledger.ledger import open_ledger
from llmledger.operations.record import Ending, Opening, Recorder
from llmledger.pricebook import load, packaged_folder

ZONE = "Europe/Berlin"
FIRST = datetime(2026, 11, 15, 8, 0, tzinfo=UTC)

# provider, model, dialect, requests, input, cache read, output, milliseconds, project
WEEK = (
    ("anthropic", "claude-sonnet-4-5", "anthropic_messages", 41, 44_600, 39_200, 520, 5_100, "site"),
    ("openai", "gpt-5-mini", "openai_responses", 96, 12_500, 3_200, 920, 1_900, "search"),
    ("ollama", "qwen3:8b", "ollama", 58, 2_400, 0, 550, 3_700, "notes"),
    ("openrouter", "stealth/lark-2", "openai_chat", 12, 4_100, 0, 760, 3_000, "search"),
)


def make_sample(path: Path) -> None:
    """Write the sample ledger."""
    book = load([packaged_folder()])
    with open_ledger(path, now=lambda: NOON, home_zone=ZONE) as ledger:
        recorder = Recorder(store=ledger, prices=book, now=lambda: NOON, new_id=_ids())
        for provider, model, dialect, requests, *numbers, project in WEEK:
            for number in range(requests):
                opening = Opening(
                    provider=provider,
                    model=model,
                    source="proxy",
                    dialect=dialect,
                    billing=Billing.LOCAL if provider == "ollama" else Billing.API,
                    attribution=Attribution(project=project, user=("ada", "ben", "cleo")[number % 3]),
                )
                started_at = FIRST + timedelta(hours=144 * number / requests)
                recorder.record(
                    opening, _ending(number, model, *(int(each) for each in numbers)), started_at=started_at
                )


def _ids() -> Callable[[datetime], bytes]:
    numbers = count(1)
    return lambda at: request_id_at(round(at.timestamp() * 1000), (next(numbers) << 16).to_bytes(10, "big"))


def _ending(number: int, model: str, read: int, cached: int, written: int, latency_ms: int) -> Ending:
    """How a request ended: sizes and times vary by its number, and one in forty is refused."""
    if number % 40 == 39:
        return Ending(status=Status.FAILED, http_status=429, error_type="rate_limit", latency_ms=180, reading=Reading())
    share = 50 + (number * 37) % 101
    usage = Usage(
        input_tokens=read * share // 100, cache_read_tokens=cached * share // 100, output_tokens=written * share // 100
    )
    reading = Reading(usage=usage, quality=UsageQuality.EXACT, model=model, is_complete=True)
    return Ending(status=Status.COMPLETED, http_status=200, latency_ms=latency_ms * share // 100, reading=reading)
