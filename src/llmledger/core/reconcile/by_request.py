"""The first rung of the match ladder: a statement that names each request, matched by the provider's id.

Some providers bill under an id that differs from the one on the wire: what is left after the ids is matched by model, tokens and
time within two seconds, each row once.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import islice
from typing import TypeVar

from llmledger.core.reconcile.alike import Alike, Group
from llmledger.core.reconcile.booked import NANO, ZERO, Booked, LedgerSource, UnitPrice, quantities, tokens
from llmledger.core.reconcile.causes import Cause, Finding, Grain, told_apart
from llmledger.core.reconcile.cells import EPOCH, Canonical, ms_of, time_of
from llmledger.core.reconcile.coverage import Coverage
from llmledger.core.reconcile.explain import explain
from llmledger.core.reconcile.gather import SAMPLE, Priced
from llmledger.core.reconcile.near import Loose, Near
from llmledger.core.statement import StatementLine

CHUNK = 500
MARGIN_MS = 900_000
DAY_MS = 86_400_000

_Thing = TypeVar("_Thing")


class Marks:
    """Which rows of which ledger were matched: one bit each."""

    def __init__(self) -> None:
        self._bits: dict[int, bytearray] = defaultdict(bytearray)

    def take(self, row: Booked) -> bool:
        """Mark a row; False when it was marked already."""
        bits, (byte, bit) = self._bits[row.ledger], divmod(row.row, 8)
        if byte >= len(bits):
            bits.extend(bytes(byte + 1 - len(bits)))
        if bits[byte] >> bit & 1:
            return False
        bits[byte] |= 1 << bit
        return True

    def has(self, ledger: int, row: int) -> bool:
        """Whether a row is marked."""
        bits = self._bits[ledger]
        return row >> 3 < len(bits) and bool(bits[row >> 3] >> (row & 7) & 1)


@dataclass(slots=True)
class _Sum:
    amount: Decimal = ZERO
    billed: Decimal = ZERO
    ledger: Decimal = ZERO
    requests: int = 0
    lines: list[int] = field(default_factory=list)
    line_count: int = 0
    ids: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Requests:
    """A statement of single requests against a ledger."""

    source: LedgerSource
    unit_price: UnitPrice
    canonical: Canonical
    meters: frozenset[str]
    half_step: Decimal = ZERO
    """Half of what the statement's rows are rounded to."""
    alike: Alike = field(init=False)
    """The pairs that disagree, until they are explained."""
    marks: Marks = field(default_factory=Marks)
    near: Near = field(init=False)
    """The lines whose id the ledger does not know."""
    matched_keys: set[str] = field(default_factory=set)
    providers: set[str] = field(default_factory=set)
    seen: int = 0
    """Requests of the ledger that lines were matched with."""
    unbilled: int = 0
    """Requests of the ledger in the period that no line was matched with."""
    tells_money: bool = False
    own_names: dict[tuple[str, str], str] = field(default_factory=dict)
    """The ledger's own name of each model, by provider and the one name for all."""
    counts: dict[str, list[int]] = field(default_factory=lambda: defaultdict(lambda: [0, 0, 0, 0]))
    """By key: tokens billed, those of them that the ledger saw, and the same of requests."""
    _sums: dict[tuple[object, ...], _Sum] = field(default_factory=lambda: defaultdict(_Sum))
    _equal: dict[tuple[int, str, str], _Sum] = field(default_factory=dict)
    """Those of the sums that matched exactly, by day, provider and model as the lines name them."""

    def __post_init__(self) -> None:
        self.alike = Alike(self.unit_price, self.canonical, self.meters, self.half_step)
        self.near = Near(self.canonical)

    def match(self, lines: Iterable[Priced]) -> None:
        """Match lines by id, in chunks; what has no partner is kept for the second rung."""
        for chunk in _chunks(lines):
            wanted = [(line.request_id, ms_of(line.since), ms_of(line.until)) for line, _ in chunk if line.request_id]
            rows = self.source.find(wanted)
            for line, usd in chunk:
                self.providers.add(line.provider)
                if usd is not None:
                    self.tells_money = True
                row = rows.get(line.request_id or "")
                if row is None or row.provider != line.provider or not self.marks.take(row):
                    self.near.add(line, usd)
                else:
                    self._pair(line, usd, row)

    def finish(self, since_ms: int, until_ms: int, *, late_after_ms: int) -> list[Finding]:
        """Match what is left by likeness, class the rest, and give all findings. The range is the statement's period."""
        wide = since_ms - MARGIN_MS, until_ms + MARGIN_MS
        left = self._unmatched(self.source.rows(*wide, frozenset(self.providers), self.marks.has))
        for chunk in _chunks(row for row in left if since_ms <= row.started_ms < until_ms):
            twins = self.source.find(
                [
                    (row.provider_request_id, row.started_ms, row.started_ms)
                    for row in chunk
                    if row.cost and row.provider_request_id
                ]
            )
            for row in chunk:
                self.unbilled += row.requests
                if row.cost:
                    self._unbilled(row, twins.get(row.provider_request_id or ""), late_after_ms)
        for line in self.near.rest():
            self._unseen(line)
        self._explain()
        return [self._finding(key, total) for key, total in sorted(self._sums.items(), key=_by_place)]

    def coverage(self) -> tuple[Coverage, ...]:
        """How much of what each key was billed was matched."""
        return tuple(
            Coverage(
                key=key,
                billed_tokens=billed,
                seen_tokens=seen,
                billed_requests=billed_requests,
                seen_requests=seen_requests,
            )
            for key, (billed, seen, billed_requests, seen_requests) in sorted(self.counts.items())
        )

    def _unmatched(self, rows: Iterable[Booked]) -> Iterator[Booked]:
        """Match rows by likeness as they go by, and yield those that are like no line that is left."""
        for row in rows:
            told = quantities(row, self.meters)
            line = self.near.take(row, told)
            if line is None:
                yield row
                continue
            self.marks.take(row)
            self._pair(line.line(told), line.usd, row)

    def _pair(self, line: StatementLine, usd: Decimal | None, row: Booked) -> None:
        self.seen += 1
        if line.key:
            self.matched_keys.add(line.key)
        count = tokens(line.quantities)
        counts = self.counts[line.key or ""]
        counts[0] += count
        counts[1] += count
        counts[2] += 1
        counts[3] += 1
        if usd is None:
            self._unlike(line, usd, row)
            return
        cost = row.cost
        gap = usd - cost
        if not gap:
            self._agreed(line, row, cost)
        elif abs(gap) <= self.half_step + NANO:
            self._add((Cause.ROUNDING,), gap, cost, (line, row), "within the rounding of its rows")
        else:
            self._unlike(line, usd, row)

    def _unlike(self, line: StatementLine, usd: Decimal | None, row: Booked) -> None:
        self.own_names.setdefault((line.provider, self.canonical(line.provider, line.model)), row.model)
        self.alike.add(line, usd, row)
        if self.alike.is_full:
            self._explain()

    def _explain(self) -> None:
        """Class the pairs that disagree, those that do alike together."""
        for group, view in self.alike.take():
            if not view.tells_money and not view.quantity_gap:
                self._add_group(group, (Cause.MATCHED,), ZERO, ZERO, "by the provider's id, in tokens")
                continue
            cost = group.cost if view.tells_money else ZERO
            for claim in explain(view):
                self._add_group(group, claim.causes, claim.amount, cost, claim.evidence)
                cost = ZERO

    def _agreed(self, line: StatementLine, row: Booked, cost: Decimal) -> None:
        """Count a line that a request accounts for to the last decimal, as nearly all of them do."""
        place = (line.since - EPOCH).days, line.provider, line.model
        total = self._equal.get(place)
        if total is None:
            day, provider, model = place
            name = self.canonical(provider, model)
            total = self._sums[day, provider, name, None, (Cause.MATCHED,), "by the provider's id"]
            self._equal[place] = total
            self.own_names.setdefault((provider, name), row.model)
        total.requests += 1
        total.line_count += 1
        total.billed += cost
        total.ledger += cost
        if total.line_count <= SAMPLE:
            total.lines.append(line.number)

    def _unseen(self, line: Loose) -> None:
        counts = self.counts[line.key or ""]
        counts[0] += line.tokens
        counts[2] += 1
        excluded: tuple[Cause, ...] = (Cause.REASONING, Cause.INTERRUPTED)
        words = "no request of the ledger has this id, or these tokens at this time"
        if line.key and line.key in self.matched_keys:
            excluded = (*excluded, Cause.OTHER_KEY)
        causes = told_apart(Grain.REQUEST, Cause.MISSING_IN_LEDGER, excluded)
        if line.key and line.key not in self.matched_keys and self.matched_keys:
            causes, words = (Cause.OTHER_KEY,), "no request of this key is in the ledger, others' are"
        self._add(causes, line.usd or ZERO, ZERO, (line,), words)

    def _unbilled(self, row: Booked, twin: Booked | None, late_after_ms: int) -> None:
        cost = row.cost if self.tells_money else ZERO
        causes: tuple[Cause, ...]
        causes, words = (Cause.MISSING_IN_STATEMENT,), "no line has this request's id, or its tokens at this time"
        if (
            twin is not None
            and (twin.row, twin.ledger) != (row.row, row.ledger)
            and self.marks.has(twin.ledger, twin.row)
        ):
            causes, words = (Cause.DUPLICATE,), "the ledger has this request of the provider twice"
        elif row.is_uncertain:
            is_late = row.started_ms >= late_after_ms
            causes = (Cause.MISSING_IN_STATEMENT, Cause.INTERRUPTED) if is_late else (Cause.INTERRUPTED,)
            words = "it did not end well, and the provider did not bill it"
        elif row.started_ms >= late_after_ms:
            words += "; the export may not be complete yet"
        self._add(causes, -cost, cost, (row,), words)

    def _add(
        self,
        causes: tuple[Cause, ...],
        gap: Decimal,
        cost: Decimal,
        things: tuple[StatementLine | Loose | Booked, ...],
        words: str,
    ) -> None:
        """Count a line, a row, or both of a pair (the line first) under their class."""
        at, provider, name, key = _place(things[0])
        is_fine = causes[0] in (Cause.MATCHED, Cause.ROUNDING)
        place = at // DAY_MS, provider, self.canonical(provider, name), None if is_fine else key, causes, words
        total = self._sums[place]
        total.amount += gap
        total.requests += 1
        total.billed += gap + cost
        total.ledger += cost
        for thing in things:
            if not isinstance(thing, Booked):
                total.line_count += 1
                if len(total.lines) < SAMPLE:
                    total.lines.append(thing.number)
            elif thing.request_id and not is_fine and len(total.ids) < SAMPLE:
                total.ids.append(thing.request_id.hex())

    def _add_group(self, group: Group, causes: tuple[Cause, ...], gap: Decimal, cost: Decimal, words: str) -> None:
        is_fine = causes[0] in (Cause.MATCHED, Cause.ROUNDING)
        line = group.line
        name = self.canonical(line.provider, line.model)
        total = self._sums[group.day, line.provider, name, None if is_fine else line.key, causes, words]
        total.amount += gap
        total.requests += group.count
        total.billed += gap + cost
        total.ledger += cost
        total.line_count += group.count
        total.lines += group.billed.lines[: SAMPLE - len(total.lines)]
        if not is_fine:
            total.ids += group.ids[: SAMPLE - len(total.ids)]

    def _finding(self, place: tuple[object, ...], total: _Sum) -> Finding:
        day, provider, model, key, causes, words = place
        since = int(str(day)) * DAY_MS
        return Finding(
            causes=causes,  # type: ignore[arg-type]
            amount=total.amount,
            billed=total.billed,
            ledger=total.ledger,
            since=time_of(since),
            until=time_of(since + DAY_MS),
            provider=str(provider),
            model=str(model),
            key=None if key is None else str(key),
            requests=total.requests,
            lines=tuple(sorted(total.lines)),
            line_count=total.line_count,
            request_ids=tuple(total.ids),
            evidence=str(words),
        )


def _place(thing: StatementLine | Loose | Booked) -> tuple[int, str, str, str | None]:
    if isinstance(thing, Booked):
        return thing.started_ms, thing.provider, thing.served_model or thing.model, None
    if isinstance(thing, Loose):
        return thing.at_ms, thing.provider, thing.model, thing.key
    return ms_of(thing.since), thing.provider, thing.model, thing.key


def _by_place(item: tuple[tuple[object, ...], _Sum]) -> tuple[str, ...]:
    return tuple(str(part) for part in item[0])


def _chunks(things: Iterable[_Thing]) -> Iterator[list[_Thing]]:
    stream = iter(things)
    while chunk := list(islice(stream, CHUNK)):
        yield chunk
