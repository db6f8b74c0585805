"""What reconciling sums is the same before and after a prune: by day from the roll-ups, by month once days were merged."""

import random
import sqlite3
from collections import defaultdict
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from tests.support.ledger_rows import Fact, LedgerRows, blank_ledger

from llmledger.core.window import DAY_MS, unix_ms, zone_named
from llmledger.ledger.retention import begin_pruning, cut_for, measure, remove
from llmledger.ledger.rollups.catch_up import catch_up
from llmledger.ledger.statements import rows as statement_rows

FIRST = datetime(2026, 8, 28, tzinfo=UTC)
DAYS = 80
PROVIDERS = frozenset({"openai"})
HOMES = ("UTC", "Europe/Berlin", "America/New_York")
Place = tuple[object, str, str]


def a_history(seed: int, home: str) -> tuple[sqlite3.Connection, LedgerRows]:
    """400 requests of two models, some free, failed, from the cache, with searches and seconds, some corrected."""
    rng = random.Random(seed)
    connection = blank_ledger(home_zone=home)
    rows = LedgerRows(connection)
    for _ in range(400):
        fact = a_fact(rng, FIRST + timedelta(seconds=rng.randrange(DAYS * 86_400)))
        identity = rows.add(fact)
        if rng.random() < 0.05:
            rows.adjust(identity, fact, 1, "reprice", cost=rng.randrange(1, 90))
        if rng.random() < 0.03:
            rows.adjust(identity, fact, 1, "reconcile", cost=rng.randrange(1, 90))
    connection.commit()
    return connection, rows


def a_fact(rng: random.Random, at: datetime) -> Fact:
    """A request; what is not billed has no tokens but for one model's, so that quarter-hours and days are both read."""
    model = rng.choice(("large", "small"))
    source = rng.choice(("computed",) * 8 + ("not_billed", "cache"))
    has_usage = source == "computed" or model == "small"
    usage = {"input_tokens": rng.randrange(1, 999), "output_tokens": rng.randrange(1, 99), "web_searches": 1}
    return Fact(
        model=model,
        started_ms=unix_ms(at),
        cost_source=source,
        billing=rng.choice(("api", "api", "api", "unknown", "subscription")),
        status="failed" if source == "not_billed" else "completed",
        cost=rng.randrange(1, 9_000) if source == "computed" else 0,
        usage=usage if has_usage else {},
        other_usage={"audio_seconds": "3"} if source == "computed" and rng.random() < 0.1 else {},
    )


def sums(
    connection: sqlite3.Connection, since: datetime, until: datetime, step: str = "%Y-%m-%d"
) -> dict[Place, Decimal]:
    """What is counted in all, by day (or month), model and what; zeros left out."""
    found: dict[Place, Decimal] = defaultdict(Decimal)
    source = statement_rows.LedgerRows([connection])
    for row in source.sums(unix_ms(since), unix_ms(until), PROVIDERS):
        day = f"{datetime.fromtimestamp(row.started_ms / 1000, UTC):{step}}"
        for name, count in {**row.usage, "requests": row.requests, "cost": row.cost_nanousd or 0}.items():
            found[day, row.model, name] += count
    return {place: count for place, count in found.items() if count}


def prune(connection: sqlite3.Connection, home: str, tier: str, moment: datetime) -> None:
    """Remove a tier's past."""
    zone = zone_named(home)
    catch_up(connection, home)
    cut = measure(connection, tier, cut_for(tier, moment, zone))
    number = begin_pruning(connection, cut, now_ms=0, archive=None, hold=nullcontext)
    remove(connection, cut, pruning=number, home=zone, hold=nullcontext, advance=lambda _: None)


@pytest.mark.parametrize("home", HOMES)
@pytest.mark.parametrize("seed", [1, 2])
def test_pruned_days_have_the_same_sums_as_their_requests(seed: int, home: str) -> None:
    """Requests, tokens, searches, seconds and money of what a provider may bill, by UTC day and model.

    But for the day of UTC that the cut of another home zone lies in: what of its first hours is never billed no sum tells.
    """
    connection, rows = a_history(seed, home)
    whole = FIRST, FIRST + timedelta(days=DAYS)
    before = sums(connection, *whole)
    prune(connection, home, "detail", FIRST + timedelta(days=50))
    rng = random.Random(seed)
    late = [a_fact(rng, FIRST + timedelta(days=day, hours=5)) for day in (3, 20, 60)]
    after = sums(connection, *whole)
    for fact in late:
        rows.add(fact)
    connection.commit()
    behind = sums(connection, *whole)
    catch_up(connection, home)

    assert connection.execute("SELECT count(*) FROM requests").fetchone()[0] < 300
    cut_day = f"{FIRST + timedelta(days=49):%Y-%m-%d}" if home == "Europe/Berlin" else ""
    assert {place: count for place, count in after.items() if place[0] != cut_day} == {
        place: count for place, count in before.items() if place[0] != cut_day
    }
    assert behind != before
    assert sums(connection, *whole) == behind


@pytest.mark.parametrize("home", HOMES)
def test_merged_months_have_the_same_sums_as_their_days(home: str) -> None:
    """September and October are whole; a part of a merged month is not there at all."""
    connection, _ = a_history(3, home)
    months = datetime(2026, 9, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC)
    before = sums(connection, *months, step="%Y-%m")
    prune(connection, home, "detail", datetime(2026, 11, 10, tzinfo=UTC))
    prune(connection, home, "rollups", datetime(2026, 11, 10, tzinfo=UTC))
    source = statement_rows.LedgerRows([connection])
    parts = sums(connection, datetime(2026, 9, 3, tzinfo=UTC), datetime(2026, 9, 20, tzinfo=UTC))

    assert sums(connection, *months, step="%Y-%m") == before
    assert parts == {}
    assert source.pruned_before_ms >= source.months_before_ms > unix_ms(datetime(2026, 9, 29, tzinfo=UTC))


def test_several_ledgers_are_summed_each_for_itself_before_a_cut() -> None:
    """One ledger pruned, the other not: both count."""
    first, _ = a_history(4, "UTC")
    second, _ = a_history(5, "UTC")
    span = unix_ms(FIRST), unix_ms(FIRST) + DAYS * DAY_MS

    def cost() -> int:
        both = statement_rows.LedgerRows([first, second])
        return sum(row.cost_nanousd or 0 for row in both.sums(*span, PROVIDERS))

    alone = sum(
        row.cost_nanousd or 0
        for one in (first, second)
        for row in statement_rows.LedgerRows([one]).sums(*span, PROVIDERS)
    )
    prune(first, "UTC", "detail", FIRST + timedelta(days=30))

    assert cost() == alone
