"""A statement of sums against a ledger: cells by period and model, then keys, day boundary, names, and causes cell by cell."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from decimal import Decimal
from itertools import pairwise
from typing import Any

from llmledger.core.reconcile.aliases import lonely, twins
from llmledger.core.reconcile.booked import NANO, QUARTER_MS, ZERO, Booked, LedgerSource, UnitPrice, together
from llmledger.core.reconcile.causes import Cause, Finding, Grain
from llmledger.core.reconcile.cells import Block, Cell, CellKey, Side, Table, grain_of, level, merge, time_of
from llmledger.core.reconcile.coverage import Coverages
from llmledger.core.reconcile.day_boundary import HalfHours, edges, shift_of, shift_words, suspects
from llmledger.core.reconcile.explain import explain
from llmledger.core.reconcile.keys import known_keys, take_away, unseen_keys
from llmledger.core.reconcile.view import Claim, View
from llmledger.core.statement import Format

DAY_MS = 86_400_000
MOST_ROWS = 50_000
"""Rows of one cell that are looked at for evidence; a cell of more is explained by its sums alone."""


_PRUNED = "; its single requests were pruned, which leaves sums to compare"


@dataclass(slots=True)
class Aggregate:
    """One comparison by cells, from billed sums to findings."""

    table: Table
    source: LedgerSource
    unit_price: UnitPrice
    format: Format
    span: Block
    grain: Grain = Grain.TOTAL
    ledger_requests: int = 0
    coverage: Coverages = field(default_factory=Coverages)
    _shift: int = 0
    _shiftable: frozenset[CellKey] = frozenset()
    _found: list[Finding] = field(default_factory=list)
    _unseen: frozenset[str] = frozenset()
    _known: frozenset[str] = frozenset()
    """Keys of the statement that are the ledger's own."""

    def findings(self) -> list[Finding]:
        """Every finding of usage, in order of period and model; their amounts sum to the difference."""
        halves = self._book()
        self._level()
        self._count_grain()
        self._discounts()
        self.coverage.bill(self.table.cells.values())
        self._aliases()
        self._keys()
        if self._boundary(halves):
            # Days that did not agree before say nothing about names and keys: they are asked again.
            self._aliases()
            self._keys()
        self.coverage.see(self.table.cells.values())
        self._cells(halves)
        return self._found

    @property
    def _providers(self) -> frozenset[str]:
        return frozenset(key[1] for key in self.table.cells)

    @property
    def _step(self) -> Decimal:
        return (self.format.rounded_to or ZERO) / 2

    def _book(self) -> HalfHours:
        halves = HalfHours()
        wide = edges([self.span, *(key[0] for key in self.table.cells)])
        for row in self._sums(wide):
            if self.span[0] <= row.started_ms < self.span[1]:
                placed = self.table.book(row, row.started_ms)
                self.ledger_requests += row.requests
            else:
                placed = self.table.place(row, row.started_ms)
            halves.add(placed, row.started_ms)
        return halves

    def _level(self) -> None:
        """Compare one amount where the ledger does not know what its cost is made of: pruned requests, and reported costs."""
        for cell in self.table.cells.values():
            if cell.ledger.money.get("") and cell.billed.money.keys() - {""}:
                level(cell)

    def _count_grain(self) -> None:
        grains = [grain_of(cell, key[2]) for key, cell in self.table.cells.items() if cell.billed.line_count]
        self.grain = max(grains, key=grains.count) if grains else Grain.TOTAL

    def _discounts(self) -> None:
        for key, cell in sorted(self.table.cells.items()):
            amount = sum(cell.billed.discount.values(), ZERO)
            net = cell.billed.total
            if amount and abs(cell.ledger.total - (net - amount)) < abs(cell.ledger.total - net):
                for meter, off in cell.billed.discount.items():
                    cell.billed.money[meter] -= off
                self._add(
                    key,
                    cell,
                    causes=(Cause.CREDITS,),
                    amount=amount,
                    evidence="list price less what was billed, as the lines tell",
                    billed=amount,
                )

    def _keys(self) -> None:
        tolerance = self._step * 2 + NANO
        self._unseen |= unseen_keys(self.table.cells, tolerance)
        for key, cell in sorted(self.table.cells.items()):
            for name, side in take_away(cell, self._unseen).items():
                words = "the other keys of the statement agree with the ledger without it"
                self._add(
                    key,
                    cell,
                    causes=(Cause.OTHER_KEY,),
                    amount=side.total,
                    evidence=words,
                    billed=side.total,
                    key=name,
                    requests=side.requests,
                    lines=tuple(side.lines),
                    line_count=side.line_count,
                )
        self._known = known_keys(self.table.cells, tolerance)

    def _boundary(self, halves: HalfHours) -> bool:
        """Book the ledger again if its days begin elsewhere; whether they do."""
        billed_only, ledger_only = lonely(self.table.cells)
        shift = shift_of(self.table.cells, halves, self._step * 4 + NANO, nameless={*billed_only, *ledger_only})
        if shift is None:
            return False
        self._shift = shift
        before = {key: cell.ledger for key, cell in self.table.cells.items()}
        for cell in self.table.cells.values():
            cell.ledger = Side()
        for row in self._sums((self.span[0] + shift, self.span[1] + shift)):
            self.table.book(row, row.started_ms - shift)
        self._level()
        for key, cell in sorted(self.table.cells.items()):
            was = before.get(key, Side())
            amount = cell.ledger.total - was.total
            if amount or cell.ledger.quantity != was.quantity:
                self._add(
                    key, cell, causes=(Cause.DAY_BOUNDARY,), amount=amount, evidence=shift_words(shift), ledger=-amount
                )
        return True

    def _sums(self, block: Block) -> Iterable[Booked]:
        """Sums of a range: by quarters of an hour where no period begins within one, else row by row."""
        edges_of = {*block, *self.span, *(edge for key in self.table.cells for edge in key[0])}
        read = self.source.rows if any(edge % QUARTER_MS for edge in edges_of) else self.source.sums
        return read(*block, self._providers)

    def _rows(self, block: Block) -> Iterator[Booked]:
        yield from self.source.rows(block[0] + self._shift, block[1] + self._shift, self._providers)

    def _aliases(self) -> None:
        """Take a model that only the statement has and one that only the ledger has for one where most of them is the same."""
        for (provider, model), name in twins(self.table.cells, self._step).items():
            for block in [key[0] for key in self.table.cells if key[1:] == (provider, model)]:
                cell = self.table.cells.pop((block, provider, model))
                merge(self.table.cell((block, provider, name)).billed, cell.billed)

    def _cells(self, halves: HalfHours) -> None:
        waiting: dict[Block, list[CellKey]] = defaultdict(list)
        for key, cell in sorted(self.table.cells.items()):
            view = self._view(key, cell, [])
            if view.quantity_gap or view.money_gap:
                waiting[key[0]].append(key)
            else:
                self._agreed(key, cell, view)
        self._suspect(halves, [key for keys in waiting.values() for key in keys])
        for block, keys in sorted(waiting.items()):
            rows = self._rows_of(block, keys)
            for key in keys:
                self._explained(key, self._view(key, self.table.cells[key], rows[key]))

    def _suspect(self, halves: HalfHours, waiting: list[CellKey]) -> None:
        """Note the cells that days beginning elsewhere may have changed, where too little agrees to say whether they do."""
        cells = self.table.cells
        several = len({key[0] for key in cells}) > 1
        # A shift is found by the sums that it makes agree: amounts that differ for other reasons as well never would.
        if several and not self._shift and self.grain is Grain.MONEY and 3 * len(waiting) >= len(cells):
            self._shiftable = frozenset(cells)
        elif several and waiting:
            self._shiftable = suspects(cells, halves, self._step * 4 + NANO, self._shift)
            if self.grain is Grain.MONEY:
                self._shiftable |= frozenset(self._opposite(waiting))

    def _opposite(self, waiting: list[CellKey]) -> Iterator[CellKey]:
        """The cells that lack what the period beside them has too much of, or the reverse: what a boundary moves, if not all."""
        by_model = sorted(waiting, key=lambda key: (key[1:], key[0]))
        for one, other in pairwise(by_model):
            gaps = [self.table.cells[key].billed.total - self.table.cells[key].ledger.total for key in (one, other)]
            if one[1:] == other[1:] and one[0][1] == other[0][0] and gaps[0] * gaps[1] < 0:
                yield from (one, other)

    def _is_pruned(self, block: Block) -> bool:
        return block[0] + self._shift < self.source.pruned_before_ms

    def _rows_of(self, block: Block, keys: list[CellKey]) -> dict[CellKey, list[Booked]]:
        found: dict[CellKey, list[Booked]] = {key: [] for key in keys}
        if self._is_pruned(block):
            for row in self._sums((block[0] + self._shift, block[1] + self._shift)):
                for key in self.table.keys_of(row, row.started_ms - self._shift):
                    if key in found:
                        found[key] = [together(*found[key], row)]
            return found
        for row in self._rows(block):
            for key in self.table.keys_of(row, row.started_ms - self._shift):
                if key in found and len(found[key]) <= MOST_ROWS:
                    found[key].append(row)
        return {key: rows if len(rows) <= MOST_ROWS else [] for key, rows in found.items()}

    def _view(self, key: CellKey, cell: Cell, rows: list[Booked]) -> View:
        block, provider, model = key
        billed = cell.billed
        return View(
            grain=grain_of(cell, model) if billed.line_count else self._ledger_only_grain(),
            block=block,
            provider=provider,
            model=model,
            billed=billed,
            ledger=cell.ledger,
            half_step=self._step,
            unit_price=self.unit_price,
            rows=rows,
            meters=self.table.meters,
            is_late=block[1] > self.span[1] - self.format.late_days * DAY_MS,
            tells_money=self.table.has_money and (billed.has_money or not billed.line_count),
            strange_keys=tuple(sorted(billed.keys.keys() - self._known)),
            may_be_shifted=key in self._shiftable,
            is_pruned=self._is_pruned(block),
            has_keys=bool(billed.keys) and billed.keys.keys() <= self._known,
        )

    def _ledger_only_grain(self) -> Grain:
        return Grain.DAY if self.grain is Grain.TOTAL else self.grain

    def _agreed(self, key: CellKey, cell: Cell, view: View) -> None:
        rest = sum(view.rounding.values(), ZERO)
        matched = cell.ledger.total if view.tells_money else ZERO
        words = "the money agrees" if not view.knows_quantities else "tokens and money agree"
        if not view.tells_money:
            words = "the tokens agree"
        self._add(
            key,
            cell,
            causes=(Cause.MATCHED,),
            amount=ZERO,
            evidence=words,
            billed=matched,
            ledger=matched,
            requests=cell.ledger.requests,
        )
        if rest:
            self._add(
                key,
                cell,
                causes=(Cause.ROUNDING,),
                amount=rest,
                evidence="within the rounding of its rows",
                billed=rest,
            )

    def _explained(self, key: CellKey, view: View) -> None:
        cell = self.table.cells[key]
        if view.tells_money:
            both = cell.ledger.total
            self._add(
                key,
                cell,
                causes=(Cause.MATCHED,),
                amount=ZERO,
                evidence="on both sides",
                billed=both,
                ledger=both,
                requests=cell.ledger.requests,
            )
        for claim in explain(view):
            self._claimed(key, cell, claim)

    def _claimed(self, key: CellKey, cell: Cell, claim: Claim) -> None:
        if len(claim.prices) > 1 and claim.prices.keys() == claim.money.keys():
            for name, amount in claim.money.items():  # each has a price of its own, and a patch
                self._claimed(key, cell, replace(claim, money={name: amount}, prices={name: claim.prices[name]}))
            return
        gaps = list(claim.quantity.items())
        meter = gaps[0][0] if len(gaps) == 1 else next(iter(claim.money)) if len(claim.money) == 1 else None
        implied, expected = claim.prices.get(meter or "", (None, None))
        self._add(
            key,
            cell,
            causes=claim.causes,
            amount=claim.amount,
            billed=claim.amount,
            meter=meter or None,
            quantity=gaps[0][1] if len(gaps) == 1 else None,
            request_ids=claim.request_ids,
            key=claim.key,
            implied=None if implied is None else implied * 1_000_000,
            expected=None if expected is None else expected * 1_000_000,
            evidence=f"{claim.evidence}{_PRUNED}" if self._is_pruned(key[0]) else claim.evidence,
        )

    def _add(self, place: CellKey, cell: Cell, /, **found: Any) -> None:
        """Keep a finding about a cell, with its place and lines filled in."""
        block, provider, model = place
        told: dict[str, Any] = {"lines": tuple(cell.billed.lines), "line_count": cell.billed.line_count} | found
        self._found.append(
            Finding(
                since=time_of(block[0]),
                until=time_of(block[1]),
                provider=provider,
                model=model,
                **told,
            )
        )
