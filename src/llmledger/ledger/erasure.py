"""The right to be forgotten: where a person's name stands in a ledger, and taking it out; every total stays.

Rows and roll-ups point to attributions, so no number changes. Texts of the person's own requests go altogether.
Afterwards the file is built anew, since SQLite leaves what it deleted in the free room of its pages.
"""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any

from llmledger.core.erasure import Eraser
from llmledger.ledger.codec import compact
from llmledger.ledger.connection import transaction
from llmledger.ledger.retention import Hold

_AT_ONCE = 1_000
_PEOPLE = ("client", "user", "team", "project", "operation", "app", "host")


@dataclass(frozen=True, slots=True)
class Trace:
    """One row in which a name stands, and what is to stand there; None: the row goes."""

    table: str
    key: dict[str, Any]
    values: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class _Texts:
    """The columns of a table in which people may be named."""

    table: str
    key: tuple[str, ...]
    texts: tuple[str, ...] = ()
    json: tuple[str, ...] = ()
    has_digest: bool = False
    """Whether the row is found by a digest of its values: a random one then tells nobody what they were."""


TEXTS = (
    _Texts("sessions", ("id",), ("session", "branch"), ("tags",), has_digest=True),
    _Texts("outcomes", ("id",), ("error_type", "finish_reason"), has_digest=True),
    _Texts("requests", ("id",), ("error_message", "client_request_id")),
    _Texts("adjustments", ("id",), ("reason",), ("detail",)),
    _Texts("contents", ("request_id",), ("prompt", "response")),
    _Texts("statements", ("id",), ("name",), ("verdict",)),
    _Texts("statement_lines", ("statement_id", "line"), ("key",), ("body",)),
    _Texts("prunings", ("id",), (), ("receipt",)),
)
HINTS = (
    _Texts("import_files", ("source", "path"), ("path", "state")),
    _Texts("import_problems", ("source", "path", "line"), ("path", "reason")),
)
"""Rows that only save an import some time: they go when they hold the name."""
_THEIRS = """SELECT c.request_id FROM contents c JOIN seen s ON s.key = c.request_id JOIN requests r ON r.id = s.row
WHERE r.attribution_id IN (SELECT value FROM json_each(:people))
UNION SELECT c.request_id FROM contents c JOIN adjustments a ON a.request_id = c.request_id
WHERE a.attribution_id IN (SELECT value FROM json_each(:people))"""
"""The texts of requests that are or were the person's."""


def find_traces(connection: sqlite3.Connection, eraser: Eraser) -> Iterator[Trace]:
    """Every row in which the name stands, one at a time. Reads the whole ledger once; nothing is changed."""
    yield from _in_attributions(connection, eraser)
    theirs = {key for (key,) in connection.execute(_THEIRS, {"people": _people(connection, eraser)})}
    yield from _in_flight(connection, eraser)
    for key in theirs:
        yield Trace("contents", {"request_id": key}, None)
    for texts in TEXTS:
        for trace in _in_texts(connection, eraser, texts):
            if trace.table != "contents" or trace.key["request_id"] not in theirs:
                yield trace
    yield from _in_hints(connection, eraser)


def is_theirs(connection: sqlite3.Connection, eraser: Eraser, request_id: bytes) -> bool:
    """Whether a request is or was the person's, as far as the ledger still knows it."""
    found = connection.execute(
        "SELECT 1 FROM seen s JOIN requests r ON r.id = s.row WHERE s.key = :key AND r.attribution_id IN "
        "(SELECT value FROM json_each(:people)) UNION SELECT 1 FROM adjustments a WHERE a.request_id = :key "
        "AND a.attribution_id IN (SELECT value FROM json_each(:people))",
        {"key": request_id, "people": _people(connection, eraser)},
    ).fetchone()
    return found is not None


def leftovers(connection: sqlite3.Connection, eraser: Eraser) -> Iterator[str]:
    """What still has the name in it and is not the person's: other people's values, and models."""
    columns = [name for name in _PEOPLE if name != "host"]
    found = {
        f"{column} {value}"
        for user, *values in connection.execute(f"SELECT user, {', '.join(columns)} FROM attributions")
        if not eraser.is_person(user)
        for column, value in zip(columns, values, strict=True)
        if eraser.holds(value)
    }
    yield from sorted(found)
    for provider, model in connection.execute("SELECT provider, model FROM models").fetchall():
        if eraser.holds(model):
            yield f"model {provider}/{model}"


def apply_traces(connection: sqlite3.Connection, traces: Iterator[Trace], *, hold: Hold) -> dict[str, int]:
    """Take the name out of these rows, in small transactions; returns how many of each table.

    The guards of history are down inside each transaction, and for nobody else.
    """
    counts: dict[str, int] = {}
    while chunk := list(islice(traces, _AT_ONCE)):
        with hold(), transaction(connection), _unguarded(connection, {trace.table for trace in chunk}):
            for trace in chunk:
                _apply(connection, trace)
                counts[trace.table] = counts.get(trace.table, 0) + 1
    return counts


def rebuild(connection: sqlite3.Connection, *, hold: Hold) -> bool:
    """Build the file anew and empty its log; False when a reader kept the log from being emptied."""
    with hold():
        connection.execute("VACUUM")
        busy, *_ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    return not busy


def _in_attributions(connection: sqlite3.Connection, eraser: Eraser) -> Iterator[Trace]:
    columns = ", ".join(_PEOPLE)
    for number, *values in connection.execute(f"SELECT id, {columns} FROM attributions").fetchall():
        who = dict(zip(_PEOPLE, values, strict=True))
        changed = eraser.attribution(who)
        if changed is not who:
            yield Trace("attributions", {"id": number}, {**changed, "digest": None})


def _in_texts(connection: sqlite3.Connection, eraser: Eraser, where: _Texts) -> Iterator[Trace]:
    columns = (*where.texts, *where.json)
    some = " OR ".join(f"{column} IS NOT NULL" for column in columns)
    for row in connection.execute(f"SELECT {', '.join((*where.key, *columns))} FROM {where.table} WHERE {some}"):
        key, values = row[: len(where.key)], row[len(where.key) :]
        changed = {
            column: new
            for column, value in zip(columns, values, strict=True)
            if value is not None
            and (new := _without(value, eraser, is_json=column in where.json, is_tags=column == "tags")) != value
        }
        if changed:
            extra = {"digest": None} if where.has_digest else {}
            yield Trace(where.table, dict(zip(where.key, key, strict=True)), {**changed, **extra})


def _without(text: str, eraser: Eraser, *, is_json: bool, is_tags: bool) -> str:
    if not is_json:
        return eraser.text(text)
    plain = json.loads(text)
    changed = eraser.plain(plain) if is_tags else eraser.record(plain)
    return text if changed is plain else compact(changed)


def _in_flight(connection: sqlite3.Connection, eraser: Eraser) -> Iterator[Trace]:
    for key, begun in connection.execute("SELECT request_id, begun FROM inflight").fetchall():
        plain = json.loads(begun)
        changed = eraser.record(plain)
        if changed is not plain:
            yield Trace("inflight", {"request_id": key}, {"begun": json.dumps(changed, separators=(",", ":"))})
            if eraser.owns(plain):
                yield Trace("contents", {"request_id": key}, None)


def _in_hints(connection: sqlite3.Connection, eraser: Eraser) -> Iterator[Trace]:
    for hint in HINTS:
        for row in connection.execute(f"SELECT {', '.join((*hint.key, *hint.texts))} FROM {hint.table}").fetchall():
            if any(eraser.holds(text) for text in row[len(hint.key) :]):
                yield Trace(hint.table, dict(zip(hint.key, row, strict=False)), None)


def _people(connection: sqlite3.Connection, eraser: Eraser) -> str:
    """The attributions of the person, as a JSON array of their numbers."""
    users = connection.execute("SELECT id, user FROM attributions WHERE user IS NOT NULL")
    return json.dumps([number for number, user in users if eraser.is_person(user)])


def _apply(connection: sqlite3.Connection, trace: Trace) -> None:
    where = " AND ".join(f"{column} = ?" for column in trace.key)
    if trace.values is None:
        connection.execute(f"DELETE FROM {trace.table} WHERE {where}", tuple(trace.key.values()))
        return
    # A new random digest: nobody who knows the name can find the entry by computing it.
    sets = ", ".join("digest = randomblob(16)" if name == "digest" else f"{name} = ?" for name in trace.values)
    values = [value for name, value in trace.values.items() if name != "digest"]
    connection.execute(f"UPDATE {trace.table} SET {sets} WHERE {where}", (*values, *trace.key.values()))


@contextmanager
def _unguarded(connection: sqlite3.Connection, tables: set[str]) -> Iterator[None]:
    guards = connection.execute(
        "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' AND name LIKE '%\\_no\\_update' ESCAPE '\\' "
        "AND tbl_name IN (SELECT value FROM json_each(?))",
        (json.dumps(sorted(tables)),),
    ).fetchall()
    for name, _ in guards:
        connection.execute(f"DROP TRIGGER {name}")
    yield
    for _, sql in guards:
        connection.execute(sql)
