"""Every rate of the packaged table, against plain arithmetic on the numbers as they stand in the files."""

import tomllib
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest

from llmledger.core.rates import Rate
from llmledger.core.usage import UNIT_BY_NAME, Usage
from llmledger.core.words import Outcome
from llmledger.pricebook import Entry, PriceBook, packaged_folder

pytestmark = pytest.mark.unmeasured

FILES = sorted(path for path in packaged_folder().glob("*.toml") if path.name != "VERSION.toml")
PROVIDERS = [path.stem for path in FILES]
FRESH, CACHED, OUT = 600, 400, 100
USAGE = Usage(input_tokens=FRESH + CACHED, cache_read_tokens=CACHED, output_tokens=OUT)


def by_hand(prices: dict[str, Any]) -> Decimal:
    """The three amounts of the usage above, in nano-USD, by the numbers in a table."""
    fresh = Decimal(prices.get("input", 0))
    return (
        fresh * FRESH + Decimal(prices.get("cache_read", fresh)) * CACHED + Decimal(prices.get("output", 0)) * OUT
    ) * 1000


def instant(value: date | datetime) -> datetime:
    """A date is its midnight in UTC."""
    return value if isinstance(value, datetime) else datetime.combine(value, time(), UTC)


def closed_moment(rate: Rate, at: datetime) -> datetime:
    """The first minute from `at` on at which none of the rate's windows is open."""
    while any(window.is_open(at) for window in rate.windows):
        at += timedelta(minutes=1)
    return at


@pytest.mark.parametrize("path", FILES, ids=PROVIDERS)
def test_every_period_is_priced_by_its_own_numbers(table: PriceBook, path: Any) -> None:
    """One request in each period of each model; also the last moment of the one before."""
    listed = tomllib.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
    for model in listed["model"]:
        if model.get("any"):
            continue
        for period in model.get("period", ()):
            since = instant(period["from"]) if "from" in period else datetime(2020, 1, 1, tzinfo=UTC)
            check_period(table, path.stem, model["id"], period, since)
            if "until" in period:
                check_period(table, path.stem, model["id"], period, instant(period["until"]) - timedelta(minutes=1))


def check_period(table: PriceBook, provider: str, model: str, period: dict[str, Any], at: datetime) -> None:
    """The request at that time costs what the period's numbers say."""
    rate = table.rate(provider, model, at=at)
    assert rate is not None
    if any(window.is_open(at) for window in rate.windows):
        return
    cost = table.price(provider, model, USAGE, at=at)
    if period.get("free"):
        assert (cost.outcome, cost.nanousd) == (Outcome.FREE, 0), model
    elif "input" in period and "output" in period:
        per_request = Decimal(period.get("per_1k_requests", 0)) * 1_000_000
        assert cost.outcome is Outcome.PRICED, model
        assert abs(cost.nanousd - by_hand(period) - per_request) <= Decimal("0.5"), model  # type: ignore[operator]
    else:
        assert cost.outcome in (Outcome.PARTIAL, Outcome.UNPRICED), model


@pytest.mark.parametrize("provider", PROVIDERS)
def test_every_tier_begins_where_it_says(table: PriceBook, provider: str) -> None:
    """At the threshold and one token above, in every period, for every tier."""
    for entry, rate in dated_rates(table, provider):
        at = closed_moment(rate, rate.since or datetime(2020, 1, 1, tzinfo=UTC))
        reached: dict[str, int] = dict(rate.prices)
        for tier in rate.tiers:
            below, above = dict(reached), {**reached, **tier.prices}
            first = tier.threshold if tier.inclusive else tier.threshold + 1
            assert input_cost(table, entry, first - 1, at) == rounded(below, first - 1), (entry.id, first)
            assert input_cost(table, entry, first, at) == rounded(above, first), (entry.id, first)
            reached = above


@pytest.mark.parametrize("provider", PROVIDERS)
def test_every_window_is_open_between_its_edges_only(table: PriceBook, provider: str) -> None:
    """The price changes at each edge of each window, on a Monday and on a Sunday, as its days say."""
    for entry, rate in dated_rates(table, provider):
        for window in rate.windows:
            for day in (datetime(2026, 11, 16, tzinfo=window.zone), datetime(2026, 11, 22, tzinfo=window.zone)):
                for start, end in window.hours:
                    for minute in {start, max(end - 1, 0)}:
                        at = (day + timedelta(minutes=minute)).astimezone(UTC)
                        expected = window.prices.get("input_tokens", rate.prices["input_tokens"])
                        if window.is_open(at) and rate.holds_at(at):
                            assert input_cost(table, entry, 1000, at) == rounded({"input_tokens": expected}, 1000)


def dated_rates(table: PriceBook, provider: str) -> Iterator[tuple[Entry, Rate]]:
    """Every rate that prices input tokens and has no fee per request."""
    for entry in table.entries(provider):
        for rate in entry.rates:
            if "input_tokens" in rate.prices and "billed_requests" not in rate.prices:
                yield entry, rate


def input_cost(table: PriceBook, entry: Entry, tokens: int, at: datetime) -> int | None:
    """What so many input tokens cost."""
    return table.price(entry.provider, entry.id, Usage(input_tokens=tokens, output_tokens=0), at=at).nanousd


def rounded(prices: dict[str, int], tokens: int) -> int:
    """The same by hand."""
    return round(Decimal(prices["input_tokens"] * tokens) / UNIT_BY_NAME["input_tokens"].per)


def test_the_table_is_as_broad_as_it_claims(table: PriceBook) -> None:
    """More pairs and providers than any of its sources, each rate with its evidence."""
    entries = [entry for provider in table.provider_names() for entry in table.entries(provider)]
    rates = [rate for entry in entries for rate in entry.rates]

    assert sum(bool(entry.rates) and not entry.any for entry in entries) >= 4_600
    assert len(table.provider_names()) >= 150
    assert all(rate.source and rate.checked for rate in rates)
    assert all(rate.evidence == "secondary" for rate in rates if not rate.free)


def test_no_unknown_model_costs_nothing(table: PriceBook) -> None:
    """litellm#35913: of every provider that bills, a made-up name is unpriced."""
    for provider in table.provider_names():
        known = table.provider(provider)
        assert known is not None
        if not known.local:
            cost = table.price(provider, "no-such-model-in-the-world", USAGE, at=datetime(2026, 11, 21, tzinfo=UTC))
            assert (cost.outcome, cost.nanousd) == (Outcome.UNPRICED, None), provider


def test_no_mode_lowers_output_and_leaves_reasoning_at_the_base_price() -> None:
    """Thoughts are output: where both cost the same, half the price of a batch is half for both."""
    wrong = [
        (path.stem, model["id"], mode["when"])
        for path in FILES
        for model in tomllib.loads(path.read_text())["model"]
        for period in model.get("period", ())
        if period.get("reasoning") == period.get("output") is not None
        for mode in (*period.get("mode", ()), *period.get("tier", ()))
        if "output" in mode and "reasoning" not in mode
    ]

    assert wrong == []
