"""Lines whose id the ledger does not know, kept small: matched by model, tokens and time, each once, or left over."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

from llmledger.core.reconcile.booked import NANO, Booked, tokens
from llmledger.core.reconcile.cells import Canonical, ms_of, time_of
from llmledger.core.statement import StatementLine
from llmledger.core.usage import Quantity

NEAR_MS = 2_000
"""How far the clock of a line and that of its request may be apart."""


class Loose(NamedTuple):
    """What is needed of a line that has no partner by id: a statement of another account has nothing else."""

    number: int
    at_ms: int
    provider: str
    model: str
    key: str | None
    tokens: int
    billed: int | Decimal | None
    """Nano-USD where they are whole, else USD."""

    @property
    def usd(self) -> Decimal | None:
        """What was billed."""
        return self.billed * NANO if isinstance(self.billed, int) else self.billed

    def line(self, told: Mapping[str, Quantity]) -> StatementLine:
        """The line, with the quantities that it shares with a request."""
        at = time_of(self.at_ms)
        return StatementLine(
            number=self.number,
            since=at,
            until=at,
            provider=self.provider,
            model=self.model,
            key=self.key,
            quantities=told,
            requests=1,
        )


@dataclass(slots=True)
class Near:
    """The loose lines, found by a hash of their model and tokens."""

    canonical: Canonical
    _lines: dict[int, Loose | list[Loose]] = field(default_factory=dict)

    def add(self, line: StatementLine, usd: Decimal | None) -> None:
        """Keep a line."""
        nano = None if usd is None else usd / NANO
        billed = usd if nano is None or nano != (whole := int(nano)) else whole
        count = tokens(line.quantities)
        loose = Loose(line.number, ms_of(line.since), line.provider, line.model, line.key, count, billed)
        alike = self._alike(line.provider, line.model, line.quantities)
        others = self._lines.get(alike)
        if others is None:
            self._lines[alike] = loose
        elif isinstance(others, list):
            others.append(loose)
        else:
            self._lines[alike] = [others, loose]

    def take(self, row: Booked, told: Mapping[str, Quantity]) -> Loose | None:
        """The line nearest in time that is like a request, within two seconds, taken out; None when there is none."""
        if not self._lines:
            return None
        alike = self._alike(row.provider, row.served_model or row.model, told)
        found = self._lines.get(alike, [])
        lines = found if isinstance(found, list) else [found]
        close = [
            (abs(line.at_ms - row.started_ms), position)
            for position, line in enumerate(lines)
            if line.provider == row.provider and abs(line.at_ms - row.started_ms) <= NEAR_MS
        ]
        if not close:
            return None
        taken = lines.pop(min(close)[1])
        if not lines:
            del self._lines[alike]
        return taken

    def rest(self) -> Iterator[Loose]:
        """What is left."""
        for found in self._lines.values():
            if isinstance(found, list):
                yield from found
            else:
                yield found

    def _alike(self, provider: str, model: str, told: Mapping[str, Quantity]) -> int:
        counted = tuple(sorted((meter, quantity) for meter, quantity in told.items() if quantity))
        return hash((provider, self.canonical(provider, model), counted))
