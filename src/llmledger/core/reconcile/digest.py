"""A statement alone: what it bills by model, key, project and day, its prices against our table, its tokens priced by us."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal

from llmledger.core.reconcile.booked import TOKENS, ZERO, UnitPrice
from llmledger.core.reconcile.cells import Canonical, ms_of
from llmledger.core.statement import LineKind, StatementLine

DAY_MS = 86_400_000
_SLIGHT = Decimal("0.001")

Place = tuple[str, str, str, str, str, str, tuple[tuple[str, str], ...]]
"""Day, provider, model as billed, meter, key, project, context."""


@dataclass(slots=True)
class Share:
    """What is billed under one heading."""

    amount: Decimal = ZERO
    tokens: Decimal = ZERO
    ours: Decimal = ZERO
    """Its quantities at our prices."""
    lines: int = 0
    is_priced: bool = True
    """Whether our table has a price for all of it."""
    tells_money: bool = False
    """Whether the statement tells the amount of any of it."""


@dataclass(frozen=True, slots=True)
class OddPrice:
    """A meter whose billed unit price is not the one of our table."""

    provider: str
    model: str
    meter: str
    since: str
    """The first day."""
    implied: Decimal
    """USD per million."""
    expected: Decimal | None
    lines: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceCheck:
    """The unit prices of a statement against those of our table; a price is that of a model and meter."""

    agreeing: int
    odd: tuple[OddPrice, ...]
    """Those that are others, and those that our table lacks."""


@dataclass(slots=True)
class Digest:
    """Sums of a statement's lines, kept small: one entry per place, not per line."""

    canonical: Canonical
    unit_price: UnitPrice
    _places: dict[Place, list[Decimal]] = field(default_factory=dict)
    """USD, lines, and those of them that tell money."""
    _quantities: dict[Place, dict[str, Decimal]] = field(default_factory=dict)
    _kinds: dict[LineKind, list[Decimal]] = field(default_factory=dict)
    """USD, lines, and those of them that tell money."""

    def add(self, line: StatementLine, usd: Decimal | None) -> None:
        """Count a line; what it is about is kept of usage only."""
        kind = self._kinds.setdefault(line.kind, [ZERO, ZERO, ZERO])
        kind[0] += usd or ZERO
        kind[1] += 1
        kind[2] += usd is not None
        if line.kind is not LineKind.USAGE:
            return
        place: Place = (
            line.since.date().isoformat(),
            line.provider,
            line.model,
            line.meter or "",
            line.key or "",
            line.project or "",
            tuple(line.context.items()),
        )
        sums = self._places.get(place)
        if sums is None:
            sums = self._places[place] = [ZERO, ZERO, ZERO]
            self._quantities[place] = {}
        sums[0] += usd or ZERO
        sums[1] += 1
        sums[2] += usd is not None
        told = self._quantities[place]
        for meter, quantity in line.quantities.items():
            told[meter] = told.get(meter, ZERO) + quantity

    def kinds(self) -> list[tuple[str, Decimal | None, int]]:
        """Usage, taxes, credits and the other kinds of lines, with their amounts (whose sum is the bill) and line counts.

        An amount is None where no line tells one that we can compare.
        """
        return [
            (str(kind), amount if told else None, int(lines))
            for kind, (amount, lines, told) in sorted(self._kinds.items())
        ]

    def shares(self, heading: str) -> list[tuple[str, Share]]:
        """What is billed by `model`, `key`, `project` or `day`, the largest first."""
        position = {"day": 0, "model": 2, "key": 4, "project": 5}[heading]
        found: dict[str, Share] = {}
        for place, sums in self._places.items():
            name = str(place[position])
            if heading == "model":
                name = f"{place[1]}/{name}" if name else place[1]
            share = found.setdefault(name or "—", Share())
            share.amount += sums[0]
            share.lines += int(sums[1])
            share.tells_money = share.tells_money or bool(sums[2])
            for meter, quantity in self._quantities[place].items():
                share.tokens += quantity if meter in TOKENS else 0
                price = self._price(place, meter)
                share.is_priced = share.is_priced and price is not None
                share.ours += quantity * (price or ZERO)
        order = sorted(found.items(), key=lambda item: item[0])
        return order if heading == "day" else sorted(order, key=lambda item: (-item[1].amount, -item[1].tokens))

    def check_prices(self, *, step: Decimal = ZERO) -> PriceCheck:
        """Compare unit prices with our table's; a tenth of a percent and the rows' rounding are no difference."""
        found: dict[tuple[str, str, str], tuple[list[Decimal], str, Decimal | None]] = {}
        agreed: set[tuple[str, str, str]] = set()
        for place, sums in sorted(self._places.items()):
            day, provider, model, meter, *_ = place
            quantity = self._quantities[place].get(meter)
            if not meter or not quantity or not sums[2]:
                continue
            price = self._price(place, meter)
            slack = step / 2 * sums[1] + abs(sums[0]) * _SLIGHT
            if price is not None and abs(sums[0] - price * quantity) <= slack:
                agreed.add((provider, model, meter))
                continue
            total, since, _ = found.get((provider, model, meter), ([ZERO, ZERO, ZERO], day, price))
            total = [total[0] + sums[0], total[1] + quantity, total[2] + sums[1]]
            found[provider, model, meter] = total, since, price
        return PriceCheck(agreeing=len(agreed - found.keys()), odd=tuple(_odd(found)))

    def _price(self, place: Place, meter: str) -> Decimal | None:
        at = ms_of(datetime.fromisoformat(place[0]).replace(tzinfo=UTC)) + DAY_MS // 2
        return self.unit_price(place[1], self.canonical(place[1], place[2]), meter, at, dict(place[6]))


def _odd(found: dict[tuple[str, str, str], tuple[list[Decimal], str, Decimal | None]]) -> Iterator[OddPrice]:
    for (provider, model, meter), ((amount, quantity, lines), since, price) in found.items():
        expected = None if price is None else price * 1_000_000
        yield OddPrice(provider, model, meter, since, amount / quantity * 1_000_000, expected, int(lines))
