"""Periods whose single requests were pruned: compared by day and model with the sums that are left."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from tests.support.planted import DAY_MS, FIRST, FIRST_MS, PROVIDER, TERMS, Rows, priced
from tests.support.reconcile_cases import a_line, a_row, both, classes

from llmledger.core.reconcile.booked import Booked, Skip, Wanted, never
from llmledger.core.reconcile.causes import Cause, Grain
from llmledger.core.reconcile.compare import Comparison, compare
from llmledger.core.statement import StatementLine


class Pruned(Rows):
    """Rows of which those before a cut are left as sums by quarter-hour, or by months."""

    def __init__(self, rows: Sequence[Booked], cut_ms: int, months_ms: int = 0) -> None:
        super().__init__(rows)
        self.pruned_before_ms = cut_ms
        self.months_before_ms = months_ms

    def rows(self, since_ms: int, until_ms: int, providers: frozenset[str], skip: Skip = never) -> Iterable[Booked]:
        return super().rows(max(since_ms, self.pruned_before_ms), until_ms, providers, skip)

    def sums(self, since_ms: int, until_ms: int, providers: frozenset[str]) -> Iterator[Booked]:
        for row in super().rows(since_ms, until_ms, providers):
            is_left = row.started_ms < self.pruned_before_ms
            yield row._replace(components={}, request_id=None, provider_request_id=None) if is_left else row

    def find(self, wanted: Sequence[Wanted]) -> Mapping[str, Booked]:
        return {name: row for name, row in super().find(wanted).items() if row.started_ms >= self.pruned_before_ms}


def compared(lines: Sequence[StatementLine], rows: Sequence[Booked], *, days: int = 3, months: int = 0) -> Comparison:
    """Three days, of which the first so many are pruned."""
    source = Pruned(rows, FIRST_MS + days * DAY_MS, FIRST_MS + months * DAY_MS)
    terms = replace(TERMS, period=(FIRST_MS, FIRST_MS + 3 * DAY_MS))
    comparison = compare(((line, line.amount) for line in lines), source, terms)
    assert comparison.difference == sum((one.amount for one in comparison.findings), Decimal(0))
    return comparison


def test_a_bill_of_pruned_days_agrees_with_their_sums() -> None:
    """1,000 in and 100 out by meter against one sum of $0.0045: one amount on both sides."""
    comparison = compared(both(), [a_row()])

    assert classes(comparison) == {}
    assert (comparison.ledger, comparison.ledger_requests, comparison.grain) == (Decimal("0.0045"), 1, Grain.DAY)


def test_what_pruned_days_lack_is_missing_and_says_that_they_were_pruned() -> None:
    """Twice the tokens, and nothing that single requests could tell: $0.0045 missing."""
    comparison = compared([*both(), *both()], [a_row(), a_row(2, usage={"output_tokens": 1})])
    [one] = [one for one in comparison.findings if one.causes != (Cause.MATCHED,)]

    assert Cause.MISSING_IN_LEDGER in one.causes
    assert "its single requests were pruned" in one.evidence


def test_sums_of_estimates_leave_an_estimate_possible() -> None:
    """More output than the sums have, some of which are estimates: that is what they are."""
    rows = [a_row(), a_row(2, quality="estimated")]
    comparison = compared([a_line("input_tokens", 2_000), a_line("output_tokens", 290)], rows)

    assert list(classes(comparison)) == ["interrupted or estimated"]


def test_requests_are_matched_by_id_behind_the_cut_and_by_day_before_it() -> None:
    """Day one is pruned: two lines of $0.0045 against its sum; on day two one id is found, another is not."""
    rows = [a_row(1), a_row(2, hours=13), a_row(3, hours=30)]
    lines = [a_request(1, 12), a_request(2, 13), a_request(3, 30), a_request(4, 31)]
    comparison = compared(lines, rows, days=1)

    assert classes(comparison) == {"ambiguous (missing in ledger or other key or host)": Decimal("0.0045")}
    assert (comparison.grain, comparison.ledger_requests) == (Grain.REQUEST, 3)
    assert [
        one.seen_requests for one in compared([line._replace(key="k") for line in lines], rows, days=1).coverage
    ] == [3]


def test_a_statement_of_single_requests_that_are_all_pruned_is_compared_by_day() -> None:
    """No id is left; the days agree, and one that lacks something is told by its tokens."""
    rows = [a_row(1), a_row(3, hours=30)]
    comparison = compared([a_request(1, 12), a_request(3, 30)], rows)

    assert (classes(comparison), comparison.grain, comparison.ledger) == ({}, Grain.DAY, Decimal("0.009"))
    assert "missing in ledger" in str(list(classes(compared([a_request(1, 12), a_request(2, 12)], rows[:1]))))


def test_where_months_are_left_the_bill_is_one_period() -> None:
    """Lines of two days against a sum that stands on another day of the period."""
    rows = [priced(a_row(1, hours=60, usage={"input_tokens": 2_000, "output_tokens": 200}))]
    lines = [
        *both(),
        *(line._replace(since=FIRST + timedelta(days=1), until=FIRST + timedelta(days=2)) for line in both()),
    ]

    assert classes(compared(lines, rows, months=3)) == {}
    assert classes(compared(lines, rows)) != {}
    requests = [a_request(1, 12), a_request(3, 30)]
    assert classes(compared(requests, rows, months=3)) == {}


def a_request(number: int, hours: int) -> StatementLine:
    """A line about a request of 1,000 in and 100 out: $0.0045."""
    at = datetime.fromtimestamp(FIRST_MS / 1000 + hours * 3600, UTC)
    told = {"input_tokens": 1_000, "output_tokens": 100}
    line = a_line(amount="0.0045", quantities=told, requests=1, request_id=f"resp-{number}", number=number)
    return line._replace(since=at, until=at, provider=PROVIDER)


def test_of_two_pruned_models_the_one_that_agrees_does_not_explain_the_other() -> None:
    """`small` agrees; `large` is billed 7 more tokens of output than its sums have, and nothing tells why."""
    small = priced(a_row(2, model="small"))
    lines = [
        *both(output_tokens=107),
        *(line._replace(amount=line.amount and line.amount / 10) for line in both(model="small")),
    ]

    assert classes(compared(lines, [a_row(), small])) == {"unexplained": Decimal("0.000105")}
