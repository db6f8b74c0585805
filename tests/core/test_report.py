"""Sums of a group: unknown told apart from zero, plan value apart from money, exchange rates by day."""

from datetime import date
from decimal import Decimal

import pytest

from llmledger.core.report import (
    COST,
    NUMBERS,
    RECONCILED,
    REQUESTS,
    UNPRICED,
    ExchangeRates,
    Measures,
    Tally,
    measures_of,
)


def numbers(**sums: int) -> tuple[int, ...]:
    """A vector of sums; `cost` in nano-USD."""
    return tuple(sums.get(name, 0) for name in NUMBERS)


def tally(*vectors: tuple[int, ...], is_plan: bool = False) -> Tally:
    made = Tally()
    for vector in vectors:
        made.add(vector, is_plan=is_plan)
    return made


@pytest.mark.parametrize(
    ("vectors", "cost"),
    [
        ((), 0),
        ((numbers(requests=1),), 0),
        ((numbers(requests=1, unpriced=1),), None),
        ((numbers(requests=2, unpriced=1),), 0),
        ((numbers(requests=2, unpriced=1, cost=5),), 5),
    ],
    ids=["nothing costs 0", "free", "all unpriced", "one free, one unpriced", "a known part"],
)
def test_a_total_is_null_only_if_every_request_is_unpriced(
    vectors: tuple[tuple[int, ...], ...], cost: int | None
) -> None:
    """Priced, free and unpriced stay three things."""
    assert measures_of(tally(*vectors)).cost_nanousd == cost


def test_plan_value_is_never_added_to_cost() -> None:
    """Two columns; a group with only plan use costs nothing."""
    measures = measures_of(tally(numbers(requests=1, cost=7), is_plan=True))

    assert (measures.cost_nanousd, measures.plan_value_nanousd, measures.has_plan) == (0, 7, True)
    assert measures_of(tally(numbers(requests=1, unpriced=1), is_plan=True)).plan_value_nanousd is None
    assert not measures_of(tally()).has_plan


def test_what_was_charged_adds_the_corrections_of_invoices() -> None:
    """An invoice can know what a price table did not."""
    assert measures_of(tally(numbers(requests=1, cost=7, reconciled=-2))).charged_nanousd == 5
    assert measures_of(tally(numbers(requests=1, unpriced=1, reconciled=4))).charged_nanousd == 4
    assert measures_of(tally(numbers(requests=1, unpriced=1))).charged_nanousd is None


def test_estimated_cost_is_counted_apart() -> None:
    """Only of money spent."""
    made = Tally()
    made.add(numbers(requests=1, cost=3), is_plan=False, is_estimated=True)
    made.add(numbers(requests=1, cost=9), is_plan=True, is_estimated=True)
    other = tally(numbers(requests=1, cost=1))
    made.merge(other)

    assert (made.estimated_nanousd, made.spent[COST], made.spent[REQUESTS]) == (3, 4, 2)
    assert (tally().is_empty, made.is_empty) == (True, False)
    assert made.spent[UNPRICED] == made.spent[RECONCILED] == 0


def test_amounts_are_converted_by_the_rate_of_their_day() -> None:
    """$1 at 0.90 and $1 at 0.92 make 1.82; what lies before the first rate is unknown."""
    rates = ExchangeRates("EUR", ((date(2026, 1, 1), Decimal("0.90")), (date(2026, 7, 1), Decimal("0.92"))))

    assert rates.convert({1: 10**9, 2: 10**9}) == Decimal("1.82")
    assert rates.convert({0: 0, 2: 10**9}) == Decimal("0.92")
    assert rates.convert({0: 1}) is None
    assert rates.days == (date(2026, 1, 1), date(2026, 7, 1))


def test_json_rows_have_decimal_text_and_null() -> None:
    """Never a float."""
    row = Measures(requests=1, unpriced=1, cost_nanousd=None).json()

    assert (row["cost_usd"], row["plan_value_usd"], row["latency_p50_ms"]) == (None, "0", None)
