"""Pairs of a line and its request that disagree in the same way, taken together: explained once, with their sums.

What a cause makes of one request it makes of the sum of several: the same tokens at one other price, input told apart otherwise,
just the reasoning tokens more. So pairs are put together by what their explanation depends on, and a statement of a million
lines that all disagree is explained by some hundred sums.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from llmledger.core.reconcile.booked import NANO, ZERO, Booked, UnitPrice, money, quantities
from llmledger.core.reconcile.causes import Grain
from llmledger.core.reconcile.cells import Billed, Canonical, Side, ms_of
from llmledger.core.reconcile.claims import THRESHOLDS
from llmledger.core.reconcile.gather import SAMPLE
from llmledger.core.reconcile.view import INPUTS, View
from llmledger.core.statement import StatementLine
from llmledger.core.usage import Quantity

DAY_MS = 86_400_000
HOUR_MS = 3_600_000
MOST_GROUPS = 20_000
"""When so many are kept, they are explained: prices that differ from line to line shall not fill the memory."""

_Gap = list[tuple[str, Quantity]]


@dataclass(slots=True)
class Group:
    """Some pairs as one: both sides' sums, and who they are."""

    day: int
    line: StatementLine
    """The first."""
    row: Booked
    """A request with the usage of all; what else it says is the same of each."""
    model: str
    billed: Billed
    ledger: Side = field(default_factory=Side)
    cost: Decimal = ZERO
    usage: dict[str, Quantity] = field(default_factory=dict)
    ids: list[str] = field(default_factory=list)

    @property
    def count(self) -> int:
        """How many pairs."""
        return self.billed.line_count


@dataclass(slots=True)
class Alike:
    """Groups while pairs go by."""

    unit_price: UnitPrice
    canonical: Canonical
    meters: frozenset[str]
    half_step: Decimal
    _groups: dict[tuple[object, ...], Group] = field(default_factory=dict)
    _prices: dict[tuple[str, str, int], dict[str, Decimal | None]] = field(default_factory=dict)

    def add(self, line: StatementLine, usd: Decimal | None, row: Booked) -> None:
        """Count a pair that disagrees, or whose money is not known."""
        told = quantities(row, self.meters)
        gaps = _gap(line, told)
        start = ms_of(line.since)
        model = self.canonical(row.provider, row.served_model or row.model)
        prices = self._prices_at(line.provider, model, start)
        identity = (
            (start // DAY_MS, line.provider, model, line.key, prices["input_tokens"], prices["output_tokens"]),
            (row.quality, row.status, row.attempts > 1, row.cost_nanousd is None, tuple(row.context.items())),
            _pattern(gaps, line.quantities, told, int(row.usage.get("reasoning_tokens", 0))) if gaps else (),
            _scale(usd, row, gaps, prices),
            line.number if row.input_size > THRESHOLDS[0] else 0,
        )
        group = self._groups.get(identity)
        if group is None:
            billed = Billed(counts_requests=True, has_money=usd is not None)
            group = self._groups[identity] = Group(start // DAY_MS, line, row, model, billed)
        self._sum(group, line, usd, row, told)

    @property
    def is_full(self) -> bool:
        """Whether it is time to explain what is there."""
        return len(self._groups) >= MOST_GROUPS

    def take(self) -> Iterator[tuple[Group, View]]:
        """Hand every group over, with the view that explains it, and forget it."""
        groups, self._groups = self._groups, {}
        for group in groups.values():
            yield group, self._view(group)

    def _sum(
        self, group: Group, line: StatementLine, usd: Decimal | None, row: Booked, told: Mapping[str, Quantity]
    ) -> None:
        billed, ledger = group.billed, group.ledger
        for sums, more in ((billed.quantity, line.quantities), (ledger.quantity, told), (group.usage, row.usage)):
            for meter, quantity in more.items():
                sums[meter] = sums.get(meter, 0) + quantity
        for meter, amount in money(row, self.meters).items():
            ledger.money[meter] = ledger.money.get(meter, ZERO) + amount
        if usd is not None:
            billed.money[""] = billed.money.get("", ZERO) + usd
        group.cost += row.cost
        billed.requests += 1
        ledger.requests += 1
        billed.line_count += 1
        if billed.line_count <= SAMPLE:
            billed.lines.append(line.number)
            group.ids += [row.request_id.hex()] if row.request_id else []

    def _prices_at(self, provider: str, model: str, at_ms: int) -> dict[str, Decimal | None]:
        place = provider, model, at_ms // HOUR_MS
        found = self._prices.get(place)
        if found is None:
            names = (*INPUTS, "output_tokens")
            found = {meter: self.unit_price(provider, model, meter, at_ms, {}) for meter in names}
            self._prices[place] = found
        return found

    def _view(self, group: Group) -> View:
        start = ms_of(group.line.since)
        return View(
            grain=Grain.REQUEST,
            block=(start, start),
            provider=group.line.provider,
            model=group.model,
            billed=group.billed,
            ledger=group.ledger,
            half_step=self.half_step,
            unit_price=self.unit_price,
            rows=(group.row._replace(usage=group.usage, requests=group.count),),
            meters=self.meters,
            has_keys=True,
            tells_money=group.billed.has_money,
        )


def _gap(line: StatementLine, told: Mapping[str, Quantity]) -> _Gap:
    """Billed less ledger by meter, zeros left out, in order of name."""
    billed = line.quantities
    gaps = [(meter, billed.get(meter, 0) - told.get(meter, 0)) for meter in sorted({*billed, *told})]
    return [(meter, gap) for meter, gap in gaps if gap]


def _pattern(
    gaps: _Gap, billed: Mapping[str, Quantity], told: Mapping[str, Quantity], thought: int
) -> tuple[object, ...]:
    """How the quantities differ, as far as a cause depends on it."""
    gap = dict(gaps)
    output = gap.get("output_tokens", 0)
    return (
        tuple((meter, count > 0, meter in told) for meter, count in gaps),
        sum(gap.get(meter, 0) for meter in INPUTS) == 0,
        (output == thought, output == -thought, output >= thought) if thought else None,
        all(gap.get(meter) == count for meter, count in told.items()),
        all(gap.get(meter) == -count for meter, count in billed.items()),
    )


def _scale(
    usd: Decimal | None, row: Booked, gaps: _Gap, prices: Mapping[str, Decimal | None]
) -> tuple[bool, int | None] | None:
    """The billed amount in thousandths of what its tokens cost at our prices; whether nothing is billed."""
    if usd is None:
        return None
    expected = row.cost
    for meter, count in gaps:
        price = prices.get(meter)
        if price is None:
            return not usd, None
        expected += price * count
    ours, theirs = int(expected / NANO), int(usd / NANO)
    if ours <= 0:
        return not usd, None
    # Two digits are enough of what is many times as much.
    parts = (2_000 * theirs + ours) // (2 * ours)
    return not usd, parts if abs(parts) < 10_000 else parts // 1_000 * 1_000
