"""Lines that disagree with their requests in the same way are explained together, and as they would be one by one."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from tests.support.planted import FIRST_MS, priced, spent
from tests.support.reconcile_cases import HOUR_MS, a_line, a_row, classes, found

from llmledger.core.reconcile import alike
from llmledger.core.reconcile.booked import Booked, quantities
from llmledger.core.reconcile.cells import meters_of
from llmledger.core.statement import StatementLine

METERS = meters_of((), splits_cache=True)
COUNT = 40


def rows() -> list[Booked]:
    """Requests of different sizes, each with 100 tokens read from a cache and a tenth of its output as reasoning."""
    return [
        priced(
            a_row(
                number,
                hours=12 + number / 100,
                usage={
                    "input_tokens": 1_000 + 11 * number,
                    "cache_read_tokens": 100,
                    "output_tokens": 100 + 10 * number,
                    "reasoning_tokens": 10 + number,
                },
            )
        )
        for number in range(1, COUNT + 1)
    ]


def a_bill(row: Booked, **told: int) -> StatementLine:
    """A line about a request, with some of its tokens told otherwise and priced so."""
    usage = row._replace(usage={**row.usage, **told})
    at = datetime.fromtimestamp((FIRST_MS + 12 * HOUR_MS) / 1000 + row.row, UTC)
    line = a_line(amount="0", quantities=quantities(usage, METERS), requests=1, request_id=row.provider_request_id)
    return line._replace(since=at, until=at, number=row.row, amount=sum(spent(usage, {}).values(), Decimal(0)))


def four_ways(rows: Sequence[Booked]) -> list[StatementLine]:
    """A quarter each: at three times the price, all input fresh, with the reasoning on top, with 7 tokens of output more."""
    lines = []
    for row in rows:
        output = int(row.usage["output_tokens"])
        lines.append(
            (
                a_bill(row)._replace(amount=3 * a_bill(row).amount),  # type: ignore[operator]
                a_bill(row, cache_read_tokens=0),
                a_bill(row, output_tokens=output + int(row.usage["reasoning_tokens"])),
                a_bill(row, output_tokens=output + 7),
            )[row.row % 4]
        )
    return lines


def test_a_hundred_disagreements_are_few_findings_with_the_same_sums() -> None:
    """Each line alone makes the classes that all of them together make."""
    ledger = rows()
    lines = four_ways(ledger)
    together = found(lines, ledger)
    alone: Counter[str] = Counter()
    for line, row in zip(lines, ledger, strict=True):
        alone.update(classes(found([line], [row])))  # type: ignore[arg-type]

    assert classes(together) == dict(alone)
    assert set(alone) == {"ambiguous (price differs or tier or batch)", "cached split", "reasoning", "unexplained"}
    assert len(together.findings) == 4
    assert sum(one.requests for one in together.findings) == COUNT
    assert {len(one.lines) for one in together.findings} == {8}
    assert {len(one.request_ids) for one in together.findings} == {8}


def test_large_requests_are_explained_one_by_one() -> None:
    """Two prompts of 250,000 tokens at the long price, which is twice the short one, and two small ones at twice the price."""
    large = [priced(a_row(number, usage={"input_tokens": 250_000, "output_tokens": 10})) for number in (1, 2)]
    small = rows()[2:4]
    lines = [a_bill(row)._replace(amount=2 * row.cost) for row in large]
    lines += [a_bill(row)._replace(amount=2 * row.cost) for row in small]
    told = classes(found(lines, [*large, *small]))

    assert told == {
        "context tier": sum((row.cost for row in large), Decimal(0)),
        "ambiguous (price differs or tier or batch)": sum((row.cost for row in small), Decimal(0)),
    }


def test_different_prices_of_the_same_tokens_are_kept_apart() -> None:
    """No mode costs eight times as much, so that is a price; three times as much may be part of a mode."""
    eight, three = rows()[:4], rows()[4:8]
    lines = [a_bill(row)._replace(amount=8 * row.cost) for row in eight]
    lines += [a_bill(row)._replace(amount=3 * row.cost) for row in three]

    assert classes(found(lines, [*eight, *three])) == {
        "price differs": 7 * sum((row.cost for row in eight), Decimal(0)),
        "ambiguous (price differs or tier or batch)": 2 * sum((row.cost for row in three), Decimal(0)),
    }


def test_groups_are_explained_before_they_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """With room for two groups the sums are the same."""
    ledger = rows()
    whole = classes(found(four_ways(ledger), ledger))
    monkeypatch.setattr(alike, "MOST_GROUPS", 2)

    assert classes(found(four_ways(ledger), ledger)) == whole


def test_what_has_no_price_or_cost_is_taken_together_too() -> None:
    """An unheard-of model, and requests that cost the ledger nothing: all are prices that differ."""
    strange = [row._replace(model="unheard-of", cost_nanousd=None, components={}) for row in rows()[:3]]
    lines = [a_bill(row, output_tokens=50)._replace(model="unheard-of", amount=Decimal("0.5")) for row in strange]
    free = [row._replace(cost_nanousd=0, components={}) for row in rows()[:3]]
    comparison = found(lines, strange)

    assert len(comparison.findings) < 3
    assert sum(classes(comparison).values(), Decimal(0)) == Decimal("1.5")
    assert all("price differs" in name for name in classes(found([a_bill(row) for row in free], free)))
