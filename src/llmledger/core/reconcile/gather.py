"""Lines that bill the same meter of the same period, model, key and context, as one with their sums."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

from llmledger.core.reconcile.booked import ZERO
from llmledger.core.statement import StatementLine
from llmledger.core.usage import Quantity

Priced = tuple[StatementLine, Decimal | None]
"""A line with its amount in USD, None when that is not known."""
SAMPLE = 8


class Gathered(NamedTuple):
    """Some lines as one: its amounts, quantities and requests are their sums."""

    line: StatementLine
    usd: Decimal | None
    line_count: int
    numbers: tuple[int, ...]
    """Of some of them."""


@dataclass(slots=True)
class _Sums:
    first: StatementLine
    has_usd: bool
    usd: Decimal = ZERO
    amount: Decimal = ZERO
    list_amount: Decimal = ZERO
    requests: int = 0
    quantities: dict[str, Quantity] = field(default_factory=dict)
    count: int = 0
    numbers: list[int] = field(default_factory=list)


@dataclass(slots=True)
class Gathering:
    """Sums of lines that differ in nothing but their quantities and amounts; a million lines tell a few thousand."""

    _groups: dict[tuple[object, ...], _Sums] = field(default_factory=dict)

    def add(self, line: StatementLine, usd: Decimal | None) -> None:
        """Count a line."""
        context = tuple(line.context.items()) if line.context else None
        told = usd is None, line.amount is None, line.list_amount is None, line.requests is None
        identity = line.since, line.until, line.provider, line.model, line.meter, line.key, line.currency, context, told
        sums = self._groups.get(identity)
        if sums is None:
            sums = self._groups[identity] = _Sums(line, usd is not None)
        sums.count += 1
        if usd is not None:
            sums.usd += usd
        if line.list_amount is not None:
            sums.list_amount += line.list_amount
            sums.amount += line.amount or ZERO
        if line.requests:
            sums.requests += line.requests
        quantities = sums.quantities
        for meter, quantity in line.quantities.items():
            quantities[meter] = quantities.get(meter, 0) + quantity
        if sums.count <= SAMPLE:
            sums.numbers.append(line.number)

    def all(self) -> Iterator[Gathered]:
        """Every sum, in order of first sight."""
        return map(_as_one, self._groups.values())


def gathered(lines: Iterable[Priced]) -> Iterator[Gathered]:
    """Sum lines that differ in nothing but their quantities and amounts."""
    gathering = Gathering()
    for line, usd in lines:
        gathering.add(line, usd)
    yield from gathering.all()


def _as_one(sums: _Sums) -> Gathered:
    first = sums.first
    line = first._replace(
        quantities=sums.quantities,
        requests=None if first.requests is None else sums.requests,
        amount=sums.amount if first.list_amount is not None else first.amount,
        list_amount=None if first.list_amount is None else sums.list_amount,
    )
    return Gathered(line, sums.usd if sums.has_usd else None, sums.count, tuple(sums.numbers))
