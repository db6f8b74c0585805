"""Invoices in the ledger: kept once by content, with their lines, what was found, and the corrections that settle them."""

import json
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from llmledger.core.adjustment import Adjustment, Kind
from llmledger.core.statement import StatementLine
from llmledger.errors import UsageError
from llmledger.ledger.booking import Books
from llmledger.ledger.rows import SELECT_ADJUSTMENT, adjustment_from_row, as_dict, ms_of, time_of
from llmledger.ledger.statements.clearance import BILLABLE


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """A compared statement as it is to be kept."""

    sha256: str
    format_name: str
    provider: str
    name: str
    since_ms: int
    until_ms: int
    zone: str
    currency: str
    total: str
    """Decimal text as billed."""
    recorded_ms: int
    verdict: Mapping[str, object]
    clearings: Sequence["Clearing"] = ()
    entries: Callable[[int], Sequence[Adjustment]] = field(default=lambda _: ())
    """The corrections, given the statement's id: it is part of what makes each of them happen once."""
    lines: Callable[[], Iterable[StatementLine]] = field(default=lambda: ())


@dataclass(frozen=True, slots=True, kw_only=True)
class Clearing:
    """One thing that was found about a period and model of a statement."""

    class_name: str
    difference: str
    since_ms: int
    until_ms: int
    provider: str
    model: str
    line: int | None = None
    request_id: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A statement of the ledger."""

    id: int
    format_name: str
    provider: str
    name: str
    since_ms: int
    until_ms: int
    zone: str
    currency: str
    total: str
    recorded_ms: int
    undone_ms: int | None
    verdict: Mapping[str, Any]
    late_rows: int
    """Requests of its period and provider that came after it was compared."""


_KEPT = f"""SELECT s.id, s.format, s.provider, s.name, s.since_ms, s.until_ms, s.timezone, s.currency, s.total, s.recorded_ms,
  s.undone_ms, s.verdict,
  (SELECT count(*) FROM requests x JOIN models m ON m.id = x.model_id JOIN traits t ON t.id = x.trait_id WHERE {BILLABLE}
    AND m.provider = s.provider AND x.started_ms >= s.since_ms AND x.started_ms < s.until_ms AND x.id > s.last_request)
FROM statements s"""


def record_statement(books: Books, settled: Settled) -> tuple[int, bool]:
    """Keep a statement and append its corrections, in the caller's transaction: its id, and whether it is new.

    Raises UsageError when another live statement of the provider settles a part of the same period.
    """
    db = books.connection
    known = db.execute("SELECT id FROM statements WHERE sha256 = ? AND undone_ms IS NULL", (settled.sha256,)).fetchone()
    if known:
        return int(known[0]), False
    _refuse_overlap(db, settled)
    last = db.execute("SELECT coalesce(max(id), 0) FROM requests").fetchone()[0]
    last_adjustment = db.execute("SELECT coalesce(max(id), 0) FROM adjustments").fetchone()[0]
    values = (
        *(settled.sha256, settled.format_name, settled.provider, settled.name, settled.since_ms, settled.until_ms),
        *(settled.zone, settled.currency, settled.total, last, last_adjustment, settled.recorded_ms),
        json.dumps(settled.verdict, ensure_ascii=False),
    )
    statement_id = db.execute(
        "INSERT INTO statements (sha256, format, provider, name, since_ms, until_ms, timezone, currency, total,"
        f" last_request, last_adjustment, recorded_ms, verdict) VALUES ({', '.join('?' * len(values))})",
        values,
    ).lastrowid
    number = int(statement_id or 0)
    db.executemany(
        "INSERT INTO statement_lines (statement_id, line, since_ms, until_ms, model, unit, quantity, amount,"
        " provider_request_id, key, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (_line_row(number, position, line) for position, line in enumerate(settled.lines(), start=1)),
    )
    places = sorted({(one.provider, one.model) for one in settled.clearings})
    db.executemany(
        "INSERT INTO models (provider, model) SELECT ?1, ?2"
        " WHERE NOT EXISTS (SELECT 1 FROM models WHERE provider = ?1 AND model = ?2)",
        places,
    )
    db.executemany(
        "INSERT INTO clearings (statement_id, line, request_id, model_id, since_ms, until_ms, class, difference)"
        " VALUES (?, ?, ?, (SELECT id FROM models WHERE provider = ? AND model = ?), ?, ?, ?, ?)",
        (
            (
                number,
                one.line,
                one.request_id,
                one.provider,
                one.model,
                one.since_ms,
                one.until_ms,
                one.class_name,
                one.difference,
            )
            for one in settled.clearings
        ),
    )
    books.adjust(tuple(settled.entries(number)))
    return number, True


def undo_statement(books: Books, statement_id: int, now_ms: int) -> bool:
    """Take back what a statement corrected, by opposite entries; False when it was undone before.

    Raises UsageError when there is no such statement.
    """
    db = books.connection
    row = db.execute("SELECT undone_ms FROM statements WHERE id = ?", (statement_id,)).fetchone()
    if row is None:
        raise UsageError(f"there is no statement {statement_id}", hint="`reconcile list` shows them.")
    if row[0] is not None:
        return False
    cursor = db.execute(f"{SELECT_ADJUSTMENT} WHERE x.cause GLOB ?", (f"reconcile:{statement_id}:*",))
    booked = [adjustment_from_row(as_dict(cursor, entry)) for entry in cursor.fetchall()]
    now = time_of(now_ms)
    books.adjust(
        tuple(
            replace(
                entry,
                kind=Kind.RECONCILE,
                cause=f"undo:{entry.cause}",
                booked_at=now,
                reason=f"undone: {entry.reason}",
                measures=-entry.measures,
                after=None,
            )
            for entry in booked
        )
    )
    db.execute("UPDATE statements SET undone_ms = ? WHERE id = ?", (now_ms, statement_id))
    return True


def kept_statements(db: sqlite3.Connection) -> list[Kept]:
    """Every statement of a ledger, the newest first."""
    return [_kept(row) for row in db.execute(f"{_KEPT} ORDER BY s.id DESC")]


def kept_statement(db: sqlite3.Connection, statement_id: int) -> Kept:
    """One statement. Raises UsageError when there is none."""
    row = db.execute(f"{_KEPT} WHERE s.id = ?", (statement_id,)).fetchone()
    if row is None:
        raise UsageError(f"there is no statement {statement_id}", hint="`reconcile list` shows them.")
    return _kept(row)


def clearings_of(db: sqlite3.Connection, statement_id: int) -> list[Clearing]:
    """What was found when a statement was compared."""
    query = """SELECT c.class, c.difference, c.since_ms, c.until_ms, coalesce(m.provider, ''), coalesce(m.model, ''), c.line,
      c.request_id FROM clearings c LEFT JOIN models m ON m.id = c.model_id WHERE c.statement_id = ? ORDER BY c.id"""
    return [
        Clearing(
            class_name=row[0],
            difference=row[1],
            since_ms=row[2],
            until_ms=row[3],
            provider=row[4],
            model=row[5],
            line=row[6],
            request_id=row[7],
        )
        for row in db.execute(query, (statement_id,))
    ]


def _refuse_overlap(db: sqlite3.Connection, settled: Settled) -> None:
    other = db.execute(
        "SELECT id, name FROM statements WHERE undone_ms IS NULL AND provider = ? AND since_ms < ? AND until_ms > ?",
        (settled.provider, settled.until_ms, settled.since_ms),
    ).fetchone()
    if other:
        raise UsageError(
            f"statement {other[0]} ({other[1]}) settles a part of this period already",
            hint=f"Take it back first: reconcile undo {other[0]}",
        )


def _kept(row: Sequence[Any]) -> Kept:
    return Kept(
        id=row[0],
        format_name=row[1],
        provider=row[2],
        name=row[3],
        since_ms=row[4],
        until_ms=row[5],
        zone=row[6],
        currency=row[7],
        total=row[8],
        recorded_ms=row[9],
        undone_ms=row[10],
        verdict=json.loads(row[11]),
        late_rows=row[12] if row[10] is None else 0,
    )


def _line_row(statement_id: int, position: int, line: StatementLine) -> tuple[Any, ...]:
    body: dict[str, object] = {
        "line": line.number,
        "kind": line.kind.value,
        "currency": line.currency,
        "label": line.label,
    }
    extra = {
        "project": line.project,
        "requests": line.requests,
        "context": dict(line.context) or None,
        "quantities": {meter: str(count) for meter, count in line.quantities.items()} or None,
        "list_amount": None if line.list_amount is None else f"{line.list_amount:f}",
    }
    body.update({name: value for name, value in extra.items() if value is not None})
    quantity = line.quantities.get(line.meter or "")
    return (
        statement_id,
        position,
        ms_of(line.since),
        ms_of(line.until),
        line.model or None,
        line.meter,
        None if quantity is None else str(quantity),
        None if line.amount is None else f"{line.amount:f}",
        line.request_id,
        line.key,
        json.dumps(body, ensure_ascii=False),
    )
