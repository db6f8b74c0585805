"""Single requests that are not billed, or billed once more, told by the sums of their tokens."""

from collections.abc import Mapping
from decimal import Decimal

import pytest
from tests.support.planted import PRICES, priced
from tests.support.reconcile_cases import a_line, a_row, classes, found, only

from llmledger.core.reconcile.booked import Booked
from llmledger.core.reconcile.causes import Cause
from llmledger.core.reconcile.compare import Comparison

MANY = 24
"""More requests than all choices of them are looked through."""


def a_request(number: int, *, reasoning: int = 0, **changes: object) -> Booked:
    """1,000 + its number squared in, 100 + its number out; a hundred of the input read from a cache."""
    usage = {
        "input_tokens": 1_000 + number**2,
        "cache_read_tokens": 100,
        "output_tokens": 100 + number,
        "reasoning_tokens": reasoning,
    }
    return priced(a_row(number, hours=number / 2, usage=usage)._replace(**changes))  # type: ignore[arg-type]


def billed(rows: list[Booked], rest: list[Booked], more: Mapping[str, int] | None = None) -> Comparison:
    """A bill of some requests (and some tokens more) against a ledger with others too."""
    told: dict[str, int] = {"input_tokens": 0, "cache_read_tokens": 0, "output_tokens": 0} | dict(more or {})
    for row in rows:
        told["input_tokens"] += int(row.usage["input_tokens"]) - 100
        told["cache_read_tokens"] += 100
        told["output_tokens"] += int(row.usage["output_tokens"])
    return found([a_line(meter, count) for meter, count in told.items()], rest)


def cost(*rows: Booked) -> Decimal:
    """What they cost in the ledger."""
    return sum((row.cost for row in rows), Decimal(0))


def test_two_requests_that_the_bill_lacks_are_named() -> None:
    """The third and the fifth of six."""
    rows = [a_request(number) for number in range(1, 7)]
    one = only(billed([row for row in rows if row.row not in (3, 5)], rows))

    assert (one.causes, one.amount) == ((Cause.MISSING_IN_STATEMENT,), -cost(rows[2], rows[4]))
    assert one.request_ids == tuple(row.request_id.hex() for row in (rows[2], rows[4]) if row.request_id)
    assert "exactly 2 requests" in one.evidence


def test_a_try_that_failed_for_us_and_was_billed_repeats_its_request() -> None:
    """The second request took two tries: its tokens are billed twice."""
    rows = [a_request(1), a_request(2, attempts=2), a_request(3)]
    one = only(billed([*rows, rows[1]], rows))

    assert (one.causes, one.amount) == ((Cause.INTERRUPTED,), cost(rows[1]))
    assert "1 request that took more than one try is billed once more" in one.evidence


def test_as_many_requests_with_one_more_and_one_less_are_both_told() -> None:
    """The first is not billed, the second twice."""
    rows = [a_request(1), a_request(2, attempts=2), a_request(3)]

    assert classes(billed([*rows[1:], rows[1]], rows)) == {
        "missing in statement": -cost(rows[0]),
        "interrupted or estimated": cost(rows[1]),
    }


def test_what_else_happened_is_explained_once_they_are_known() -> None:
    """The first is not billed; of the others the ledger left the 40 reasoning tokens out: 40 x $15 per million."""
    rows = [a_request(1, reasoning=30), a_request(2, reasoning=15), a_request(3, reasoning=25)]

    assert classes(billed(rows[1:], rows, {"output_tokens": 40})) == {
        "missing in statement": -cost(rows[0]),
        "reasoning": 40 * PRICES["output_tokens"],
    }


def test_requests_alike_are_not_told_apart() -> None:
    """Either of two may be the one that is missing, so that none is named."""
    rows = [a_request(1), a_request(1, started_ms=a_request(5).started_ms, provider_request_id="other"), a_request(3)]
    one = only(billed(rows[1:], rows))

    assert (one.causes, one.request_ids) == ((Cause.MISSING_IN_STATEMENT,), ())


@pytest.mark.parametrize("failed", [True, False])
def test_of_many_the_last_are_found(*, failed: bool) -> None:
    """The bill ends before the last three of 24; when they broke off, that is why."""
    status = "failed" if failed else "completed"
    rows = [a_request(number, status=status if number > MANY - 3 else "completed") for number in range(1, MANY + 1)]
    one = only(billed(rows[:-3], rows))

    assert one.causes == ((Cause.INTERRUPTED,) if failed else (Cause.MISSING_IN_STATEMENT,))
    assert (one.amount, len(one.request_ids)) == (-cost(*rows[-3:]), 3)


def test_of_many_others_than_the_last_are_not_looked_for() -> None:
    """The first of 24 is missing all the same, but not by name."""
    rows = [a_request(number) for number in range(1, MANY + 1)]
    one = only(billed(rows[1:], rows))

    assert (one.causes, one.request_ids) == ((Cause.MISSING_IN_STATEMENT,), ())


def test_a_bill_of_nothing_but_a_search_lacks_every_request() -> None:
    """A search that the ledger did not count, and none of the 24 requests."""
    rows = [a_request(number) for number in range(1, MANY + 1)]
    told = classes(found([a_line("web_searches", 1)], rows))

    assert told == {"missing in statement": -cost(*rows), "tool fees": PRICES["web_searches"]}


def test_of_many_the_last_are_found_beside_something_else() -> None:
    """The last three of 24 are not billed, and the others' output has the 21 reasoning tokens that the ledger left out."""
    rows = [a_request(number, reasoning=1) for number in range(1, MANY + 1)]

    assert classes(billed(rows[:-3], rows, {"output_tokens": MANY - 3})) == {
        "missing in statement": -cost(*rows[-3:]),
        "reasoning": (MANY - 3) * PRICES["output_tokens"],
    }


def test_of_many_with_more_on_the_bill_none_is_missing_there() -> None:
    """A request that the ledger lacks beside 24 that it has."""
    rows = [a_request(number) for number in range(1, MANY + 2)]

    assert "missing in ledger" in only(billed(rows, rows[:-1])).class_name
