"""Statements of single requests: matched by id, then by likeness, and classed one by one."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from tests.support.planted import FIRST, FIRST_MS, PROVIDER
from tests.support.reconcile_cases import HOUR_MS, a_line, a_row, classes, found, only

from llmledger.core.reconcile.sentences import advice
from llmledger.core.statement import Format, StatementLine


def by_request(identity: int = 1, amount: str | None = "0.0045", **changes: Any) -> StatementLine:
    """A line about one request."""
    at = datetime.fromtimestamp((FIRST_MS + 12 * HOUR_MS) / 1000, UTC)
    told = {"input_tokens": 1_000, "output_tokens": 100}
    values: dict[str, Any] = {
        "since": at,
        "until": at,
        "quantities": told,
        "requests": 1,
        "request_id": f"resp-{identity}",
    }
    return a_line(amount="0")._replace(**(values | {"amount": None if amount is None else Decimal(amount)} | changes))


def test_a_request_whose_id_differs_is_found_by_its_tokens_and_time() -> None:
    """Within two seconds, each row once: the second line finds none."""
    lines = [by_request(91), by_request(92)]
    comparison = found(lines, [a_row(1)])

    assert list(classes(comparison)) == ["ambiguous (missing in ledger or other key or host)"]
    assert comparison.ledger_requests == 1
    assert classes(found([by_request(91)], [a_row(1, hours=12.01)])) != {}


def test_two_lines_with_one_id_use_the_row_once() -> None:
    """The second is missing in the ledger."""
    assert len(classes(found([by_request(1), by_request(1)], [a_row(1)]))) == 1


def test_a_request_that_was_not_billed_is_told_by_why() -> None:
    """Broken off, among the newest days, or simply not there; one that cost nothing is no difference."""
    lines = [by_request(1)]
    terms = {"period": (FIRST_MS, FIRST_MS + 72 * HOUR_MS), "format": Format(provider=PROVIDER, late_days=1)}

    assert list(classes(found(lines, [a_row(1), a_row(2, hours=20, status="cancelled")], **terms))) == [
        "interrupted or estimated"
    ]
    assert "may not be complete" in only(found(lines, [a_row(1), a_row(2, hours=60)], **terms)).evidence
    assert "may not be complete" not in only(found(lines, [a_row(1), a_row(2, hours=20)], **terms)).evidence
    free = a_row(2, hours=20, cost_nanousd=0, components={})
    assert classes(found(lines, [a_row(1), free], **terms)) == {}
    nameless = a_row(2, hours=20, provider_request_id=None, request_id=None)
    assert list(classes(found(lines, [a_row(1), nameless], **terms))) == ["missing in statement"]


def test_rows_rounded_by_the_statement_are_rounding() -> None:
    """$0.0045 printed as $0.00 in whole cents."""
    comparison = found(
        [by_request(1, "0.00")], [a_row(1)], format=Format(provider=PROVIDER, rounded_to=Decimal("0.01"))
    )

    assert classes(comparison) == {"rounding": Decimal("-0.0045")}


def test_requests_without_money_are_compared_in_tokens() -> None:
    """Equal tokens match; others are a finding of $0; one that is missing is too."""
    more = {"input_tokens": 1_300, "output_tokens": 100}
    lines = [by_request(1, None), by_request(2, None, quantities=more), by_request(9, None, quantities=more)]
    comparison = found(lines, [a_row(1), a_row(2, hours=13), a_row(3, hours=14)])

    assert not comparison.has_money
    assert classes(comparison) == {
        "missing in ledger": Decimal(0),
        "ambiguous (missing in ledger or other key or host)": Decimal(0),
        "missing in statement": Decimal(0),
    }


def test_many_findings_keep_a_sample_of_their_lines() -> None:
    """Twenty lost requests of a day are one finding with eight line numbers."""
    lines = [by_request(100 + number, number=number + 2) for number in range(20)]
    one = only(found(lines, []))

    assert (one.requests, one.line_count, len(one.lines)) == (20, 20, 8)


def test_hundreds_of_requests_are_matched_in_chunks() -> None:
    """More than one chunk of ids, in any order; rows of another provider with the same id are not taken."""
    lines = [by_request(number, number=number + 2) for number in range(1, 1_201)]
    rows = [a_row(number) for number in range(1, 1_201)]
    foreign = [row._replace(provider="elsewhere") for row in rows[:1]]

    assert classes(found(lines[::-1], rows)) == {}
    assert len(classes(found(lines[:1], foreign))) == 1


def test_a_request_of_the_day_before_is_matched_and_not_counted_twice() -> None:
    """The provider's clock is a little behind ours: the row is outside the day, the line inside."""
    at = FIRST + timedelta(seconds=1)
    near = a_row(1, hours=-0.0001)

    foreign = a_row(2, hours=-0.1)

    assert classes(found([by_request(91, since=at, until=at)], [near, foreign])) == {}


def test_a_statement_of_another_account_still_shows_what_the_ledger_has() -> None:
    """Nothing matches: the ledger's $0.0045 is missing in the statement in full, though no pair told any money."""
    other = by_request(77, quantities={"input_tokens": 7})
    comparison = found([other], [a_row(1)])

    assert (comparison.ledger, comparison.ledger_requests) == (Decimal("0.0045"), 1)
    assert classes(comparison)["missing in statement"] == Decimal("-0.0045")
    assert "another account" in advice(comparison, statement="x.csv", today=date(2026, 10, 9))[0].text
