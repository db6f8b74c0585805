"""Models under two names: known as one by the same counts in most periods, or by several counts in some."""

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal

import pytest
from tests.support.planted import priced
from tests.support.reconcile_cases import DAY, a_line, a_row, classes, found

from llmledger.core.reconcile.booked import Booked
from llmledger.core.statement import StatementLine

READ = {"input_tokens": 1_000, "cache_read_tokens": 300, "cache_write_tokens": 80, "output_tokens": 100}


def day_of(number: int, *, output: int = 100, times: int = 1) -> list[StatementLine]:
    """What a day bills of `preview` for the same request so many times: 620 fresh, 300 read and 80 written in."""
    told = {"input_tokens": 620, "cache_read_tokens": 300, "cache_write_tokens": 80, "output_tokens": output}
    since = a_line().since + timedelta(days=number)
    return [
        a_line(meter, count * times, model="preview", since=since, until=since + DAY) for meter, count in told.items()
    ]


def rows(days: Sequence[int]) -> list[Booked]:
    """A request to `large` on some days."""
    return [priced(a_row(day, hours=24 * day + 12, usage=READ)) for day in days]


def test_one_day_with_four_equal_counts_makes_one_model_of_two_names() -> None:
    """The first of three days is the same; on the others the bill has three and four such requests: five are missing."""
    comparison = found([*day_of(0), *day_of(1, times=3), *day_of(2, times=4)], rows([0, 1, 2]))

    assert list(classes(comparison)) == ["ambiguous (missing in ledger or other key or host)"]
    assert {one.model for one in comparison.findings} == {"large"}


def test_the_same_input_is_enough_where_output_was_estimated() -> None:
    """40 tokens of output more on each of two days, all of whose requests are estimates: 80 x $15 per million."""
    guessed = [row._replace(quality="estimated") for row in rows([0, 1])]
    comparison = found([*day_of(0, output=140), *day_of(1, output=140)], guessed)

    assert classes(comparison) == {"interrupted or estimated": Decimal("0.0012")}


@pytest.mark.parametrize("meters", [["input_tokens"], ["input_tokens", "output_tokens"]])
def test_a_day_with_few_equal_counts_makes_no_model(meters: list[str]) -> None:
    """One or two counts that are the same on one day of three may be chance: each name stays its own."""
    lines = [
        line for day, times in ((0, 1), (1, 2), (2, 3)) for line in day_of(day, times=times) if line.meter in meters
    ]
    usage = {"input_tokens": 620, "output_tokens": 100}
    told = [
        priced(a_row(day, hours=24 * day + 12, usage={meter: usage[meter] for meter in meters})) for day in (0, 1, 2)
    ]

    assert {one.model for one in found(lines, told).findings} == {"large", "preview"}
