"""Requests as reconciling sees them: corrections applied, invoices' own left out, several ledgers as one."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pytest
from tests.support.billed_ledger import MORNING, a_ledger, a_request

from llmledger.core.adjustment import Adjustment, Kind, Measures, move, place_of, reversal, standing_of
from llmledger.core.cost import Component
from llmledger.core.reconcile.booked import Booked
from llmledger.core.reconcile.cells import ms_of
from llmledger.core.request import Charged, Finished
from llmledger.core.usage import Usage
from llmledger.core.words import Billing, CostSource
from llmledger.ledger import open_ledger, open_reader
from llmledger.ledger.statements.rows import LedgerRows
from llmledger.ledger.statements.sums import _MOST_TOGETHER
from llmledger.ledger.storable import LARGEST_COUNT, LARGEST_NANOUSD

Clock = Callable[[], datetime]
DAY = (ms_of(MORNING) - 8 * 3_600_000, ms_of(MORNING) + 16 * 3_600_000)
OPENAI = frozenset({"openai"})


def rows_of(*paths: Path, ids: tuple[str, ...] = ()) -> tuple[list[Booked], dict[str, Booked]]:
    """All rows of the day, and those found by id."""
    with ExitStack() as stack:
        source = LedgerRows([stack.enter_context(open_reader(path)).connection for path in paths])
        rows = list(source.rows(*DAY, OPENAI))
        assert totals(source.sums(*DAY, OPENAI)) == totals(rows)
        return rows, source.find([(identity, *DAY) for identity in ids])


def totals(rows: Iterable[Booked]) -> dict[tuple[str, str], Decimal]:
    """What some rows count in all, by the model that served and what is counted; zeros left out."""
    found: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for row in rows:
        told = {**row.usage, **{code: nanousd for code, (_, nanousd) in row.components.items()}}
        told |= {"requests": row.requests, "cost": row.cost_nanousd or 0}
        for name, count in told.items():
            found[row.served_model or row.model, name] += count
    return {place: count for place, count in found.items() if count}


def adjusted(path: Path, now: Clock, *entries: Adjustment) -> None:
    """Append corrections."""
    with open_ledger(path, now=now) as ledger:
        assert ledger.adjust(*entries)


def a_correction(finished: Finished, kind: Kind, cause: str, measures: Measures, now: Clock) -> Adjustment:
    """An entry about a request."""
    return Adjustment(
        kind=kind,
        cause=cause,
        effective_at=finished.begun.started_at,
        booked_at=now(),
        reason="test",
        place=place_of(finished),
        measures=measures,
        request_id=finished.begun.request_id,
    )


def test_a_row_has_its_usage_components_and_ids(tmp_path: Path, clock: Clock) -> None:
    """$0.025 for input, $0.04 for output; only the provider that was asked for."""
    path = a_ledger(tmp_path / "l.db", [a_request(1)], clock)
    rows, found = rows_of(path, ids=("resp-1", "resp-9"))

    [row] = rows
    assert row.usage == {"input_tokens": 100_000, "output_tokens": 20_000}
    assert row.components == {"i": (100_000, 25_000_000), "o": (20_000, 40_000_000)}
    assert list(found) == ["resp-1"]
    assert found["resp-1"].cost == Decimal("0.065")


@pytest.mark.parametrize(("days", "is_found"), [(-2, False), (-1, True), (1, True), (2, False)])
def test_an_id_is_looked_for_where_its_line_says_and_a_day_around(
    tmp_path: Path, clock: Clock, days: int, is_found: bool
) -> None:
    """Careless servers repeat ids; one of another week is another request."""
    path = a_ledger(tmp_path / "l.db", [a_request(1)], clock)
    at = ms_of(a_request(1).begun.started_at) + days * 86_400_000
    with open_reader(path) as reader:
        found = LedgerRows([reader.connection]).find([("resp-1", at, at)])

    assert (list(found) == ["resp-1"]) is is_found


def test_what_was_not_billed_is_not_compared(tmp_path: Path, clock: Clock) -> None:
    """Subscription use, our own cache, and requests that were rejected before inference."""
    first = a_request(1)
    others = [
        replace(a_request(2), begun=replace(a_request(2).begun, billing=Billing.SUBSCRIPTION)),
        replace(a_request(3), charged=Charged(cost_nanousd=0, cost_source=CostSource.CACHE)),
        replace(a_request(4), charged=Charged(cost_nanousd=0, cost_source=CostSource.NOT_BILLED)),
        replace(a_request(5), begun=replace(a_request(5).begun, provider="ollama")),
    ]
    rows, _ = rows_of(a_ledger(tmp_path / "l.db", [first, *others], clock))

    assert [row.provider_request_id for row in rows] == ["resp-1"]


def test_corrections_are_applied_and_an_invoices_own_are_not(tmp_path: Path, clock: Clock) -> None:
    """A reprice adds $0.01 of output; a duplicate takes its request away; reconcile's entries do not count."""
    one, two, three = a_request(1), a_request(2), a_request(3)
    path = a_ledger(tmp_path / "l.db", [one, two, three], clock)
    more = Measures(cost_nanousd=10_000_000, components=(Component("output_tokens", 0, 10_000_000),))
    gone = reversal(standing_of(two), kind=Kind.DUPLICATE, cause="duplicate:2", reason="test", booked_at=clock())
    adjusted(path, clock, a_correction(one, Kind.REPRICE, "reprice:1", more, clock))
    adjusted(path, clock, gone)
    adjusted(path, clock, a_correction(three, Kind.RECONCILE, "reconcile:0:0", Measures(cost_nanousd=7), clock))
    rows, found = rows_of(path, ids=("resp-1", "resp-2", "resp-3"))

    assert [(row.provider_request_id, row.cost_nanousd) for row in rows] == [
        ("resp-1", 75_000_000),
        ("resp-3", 65_000_000),
    ]
    assert rows[0].components["o"] == (20_000, 50_000_000)
    assert sorted(found) == ["resp-1", "resp-3"]


def test_a_request_that_was_moved_counts_where_it_is_now(tmp_path: Path, clock: Clock) -> None:
    """Its model and key are those of the last entry; searches and seconds are counted too."""
    one = a_request(1)
    path = a_ledger(tmp_path / "l.db", [one], clock)
    standing = standing_of(one)
    measures = replace(
        standing.measures, usage=replace(standing.measures.usage, web_searches=2, audio_seconds=Decimal("1.5"))
    )
    new = replace(
        a_correction(one, Kind.SNAPSHOT, "snapshot:1", measures, clock),
        place=replace(standing.place, model="other-model"),
    )
    adjusted(path, clock, *move(standing, new))
    rows, _ = rows_of(path)

    [row] = rows
    assert (row.model, row.requests) == ("other-model", 1)
    assert (row.usage["web_searches"], row.usage["audio_seconds"]) == (2, Decimal("1.5"))


def test_a_correction_without_its_request_stands_alone(tmp_path: Path, clock: Clock) -> None:
    """As after pruning; one that counts nothing is no row; another provider's is not ours."""
    one = a_request(1)
    path = a_ledger(tmp_path / "l.db", [], clock)
    late = Measures(requests=1, usage=Usage(input_tokens=5), cost_nanousd=9)
    foreign = replace(
        a_correction(one, Kind.LATE, "c", late, clock), place=replace(place_of(one), provider="elsewhere")
    )
    adjusted(path, clock, replace(a_correction(one, Kind.LATE, "a", late, clock), request_id=None))
    adjusted(path, clock, replace(a_correction(one, Kind.ASSIGN, "b", Measures(), clock), request_id=None), foreign)
    rows, _ = rows_of(path)

    assert [(row.cost_nanousd, row.usage, row.request_id) for row in rows] == [(9, {"input_tokens": 5}, None)]


def test_rare_units_and_contexts_are_read(tmp_path: Path, clock: Clock) -> None:
    """Seconds as text, and what the response said about its tier."""
    one = a_request(1)
    told = replace(one, usage=replace(one.usage, audio_seconds=Decimal("2.5")), price_context={"service_tier": "flex"})
    rows, _ = rows_of(a_ledger(tmp_path / "l.db", [told], clock))

    assert rows[0].usage["audio_seconds"] == Decimal("2.5")
    assert rows[0].context == {"service_tier": "flex"}


def test_several_ledgers_are_one_and_each_request_counts_once(tmp_path: Path, clock: Clock) -> None:
    """Of two ledgers that share a request."""
    shared = a_request(1)
    first = a_ledger(tmp_path / "a.db", [shared, a_request(3)], clock)
    second = a_ledger(tmp_path / "b.db", [a_request(2), shared], clock)
    rows, found = rows_of(first, second, ids=("resp-1", "resp-2"))

    assert [row.provider_request_id for row in rows] == ["resp-1", "resp-2", "resp-3"]
    assert sorted(found) == ["resp-1", "resp-2"]


def test_nothing_is_asked_for_nothing(tmp_path: Path, clock: Clock) -> None:
    """No ids, no query."""
    assert rows_of(a_ledger(tmp_path / "l.db", [a_request(1)], clock))[1] == {}


def test_sums_are_of_quarter_hours_and_models(tmp_path: Path, clock: Clock) -> None:
    """Minutes 1 and 2 are one quarter, minute 20 is another; a model served under another name counts apart."""
    served = replace(a_request(2), served_model="demo-maxi")
    path = a_ledger(tmp_path / "l.db", [a_request(1), a_request(3), served, a_request(20)], clock)
    with open_reader(path) as reader:
        sums = list(LedgerRows([reader.connection]).sums(*DAY, OPENAI))

    assert rows_of(path)
    assert sorted((row.served_model or row.model, row.requests, row.cost_nanousd) for row in sums) == [
        ("demo-maxi", 1, 65_000_000),
        ("demo-mini-2026-08-01", 1, 65_000_000),
        ("demo-mini-2026-08-01", 2, 130_000_000),
    ]
    assert {row.started_ms % 900_000 for row in sums} == {0}


def test_no_sum_of_what_is_stored_can_overflow(tmp_path: Path, clock: Clock) -> None:
    """SQLite adds up to 2^63 - 1; a request with 2^62 tokens is kept without its count, and the largest costs fit together."""
    absurd = [replace(a_request(number), usage=Usage(input_tokens=2**62)) for number in (1, 2)]
    path = a_ledger(tmp_path / "l.db", absurd, clock)
    with open_reader(path) as reader:
        [told] = LedgerRows([reader.connection]).sums(*DAY, OPENAI)

    assert (told.requests, told.usage.get("input_tokens")) == (2, None)
    assert max(LARGEST_COUNT, LARGEST_NANOUSD) * _MOST_TOGETHER < 2**63


def test_a_correction_counts_where_its_request_does(tmp_path: Path, clock: Clock) -> None:
    """Under the model that served it, as long as it does not move the request to another."""
    served = replace(a_request(1), served_model="demo-maxi")
    path = a_ledger(tmp_path / "l.db", [served], clock)
    adjusted(path, clock, a_correction(served, Kind.REPRICE, "reprice:1", Measures(cost_nanousd=5), clock))
    rows, _ = rows_of(path)

    assert totals(rows)["demo-maxi", "cost"] == 65_000_005


def test_rows_that_were_matched_are_passed_over(tmp_path: Path, clock: Clock) -> None:
    """Only the others are read in full, still in order of time."""
    path = a_ledger(tmp_path / "l.db", [a_request(number) for number in (3, 1, 2)], clock)
    with open_reader(path) as reader:
        source = LedgerRows([reader.connection])
        first = next(iter(source.rows(*DAY, OPENAI)))
        left = list(source.rows(*DAY, OPENAI, skip=lambda ledger, row: (ledger, row) == (0, first.row)))

    assert [row.provider_request_id for row in left] == ["resp-2", "resp-3"]
