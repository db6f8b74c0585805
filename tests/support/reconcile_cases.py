"""Single rows and lines, compared within three days: short ways for tests of single differences."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

from tests.support.planted import FIRST, FIRST_MS, PRICES, PROVIDER, TERMS, Rows, priced

from llmledger.core.reconcile.booked import Booked
from llmledger.core.reconcile.causes import Cause, Finding
from llmledger.core.reconcile.compare import Comparison, compare
from llmledger.core.statement import StatementLine

DAY = timedelta(days=1)
HOUR_MS = 3_600_000


def a_row(number: int = 1, *, hours: float = 12, usage: Mapping[str, int] | None = None, **changes: Any) -> Booked:
    """A request to `large` of 1,000 in and 100 out: 0.003 + 0.0015 = $0.0045, or the usage given."""
    told = {"input_tokens": 1_000, "output_tokens": 100} if usage is None else dict(usage)
    row = Booked(
        row=number,
        ledger=0,
        request_id=number.to_bytes(16, "big"),
        provider_request_id=f"resp-{number}",
        started_ms=FIRST_MS + round(hours * HOUR_MS),
        provider=PROVIDER,
        model="large",
        served_model=None,
        key=None,
        status="completed",
        quality="exact",
        cost_nanousd=None,
        usage=told,
        components={},
    )
    return priced(row)._replace(**changes)


def a_line(
    meter: str | None = None, quantity: int | None = None, amount: str | None = None, **changes: Any
) -> StatementLine:
    """A line about the first day and `large`; with a quantity and no amount it costs what our table says."""
    told = {} if quantity is None or meter is None else {meter: quantity}
    price = None if quantity is None or meter is None else PRICES[meter] * quantity
    values: dict[str, Any] = {
        "number": 2,
        "since": FIRST,
        "until": FIRST + DAY,
        "provider": PROVIDER,
        "model": "large",
        "meter": meter,
        "quantities": told,
        "amount": price if amount is None else Decimal(amount),
    }
    return StatementLine(**(values | changes))


def both(input_tokens: int = 1_000, output_tokens: int = 100, **changes: Any) -> list[StatementLine]:
    """A line for each meter."""
    return [a_line("input_tokens", input_tokens, **changes), a_line("output_tokens", output_tokens, **changes)]


def found(lines: Sequence[StatementLine], rows: Sequence[Booked], **terms: Any) -> Comparison:
    """Compare within the first three days, amounts taken as USD."""
    ours = replace(TERMS, **({"period": (FIRST_MS, FIRST_MS + 72 * HOUR_MS)} | terms))
    comparison = compare(((line, line.amount) for line in lines), Rows(rows), ours)
    assert comparison.difference == sum((one.amount for one in comparison.findings), Decimal(0))
    return comparison


def classes(comparison: Comparison) -> dict[str, Decimal]:
    """Amounts by class, without what matched."""
    sums: dict[str, Decimal] = {}
    for one in comparison.findings:
        if one.causes != (Cause.MATCHED,):
            sums[one.class_name] = sums.get(one.class_name, Decimal(0)) + one.amount
    return sums


def only(comparison: Comparison) -> Finding:
    """The one finding that is not matched."""
    [one] = [one for one in comparison.findings if one.causes != (Cause.MATCHED,)]
    return one
