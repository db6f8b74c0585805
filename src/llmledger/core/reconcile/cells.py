"""Cells: what was billed and what the ledger has, per period and model, side by side and by meter."""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal

from llmledger.core.reconcile.booked import CORE_METERS, ZERO, Booked, money, quantities
from llmledger.core.reconcile.causes import Grain
from llmledger.core.reconcile.gather import SAMPLE, Gathered
from llmledger.core.statement import StatementLine
from llmledger.core.usage import UNIT_BY_NAME, Quantity

SHORTEST_DAY = timedelta(hours=22)
LONGEST_DAY = timedelta(hours=26)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)

Block = tuple[int, int]
"""A half-open range of Unix milliseconds."""
CellKey = tuple[Block, str, str]
"""Period, provider, model."""
Placed = list[tuple[CellKey, dict[str, Quantity], dict[str, Decimal]]]
"""Where a row counts, with its quantities and money by meter."""
Canonical = Callable[[str, str], str]
"""(provider, model as somebody names it) to one name for all its spellings."""


def ms_of(moment: datetime) -> int:
    """Unix milliseconds of an aware time."""
    return (moment - EPOCH) // _MS


def time_of(ms: int) -> datetime:
    """The aware time of Unix milliseconds."""
    return EPOCH + ms * _MS


@dataclass(slots=True)
class Side:
    """Sums of one side of a cell."""

    quantity: dict[str, Quantity] = field(default_factory=dict)
    money: dict[str, Decimal] = field(default_factory=dict)
    requests: int = 0
    lines: list[int] = field(default_factory=list)
    """Some of the statement's lines."""
    line_count: int = 0

    def add(self, meter: str, quantity: Quantity | None, amount: Decimal | None) -> None:
        """Add to a meter; None leaves that sum alone."""
        if quantity is not None:
            self.quantity[meter] = self.quantity.get(meter, 0) + quantity
        if amount is not None:
            self.money[meter] = self.money.get(meter, ZERO) + amount

    @property
    def total(self) -> Decimal:
        """All its money."""
        return sum(self.money.values(), ZERO)


@dataclass(slots=True)
class Billed(Side):
    """The statement's side of a cell."""

    keys: dict[str, Side] = field(default_factory=dict)
    by_context: dict[tuple[tuple[str, str], ...], Side] = field(default_factory=dict)
    discount: dict[str, Decimal] = field(default_factory=dict)
    """Net less list by meter, where the lines tell both."""
    lines_of: dict[str, int] = field(default_factory=dict)
    """How many lines there are of each meter ("" for several): each was rounded by itself."""
    counts_requests: bool = False
    has_money: bool = False


@dataclass(slots=True)
class Cell:
    """A period and model: both sides."""

    billed: Billed = field(default_factory=Billed)
    ledger: Side = field(default_factory=Side)


class Calendar:
    """The periods of a statement: its own windows, or days of its zone where it has none; one period if it bills in longer ones."""

    def __init__(self, zone: tzinfo, *, whole: Block | None = None) -> None:
        self.zone = zone
        self._whole = whole
        self._known: dict[tuple[datetime, datetime], Block] = {}
        self._starts: list[int] = []
        self._blocks: dict[int, Block] = {}

    def block_of_line(self, line: StatementLine) -> Block:
        """The period that a line belongs to, as long as it is not known to be one for all."""
        pair = line.since, line.until
        block = self._known.get(pair)
        if block is None:
            is_day = SHORTEST_DAY <= line.until - line.since <= LONGEST_DAY
            block = (ms_of(line.since), ms_of(line.until)) if is_day else self._day(line.since)
            self._known[pair] = block
            self._keep(block)
        return block

    def block_at(self, ms: int) -> Block:
        """The period that a moment belongs to."""
        if self._whole:
            return self._whole
        position = bisect_right(self._starts, ms) - 1
        if position >= 0:
            block = self._blocks[self._starts[position]]
            if ms < block[1]:
                return block
        block = self._day(time_of(ms).astimezone(self.zone))
        self._keep(block)
        return block

    def _keep(self, block: Block) -> None:
        if block[0] not in self._blocks:
            self._blocks[block[0]] = block
            self._starts.insert(bisect_right(self._starts, block[0]), block[0])

    def _day(self, moment: datetime) -> Block:
        first = moment.replace(hour=0, minute=0, second=0, microsecond=0)
        return ms_of(first), ms_of(first + timedelta(days=1))


@dataclass(slots=True)
class Table:
    """All cells of a comparison, and what of the statement is no usage."""

    calendar: Calendar
    canonical: Canonical
    meters: frozenset[str] = CORE_METERS
    cells: dict[CellKey, Cell] = field(default_factory=dict)
    line_meters: set[str] = field(default_factory=set)
    """Every meter that a line names."""
    has_money: bool = False
    """Whether any line tells an amount that we can compare."""
    totals_only: set[str] = field(default_factory=set)
    """Providers whose usage lines name neither model nor meter."""
    own_names: dict[tuple[str, str], dict[str, int]] = field(default_factory=dict)
    """How many requests the ledger has under which of its names of a model, by provider and the one name for all."""
    without_model: set[tuple[str, str]] = field(default_factory=set)
    """(provider, meter) billed for all models together."""

    def cell(self, key: CellKey) -> Cell:
        """The cell of a period and model, made when it is new."""
        found = self.cells.get(key)
        if found is None:
            found = self.cells[key] = Cell()
        return found

    def bill(self, some: Gathered) -> None:
        """Add lines about usage."""
        line, usd, line_count, numbers = some
        model = self.canonical(line.provider, line.model) if line.model else ""
        if not line.model:
            if line.meter:
                self.without_model.add((line.provider, line.meter))
            elif usd is not None:
                self.totals_only.add(line.provider)
        billed = self.cell((self.calendar.block_of_line(line), line.provider, model)).billed
        self.line_meters.update(line.quantities)
        if line.meter:
            self.line_meters.add(line.meter)
        context = tuple(sorted(line.context.items()))
        sides: list[Side] = [billed]
        if context:
            sides.append(billed.by_context.setdefault(context, Side()))
        if line.key:
            sides.append(billed.keys.setdefault(line.key, Side()))
        for side in sides:
            _add_line(side, line, usd)
            side.line_count += line_count
            side.lines.extend(numbers[: SAMPLE - len(side.lines)])
        if usd is not None:
            self.has_money = billed.has_money = True
            _add_discount(billed, line, usd)
        billed.counts_requests = billed.counts_requests or line.requests is not None
        billed.lines_of[line.meter or ""] = billed.lines_of.get(line.meter or "", 0) + line_count

    def settle(self, whole: Block | None) -> None:
        """Once all lines are in: one period if a line is longer than a day, one cell where a provider bills totals only."""
        if whole:
            self.calendar = Calendar(self.calendar.zone, whole=whole)
        for key in list(self.cells):
            block, provider, model = key
            target = whole or block, provider, "" if provider in self.totals_only else model
            if target != key or provider in self.totals_only:
                billed = self.cells.pop(key).billed
                if provider in self.totals_only:
                    billed.quantity.clear()
                    billed.money = {"": billed.total}
                    billed.lines_of = {"": billed.line_count}
                merge(self.cell(target).billed, billed)

    def place(self, row: Booked, at: int) -> Placed:
        """Where a row counts at a time: its cell, and that of meters billed for all models together."""
        block = self.calendar.block_at(at)
        told, spent = quantities(row, self.meters), money(row, self.meters)
        if row.provider in self.totals_only:
            return [((block, row.provider, ""), told, spent)]
        model = self.canonical(row.provider, row.served_model or row.model)
        own = (block, row.provider, model)
        apart = [meter for meter in (*told, *spent) if (row.provider, meter) in self.without_model]
        if not apart:
            return [(own, told, spent)]
        shared = {meter: told.pop(meter) for meter in apart if meter in told}
        paid = {meter: spent.pop(meter) for meter in apart if meter in spent}
        return [(own, told, spent), ((block, row.provider, ""), shared, paid)]

    def keys_of(self, row: Booked, at: int) -> Iterator[CellKey]:
        """The cells that a row may count in at a time: its own, and that of meters billed for all models together."""
        block = self.calendar.block_at(at)
        is_whole = row.provider in self.totals_only
        yield block, row.provider, "" if is_whole else self.canonical(row.provider, row.served_model or row.model)
        if self.without_model and not is_whole:
            yield block, row.provider, ""

    def book(self, row: Booked, at: int) -> Placed:
        """Add a row of the ledger to the cells that it belongs to at a time, and say which."""
        placed = self.place(row, at)
        own = self.own_names.setdefault(placed[0][0][1:], {})
        own[row.model] = own.get(row.model, 0) + row.requests
        for position, (key, told, spent) in enumerate(placed):
            ledger = self.cell(key).ledger
            ledger.requests += 0 if position else row.requests
            for meter, quantity in told.items():
                ledger.quantity[meter] = ledger.quantity.get(meter, 0) + quantity
            for meter, amount in spent.items():
                ledger.money[meter] = ledger.money.get(meter, ZERO) + amount
        return placed

    @property
    def range(self) -> Block | None:
        """The periods of all cells together."""
        blocks = [key[0] for key in self.cells]
        return (min(block[0] for block in blocks), max(block[1] for block in blocks)) if blocks else None


def merge(into: Billed, billed: Billed) -> None:
    """Add one billed side to another."""
    merge_side(into, billed)
    for key, side in billed.keys.items():
        merge_side(into.keys.setdefault(key, Side()), side)
    for context, side in billed.by_context.items():
        merge_side(into.by_context.setdefault(context, Side()), side)
    for meter, amount in billed.discount.items():
        into.discount[meter] = into.discount.get(meter, ZERO) + amount
    for meter, count in billed.lines_of.items():
        into.lines_of[meter] = into.lines_of.get(meter, 0) + count
    into.counts_requests = into.counts_requests or billed.counts_requests
    into.has_money = into.has_money or billed.has_money


def level(cell: Cell) -> None:
    """Make one amount of each side's money by meter."""
    billed = cell.billed
    for side in (billed, cell.ledger, *billed.keys.values(), *billed.by_context.values()):
        side.money = {"": side.total}
    billed.lines_of = {"": billed.line_count}
    if billed.discount:
        billed.discount = {"": sum(billed.discount.values(), ZERO)}


def merge_side(into: Side, side: Side) -> None:
    """Add the sums of one side to another."""
    for meter, quantity in side.quantity.items():
        into.add(meter, quantity, None)
    for meter, amount in side.money.items():
        into.add(meter, None, amount)
    into.requests += side.requests
    into.lines.extend(side.lines[: SAMPLE - len(into.lines)])
    into.line_count += side.line_count


def _add_discount(billed: Billed, line: StatementLine, usd: Decimal) -> None:
    if line.amount is None or line.list_amount in (None, line.amount):
        return
    rate = usd / line.amount if line.amount else Decimal(1)
    off = usd - (line.list_amount or ZERO) * rate
    meter = line.meter or ""
    billed.discount[meter] = billed.discount.get(meter, ZERO) + off


def _add_line(side: Side, line: StatementLine, usd: Decimal | None) -> None:
    for meter, quantity in line.quantities.items():
        side.add(meter, quantity, None)
    side.add(line.meter or "", None, usd)
    side.requests += line.requests or 0


def meters_of(lines_meters: Iterable[str], *, splits_cache: bool) -> frozenset[str]:
    """The meters at which a statement and the ledger are compared: the common ones and those that the statement bills apart."""
    if not splits_cache:
        return frozenset({"input_tokens", "output_tokens"})
    return CORE_METERS | {meter for meter in lines_meters if UNIT_BY_NAME[meter].parent}


def grain_of(cell: Cell, model: str) -> Grain:
    """How finely a cell's statement side tells its story."""
    by_meter = any(cell.billed.money.keys() - {""})
    if by_meter:
        return Grain.METER if cell.billed.quantity else Grain.MONEY
    if cell.billed.quantity or not cell.billed.has_money:
        return Grain.DAY
    return Grain.DAY if model else Grain.TOTAL
