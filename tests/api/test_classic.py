"""The classic names end in the same rows, sync and async."""

import asyncio
import io
from collections.abc import Iterator
from pathlib import Path

import pytest

import llmledger
from llmledger import AsyncLedger, Ledger, Status
from llmledger.core.words import CostSource
from llmledger.errors import UsageError


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """An open ledger in a folder of its own."""
    with Ledger.open(tmp_path / "ledger.db") as opened:
        yield opened


def test_a_request_and_its_response_are_one_row(ledger: Ledger) -> None:
    """`log_request` notes it before, `log_response` writes the row: 100 x $3/M + 10 x $15/M = $0.00045."""
    request_id = ledger.log_request(
        "anthropic", "claude-sonnet-4-5", "/v1/messages", prompt_tokens=90, user_id="ada", client_id="acme"
    )
    row = ledger.log_response(request_id, prompt_tokens=100, completion_tokens=10, latency_ms=812.4)

    assert row.charged.cost_nanousd == 450_000
    assert (row.latency_ms, row.begun.endpoint) == (812, "/v1/messages")
    assert ledger.get_client_usage_data("acme").requests == 1
    assert ledger.get_client_usage_data("nobody").success_rate is None


def test_a_call_is_logged_in_one_go(ledger: Ledger) -> None:
    """All eleven facts, in the order that callers know."""
    request_id = ledger.log_api_call(
        "openai", "gpt-4o-mini", "/v1/chat/completions", 1000, 100, 420.0, "summarise", False, "ada", True, None
    )

    found = ledger.get_request_details(request_id)
    assert found is not None
    assert found.finished.begun.attribution.operation == "summarise"
    assert found.finished.begun.attribution.user == "ada"
    assert found.finished.usage.output_tokens == 100


def test_failures_and_cache_hits_keep_their_meaning(ledger: Ledger) -> None:
    """A failed call is failed, with its message; a cached one costs nothing."""
    failed = ledger.log_api_call("openai", "gpt-4o-mini", success=False, error_message="boom")
    cached = ledger.log_api_call("openai", "gpt-4o-mini", prompt_tokens=5, completion_tokens=5, cache_hit=True)

    rows = [ledger.get_request_details(one) for one in (failed, cached)]
    assert rows[0] is not None
    assert (rows[0].finished.status, rows[0].finished.error_message) == (Status.FAILED, "boom")
    assert rows[1] is not None
    assert rows[1].finished.charged.cost_source is CostSource.CACHE
    assert rows[1].finished.charged.cost_nanousd == 0


def test_stats_tell_requests_success_and_response_times_per_model(ledger: Ledger) -> None:
    """Two of three succeeded; the mean of 100, 200 and 300 ms is 200."""
    for latency, success in ((100, True), (200, True), (300, False)):
        ledger.log_api_call("openai", "gpt-4o-mini", "", 10, 1, latency, success=success)

    (model,) = ledger.get_detailed_stats()

    assert model.name == "openai/gpt-4o-mini"
    assert (model.stats.requests, model.stats.failed) == (3, 1)
    assert model.stats.success_rate == pytest.approx(2 / 3)
    assert model.stats.mean_latency_ms == 200
    assert ledger.get_usage_stats() == model.stats
    assert ledger.get_usage_stats("2001-01-01", "2001-01-31").requests == 0
    assert ledger.get_usage_stats("2001-01-01", "2001-01-31").cost_usd == "0"


def test_aggregates_come_in_buckets_of_time(ledger: Ledger) -> None:
    """All of now is in one bucket, whatever its size; an unknown interval is refused."""
    ledger.log_api_call("openai", "gpt-4o-mini", "", 10, 1)

    for interval in ("hour", "day", "week", "month", "daily"):
        (bucket,) = ledger.get_aggregates(interval)
        assert bucket.stats.requests == 1
    with pytest.raises(UsageError, match="fortnight"):
        ledger.get_aggregates("fortnight")


def test_usage_is_printed_where_it_is_asked_for(ledger: Ledger, capsys: pytest.CaptureFixture[str]) -> None:
    """To a file or to standard output; an unpriced model shows a dash."""
    ledger.log_api_call("stealth", "lark-2", "", 1200, 3)
    into = io.StringIO()

    ledger.print_usage_info(into)
    ledger.print_usage_info()

    assert into.getvalue() == capsys.readouterr().out
    assert into.getvalue().splitlines() == [
        "stealth/lark-2: 1 request, 1,200 tokens in, 3 out, —",
        "total: 1 request, 1,200 tokens in, 3 out, —",
    ]


def test_every_method_can_be_awaited(tmp_path: Path) -> None:
    """Twenty calls at once are twenty rows."""

    async def log() -> int:
        async with await AsyncLedger.open(tmp_path / "ledger.db") as ledger:
            await asyncio.gather(*(ledger.log_api_call("openai", "gpt-4o-mini", "", 10, 1) for _ in range(20)))
            assert (await ledger.get_usage_stats()).requests == 20
            (model,) = await ledger.get_detailed_stats()
            return model.stats.requests

    assert asyncio.run(log()) == 20


def test_the_users_own_ledger_can_be_logged_to_without_opening_it(ledger_path: Path) -> None:
    """`await llmledger.log_api_call(...)` and nothing else."""
    request_id = asyncio.run(llmledger.log_api_call("openai", "gpt-4o-mini", "", 10, 1, 5.0, user_id="ada"))

    with Ledger.open(create=False) as ledger:
        assert ledger.path == ledger_path
        assert ledger.get_request_details(request_id) is not None
