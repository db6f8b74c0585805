"""A cell that does not agree, as the explaining functions see it: differences, prices, rows, and what is tolerated."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from itertools import accumulate
from typing import Any, TypeVar

from llmledger.core.reconcile.booked import NANO, ZERO, Booked, UnitPrice, quantities
from llmledger.core.reconcile.causes import Cause, Grain
from llmledger.core.reconcile.cells import Billed, Block, Side
from llmledger.core.statement import NO_CONTEXT
from llmledger.core.usage import Quantity

INPUTS = ("input_tokens", "cache_read_tokens", "cache_write_tokens", "cache_write_1h_tokens")
_PLACES = Decimal("1e-30")
_TOGETHER_MS = 2_000
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Claim:
    """A cause with what it accounts for: quantities and money by meter, and the evidence in words."""

    causes: tuple[Cause, ...]
    quantity: Mapping[str, Decimal]
    money: Mapping[str, Decimal]
    evidence: str
    is_exact: bool = True
    """Whether the amount was predicted from the ledger's own rows; else it is whatever was left."""
    request_ids: tuple[str, ...] = ()
    key: str | None = None
    """The statement's key that it is about."""
    prices: Mapping[str, tuple[Decimal, Decimal]] = field(default_factory=dict)
    """By meter: implied and expected USD per unit."""

    @property
    def amount(self) -> Decimal:
        """All its money."""
        return sum(self.money.values(), ZERO)


@dataclass(frozen=True, slots=True)
class View:
    """One cell with what explaining needs."""

    grain: Grain
    block: Block
    provider: str
    model: str
    billed: Billed
    ledger: Side
    half_step: Decimal
    """USD: half of what each line is rounded to."""
    unit_price: UnitPrice
    rows: Sequence[Booked] = ()
    meters: frozenset[str] = frozenset()
    is_late: bool = False
    has_keys: bool = False
    """Whether the statement names keys here, all of which the ledger's own requests are billed under."""
    strange_keys: tuple[str, ...] = ()
    """Keys here beside others of the statement that nothing shows to be the ledger's."""
    may_be_shifted: bool = False
    """Whether the statement's days may begin elsewhere, since amounts without tokens could not show that they do not."""
    is_pruned: bool = False
    """Whether the rows here are sums of what was pruned, so that no single request is told."""
    tells_money: bool = True
    """Whether money is compared here; else tokens alone."""
    _asked: dict[tuple[str, object], Decimal | None] = field(default_factory=dict)
    """Prices that were asked before, by meter and context, or by meter as the ledger priced it."""
    _gaps: dict[str, dict[str, Decimal]] = field(default_factory=dict)
    """The gaps, once they were asked for."""
    _of_rows: dict[str, Any] = field(default_factory=dict)
    """What was found out about the rows before: every rule asks, and they may be many."""

    @property
    def by_meter(self) -> bool:
        """Whether the statement bills money by meter."""
        return self.grain in (Grain.METER, Grain.MONEY)

    @property
    def knows_quantities(self) -> bool:
        """Whether the statement tells quantities."""
        return bool(self.billed.quantity)

    @property
    def quantity_gap(self) -> dict[str, Decimal]:
        """Billed less ledger by meter, zeros left out; empty when the statement tells none."""
        if not self.knows_quantities and self.billed.line_count:
            return {}
        if "quantity" not in self._gaps:
            self._gaps["quantity"] = self._quantity_gap()
        return dict(self._gaps["quantity"])

    def _quantity_gap(self) -> dict[str, Decimal]:
        names = {*self.billed.quantity, *self.ledger.quantity}
        gaps = {
            meter: Decimal(self.billed.quantity.get(meter, 0)) - Decimal(self.ledger.quantity.get(meter, 0))
            for meter in sorted(names)
        }
        return {meter: gap for meter, gap in gaps.items() if gap}

    @property
    def money_gap(self) -> dict[str, Decimal]:
        """Billed less ledger by meter (or as one under ""), without what is rounding; empty when the statement tells no money."""
        return {meter: gap for meter, gap in self._all_money().items() if abs(gap) > self.allowed(meter)}

    @property
    def rounding(self) -> dict[str, Decimal]:
        """What rounding may have made of the difference, by meter: the gaps that are within it."""
        return {meter: gap for meter, gap in self._all_money().items() if abs(gap) <= self.allowed(meter)}

    def allowed(self, meter: str) -> Decimal:
        """USD that rounding may make of a meter: half a step for each of its lines, a nano-dollar for each request."""
        lines = self.billed.lines_of.get(meter, 1) if self.by_meter else self.billed.line_count
        return self.half_step * max(lines, 1) + NANO * max(self.ledger.requests, 1)

    def _all_money(self) -> dict[str, Decimal]:
        if "money" not in self._gaps:
            self._gaps["money"] = self._money_gap() if self.tells_money else {}
        return self._gaps["money"]

    def _money_gap(self) -> dict[str, Decimal]:
        names = {*self.billed.money, *self.ledger.money}
        gaps = {
            meter: self.billed.money.get(meter, ZERO) - self.ledger.money.get(meter, ZERO) for meter in sorted(names)
        }
        return {meter: gap for meter, gap in self.at_grain(gaps).items() if gap}

    def at_grain(self, spent: Mapping[str, Decimal]) -> dict[str, Decimal]:
        """Money by meter where the statement bills by meter, else as one sum."""
        return dict(spent) if self.by_meter else {"": sum(spent.values(), ZERO)}

    def table_price(self, meter: str, context: Mapping[str, str] = NO_CONTEXT) -> Decimal | None:
        """USD per unit by our table, at the beginning of the period."""
        known = meter, tuple(context.items())
        if known not in self._asked:
            self._asked[known] = self.unit_price(self.provider, self.model, meter, self.block[0], context)
        return self._asked[known]

    def price(self, meter: str) -> Decimal | None:
        """USD per unit as the ledger priced it; by our table where the ledger has none of the meter."""
        known = meter, "ours"
        if known not in self._asked:
            self._asked[known] = self._price(meter)
        return self._asked[known]

    def _price(self, meter: str) -> Decimal | None:
        table = self.table_price(meter)
        quantity, spent = self.ledger.quantity.get(meter), self.ledger.money.get(meter)
        if not quantity or spent is None:
            return table
        quantity = Decimal(quantity)
        if table is not None and abs(table * quantity - spent) <= NANO * max(self.ledger.requests, 1):
            return table
        return (spent / quantity).quantize(_PLACES)

    def priced(self, quantity: Mapping[str, Decimal]) -> dict[str, Decimal] | None:
        """Money of quantities at the ledger's prices; None when one has no price."""
        found: dict[str, Decimal] = {}
        for meter, count in quantity.items():
            price = self.price(meter)
            if price is None:
                return None
            found[meter] = count * price
        return self.at_grain(found)

    @property
    def thought(self) -> int:
        """Reasoning tokens of its requests."""
        return self._once("thought", lambda: sum(int(row.usage.get("reasoning_tokens", 0)) for row in self.rows))

    @property
    def uncertain(self) -> list[Booked]:
        """The ledger's rows here whose usage is not exactly known."""
        return self._once("uncertain", lambda: [row for row in self.rows if row.is_uncertain])

    @property
    def copies(self) -> list[Booked]:
        """Requests that the ledger has twice, of each pair the one whose usage is less sure."""
        return self._once("copies", lambda: _copies(self.rows))

    @property
    def told(self) -> list[dict[str, Quantity]]:
        """What each of its requests counted, by meter."""
        return self._once("told", lambda: [quantities(row, self.meters) for row in self.rows])

    @property
    def tails(self) -> list[int]:
        """The input tokens of its last request, of its last two, and so on."""
        return self._once("tails", lambda: list(accumulate(map(_input_of, reversed(self.told)))))

    @property
    def largest(self) -> int:
        """The input tokens of its largest request."""
        return self._once("largest", lambda: max((row.input_size for row in self.rows), default=0))

    def but(self, **changes: Any) -> "View":
        """The same cell with some of it changed."""
        return replace(self, **changes, _asked={}, _gaps={}, _of_rows={} if "rows" in changes else self._of_rows)

    def _once(self, name: str, find: Callable[[], _T]) -> _T:
        if name not in self._of_rows:
            self._of_rows[name] = find()
        found: _T = self._of_rows[name]
        return found


def _input_of(told: Mapping[str, Quantity]) -> int:
    return sum(int(told.get(meter, 0)) for meter in INPUTS)


def _copies(rows: Sequence[Booked]) -> list[Booked]:
    last: dict[object, Booked] = {}
    found: list[Booked] = []
    for row in rows:
        by_id = row.provider_request_id
        who = ("id", by_id) if by_id else (row.model, frozenset(row.usage.items()), row.cost_nanousd)
        twin = last.get(who)
        if twin is not None and (by_id or row.started_ms - twin.started_ms <= _TOGETHER_MS):
            found.append(twin if twin.is_uncertain and not row.is_uncertain else row)
        last[who] = row
    return found


def less(left: Mapping[str, Decimal], right: Mapping[str, Decimal]) -> dict[str, Decimal]:
    """Subtract meter by meter; zeros are left out."""
    names = {*left, *right}
    rest = {meter: left.get(meter, ZERO) - right.get(meter, ZERO) for meter in sorted(names)}
    return {meter: gap for meter, gap in rest.items() if gap}
