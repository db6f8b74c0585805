"""Requests as reconciling compares them: one ledger or several read as one, corrections applied, invoices' own left out."""

import json
import sqlite3
from collections.abc import Callable, ItemsView, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from heapq import merge
from itertools import islice
from operator import itemgetter
from typing import Any

from llmledger.core.reconcile.booked import Booked, Skip, Wanted, never
from llmledger.core.statement import NO_CONTEXT
from llmledger.core.usage import COLUMN_UNITS, Quantity
from llmledger.core.window import DAY_MS
from llmledger.ledger.rollups.catch_up import read_watermarks
from llmledger.ledger.statements.clearance import BILLABLE
from llmledger.ledger.statements.pruned import cuts_of, rolled_up
from llmledger.ledger.statements.sums import quarter_hours

_UNITS = tuple(unit.name for unit in COLUMN_UNITS)
_FACTS = 15
_SELECT = f"""SELECT x.id, x.request_id, x.provider_request_id, x.started_ms, m.provider, m.model, o.served_model, w.key,
  t.status, t.usage_quality, x.cost_nanousd, x.components, x.other_usage, x.attempts, o.price_context,
  {", ".join(f"x.{name}" for name in _UNITS)}
FROM requests x JOIN models m ON m.id = x.model_id JOIN attributions w ON w.id = x.attribution_id
  JOIN traits t ON t.id = x.trait_id LEFT JOIN outcomes o ON o.id = x.outcome_id
WHERE {BILLABLE}"""
_IDS = f"SELECT x.id FROM requests x JOIN traits t ON t.id = x.trait_id WHERE {BILLABLE}"
_CORRECTIONS = f"""SELECT x.request_id, x.requests, x.cost_nanousd, x.components, x.other_usage,
  x.effective_ms, m.provider, m.model, w.key, iif(r.model_id = x.model_id, o.served_model, NULL),
  {", ".join(f"x.{name}" for name in _UNITS)}
FROM adjustments x JOIN models m ON m.id = x.model_id JOIN attributions w ON w.id = x.attribution_id
  JOIN traits t ON t.id = x.trait_id
  LEFT JOIN seen s ON s.key = x.request_id LEFT JOIN requests r ON r.id = s.row AND r.request_id = x.request_id
  LEFT JOIN outcomes o ON o.id = r.outcome_id
WHERE x.kind <> 'reconcile' AND {BILLABLE}"""
_SUMMED = 10
_AT_ONCE = 500


class LedgerRows:
    """The requests of some open ledgers; each request id counts once."""

    def __init__(self, connections: Sequence[sqlite3.Connection]) -> None:
        self._connections = tuple(connections)
        self._cuts = tuple(map(cuts_of, self._connections))
        self._has_corrections = tuple(
            connection.execute("SELECT 1 FROM adjustments WHERE kind <> 'reconcile' LIMIT 1").fetchone() is not None
            for connection in self._connections
        )

    @property
    def pruned_before_ms(self) -> int:
        """Before when some ledger has pruned the detail of requests, in Unix milliseconds; 0 when none has."""
        return max((cuts.detail_ms for cuts in self._cuts), default=0)

    @property
    def months_before_ms(self) -> int:
        """Before when some ledger has sums of whole months alone, in Unix milliseconds; 0 when none has."""
        return max((cuts.months_ms for cuts in self._cuts), default=0)

    def rows(self, since_ms: int, until_ms: int, providers: frozenset[str], skip: Skip = never) -> Iterator[Booked]:
        """Every billable request of these providers that started in a range, in order of time, less what to skip."""
        span = since_ms, until_ms
        streams = [self._rows(index, span, providers, skip) for index in range(len(self._connections))]
        if len(streams) == 1:
            yield from streams[0]
            return
        at, ids = -1, set[bytes]()
        for row in merge(*streams, key=lambda row: row.started_ms):
            if row.started_ms != at:
                at, ids = row.started_ms, set()
            if row.request_id is None or row.request_id not in ids:
                ids.add(row.request_id or b"")
                yield row

    def sums(self, since_ms: int, until_ms: int, providers: frozenset[str]) -> Iterator[Booked]:
        """The same requests, those of one model in one quarter of an hour as one, and what roll-ups have of pruned ones.

        Several ledgers are read row by row, to find copies, as far as their rows go back.
        """
        if len(self._connections) == 1:
            yield from self._sums(0, since_ms, until_ms, providers)
            return
        cut = min(max(self.pruned_before_ms, since_ms), until_ms)
        for index in range(len(self._connections)):
            yield from self._sums(index, since_ms, cut, providers)
        yield from self.rows(cut, until_ms, providers)

    def _sums(self, index: int, since_ms: int, until_ms: int, providers: frozenset[str]) -> Iterator[Booked]:
        connection, cuts = self._connections[index], self._cuts[index]
        cut = min(max(cuts.detail_ms, since_ms), until_ms)
        marks = read_watermarks(connection)
        yield from rolled_up(connection, cuts, (since_ms, cut), _models(connection, providers))
        # Before the cut everything up to the watermarks is in the roll-ups, behind it nothing was taken from them.
        for span, row, entry in (((since_ms, cut), marks.request, marks.adjustment), ((cut, until_ms), 0, 0)):
            if span[0] < span[1]:
                chosen = f"{self._chosen(span, connection, providers)} AND +x.id > {row}"
                yield from quarter_hours(connection, chosen)
                if self._has_corrections[index]:
                    for entries in self._corrections(index, *span, providers, above=entry).values():
                        yield from _alone(entries, index)

    def find(self, wanted: Sequence[Wanted]) -> dict[str, Booked]:
        """The requests with these ids of the provider, within a day of when they are wanted; of several with one id, the
        first that was written.
        """
        days = _by_day(wanted)
        found: dict[str, Booked] = {}
        for index, connection in enumerate(self._connections):
            rows = (row for day in sorted(days) for row in _on_day(connection, day, days[day]))
            plain = [_booked(row, index) for row in sorted(rows, key=itemgetter(0))]
            for booked in self._corrected_by_id(index, plain):
                found.setdefault(booked.provider_request_id or "", booked)
        return found

    def _rows(self, index: int, span: tuple[int, int], providers: frozenset[str], skip: Skip) -> Iterator[Booked]:
        since_ms, until_ms = span
        rows = self._plain_rows(index, self._chosen(span, self._connections[index], providers), skip)
        if not self._has_corrections[index]:
            yield from rows
            return
        corrections = self._corrections(index, since_ms, until_ms, providers)
        for row in rows:
            changed = _apply(row, corrections.pop(row.request_id, []))
            if changed is not None:
                yield changed
        yield from sorted(
            (one for entries in corrections.values() for one in _alone(entries, index)), key=lambda row: row.started_ms
        )

    def _plain_rows(self, index: int, chosen: str, skip: Skip) -> Iterator[Booked]:
        connection = self._connections[index]
        order = "ORDER BY x.started_ms, x.id"
        if skip is never:
            for row in connection.execute(f"{_SELECT} {chosen} {order}"):
                yield _booked(row, index)
            return
        # Most rows are skipped: their ids alone are read first.
        ids = (row[0] for row in connection.execute(f"{_IDS} {chosen} {order}") if not skip(index, row[0]))
        while chunk := list(islice(ids, _AT_ONCE)):
            query = f"{_SELECT} AND x.id IN (SELECT value FROM json_each(?)) {order}"
            for row in connection.execute(query, (json.dumps(chunk),)).fetchall():
                yield _booked(row, index)

    def _chosen(self, span: tuple[int, int], connection: sqlite3.Connection, providers: frozenset[str]) -> str:
        ids = ", ".join(map(str, _models(connection, providers)))
        return f"AND x.started_ms >= {int(span[0])} AND x.started_ms < {int(span[1])} AND x.model_id IN ({ids})"

    def _corrections(
        self, index: int, since_ms: int, until_ms: int, providers: frozenset[str], *, above: int = 0
    ) -> dict[bytes | None, list[Sequence[Any]]]:
        query = f"{_CORRECTIONS} AND x.effective_ms >= ? AND x.effective_ms < ? AND x.id > ?"
        found: dict[bytes | None, list[Sequence[Any]]] = {}
        for entry in self._connections[index].execute(query, (since_ms, until_ms, above)):
            if entry[6] in providers:
                found.setdefault(entry[0], []).append(entry)
        return found

    def _corrected_by_id(self, index: int, rows: list[Booked]) -> Iterable[Booked]:
        if not self._has_corrections[index]:
            return rows
        query = f"{_CORRECTIONS} AND x.request_id = ?"
        connection = self._connections[index]
        changed = (_apply(row, connection.execute(query, (row.request_id,)).fetchall()) for row in rows)
        return [row for row in changed if row is not None]


def _models(connection: sqlite3.Connection, providers: frozenset[str]) -> list[int]:
    names = sorted(providers)
    marks = ", ".join("?" * len(names))
    return [model for (model,) in connection.execute(f"SELECT id FROM models WHERE provider IN ({marks})", names)]


def _by_day(wanted: Sequence[Wanted]) -> dict[int, list[str]]:
    """Which ids to look for on which day of UTC; clocks and zones differ by less than a day."""
    days: dict[int, list[str]] = {}
    for identity, since_ms, until_ms in wanted:
        for day in range(since_ms // DAY_MS - 1, until_ms // DAY_MS + 2):
            days.setdefault(day, []).append(identity)
    return days


def _on_day(connection: sqlite3.Connection, day: int, ids: Sequence[str]) -> Iterator[Sequence[Any]]:
    # The index holds the last six characters alone: they tell ids apart, and it stays small. Without the plus SQLite would put
    # a single id into `substr`, and no longer see the index.
    marks = ", ".join("?" * len(ids))
    query = f"""{_SELECT} AND x.started_ms / {DAY_MS} = ? AND substr(x.provider_request_id, -6) IN ({marks})
      AND +x.provider_request_id IN ({marks}) AND x.provider_request_id IS NOT NULL"""
    return connection.execute(query, (day, *(identity[-6:] for identity in ids), *ids))


def _booked(row: Sequence[Any], ledger: int) -> Booked:
    return Booked(
        row=row[0],
        ledger=ledger,
        request_id=row[1],
        provider_request_id=row[2],
        started_ms=row[3],
        provider=row[4],
        model=row[5],
        served_model=row[6],
        key=row[7],
        status=row[8],
        quality=row[9],
        cost_nanousd=row[10],
        usage=_Late(_usage, row),
        components=_Late(_components, row[11]) if row[11] else {},
        attempts=row[13],
        context=json.loads(row[14]) if row[14] else NO_CONTEXT,
    )


class _Late(Mapping[str, Any]):
    """What is stored, taken apart when somebody looks: most requests match without that."""

    __slots__ = ("_known", "_make", "_stored")

    def __init__(self, make: Callable[[Any], dict[str, Any]], stored: Any) -> None:
        self._make = make
        self._stored = stored
        self._known: dict[str, Any] | None = None

    def __getitem__(self, name: str) -> Any:
        return self._parts()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._parts())

    def __len__(self) -> int:
        return len(self._parts())

    # What `Mapping` would make of the three above, without their detours: these are asked of every request.
    def get(self, name: str, default: Any = None) -> Any:
        return self._parts().get(name, default)

    def items(self) -> ItemsView[str, Any]:
        return self._parts().items()

    def _parts(self) -> dict[str, Any]:
        if self._known is None:
            self._known = self._make(self._stored)
        return self._known


def _usage(row: Sequence[Any]) -> dict[str, Quantity]:
    told: dict[str, Quantity] = {name: count for name, count in zip(_UNITS, row[_FACTS:], strict=True) if count}
    return told | _rare(row[12]) if row[12] else told


def _rare(text: str) -> dict[str, Quantity]:
    stored = json.loads(text)
    return {name: value if isinstance(value, int) else Decimal(value) for name, value in stored.items() if value}


def _components(text: str | None) -> dict[str, tuple[Quantity, int]]:
    if not text:
        return {}
    return {
        code: (count if isinstance(count, int) else Decimal(count), int(nanousd))
        for code, (count, nanousd) in json.loads(text).items()
    }


def _apply(row: Booked, entries: Sequence[Sequence[Any]]) -> Booked | None:
    """The row with its corrections; None when they take it away altogether."""
    if not entries:
        return row
    usage, components, cost, requests = dict(row.usage), dict(row.components), row.cost_nanousd or 0, row.requests
    for entry in entries:
        requests += entry[1]
        cost += entry[2]
        _add_usage(usage, entry)
        for code, (count, nanousd) in _components(entry[3]).items():
            before = components.get(code, (0, 0))
            components[code] = before[0] + count, before[1] + nanousd
    usage = {name: count for name, count in usage.items() if count}
    components = {code: part for code, part in components.items() if any(part)}
    if not (usage or cost or requests or components):
        return None
    last = entries[-1]
    moved = last[1] > 0
    return Booked(
        row=row.row,
        ledger=row.ledger,
        request_id=row.request_id,
        provider_request_id=row.provider_request_id,
        started_ms=row.started_ms,
        provider=row.provider,
        model=last[7] if moved else row.model,
        served_model=None if moved and last[7] != row.model else row.served_model,
        key=last[8] if moved else row.key,
        status=row.status,
        quality=row.quality,
        cost_nanousd=cost,
        usage=usage,
        components=components,
        requests=requests,
        attempts=row.attempts,
        context=row.context,
    )


def _add_usage(usage: dict[str, Quantity], entry: Sequence[Any]) -> None:
    told: Mapping[str, Quantity] = {
        **dict(zip(_UNITS, entry[_SUMMED:], strict=True)),
        **(_rare(entry[4]) if entry[4] else {}),
    }
    for name, count in told.items():
        if count:
            usage[name] = usage.get(name, 0) + count


def _alone(entries: Sequence[Sequence[Any]], ledger: int) -> Iterator[Booked]:
    """Corrections whose request is not among the rows: pruned, or never a single request."""
    for entry in entries:
        usage: dict[str, Quantity] = {}
        _add_usage(usage, entry)
        if usage or entry[1] or entry[2]:
            yield Booked(
                row=0,
                ledger=ledger,
                request_id=None,
                provider_request_id=None,
                started_ms=entry[5],
                provider=entry[6],
                model=entry[7],
                served_model=entry[9],
                key=entry[8],
                status="completed",
                quality="exact",
                cost_nanousd=entry[2],
                usage=usage,
                components=_components(entry[3]),
                requests=entry[1],
            )
