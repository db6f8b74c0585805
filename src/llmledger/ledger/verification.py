"""A thorough look at a whole ledger: one finding for each promise, and where it is broken. Nothing is changed by looking."""

import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

from llmledger.ledger.connection import storage_errors
from llmledger.ledger.finding import Finding, Level, broken, kept
from llmledger.ledger.promises import PROMISES, RESTORE, Promise
from llmledger.ledger.reader import Reader
from llmledger.ledger.receipts_check import check_receipts
from llmledger.ledger.rollups.check import ROLLUP_PROMISES

SHOWN = 5
"""How many places of each broken promise are named."""
_WHOLE = "the file is whole"


def verify(path: Path, archives: Sequence[Path] = ()) -> Iterator[Finding]:
    """Check every row, sum and receipt; archives are looked for where they were written, and in the folders given.

    Raises StorageError when the file cannot be read at all.
    """
    with Reader(path) as reader, storage_errors(path):
        whole = _integrity(reader.connection)
        yield whole
        if whole.level is not Level.FINE:
            # What is read from a broken file proves nothing about its rows.
            return
        # One moment of the ledger, whatever others write meanwhile.
        reader.connection.execute("BEGIN")
        for promise in PROMISES:
            yield _check(reader.connection, promise)
        for text, places in ROLLUP_PROMISES:
            yield _finding(text, list(places(reader.connection)), "Restore a backup; reports of old days may be wrong.")
        yield from check_receipts(reader.connection, archives)


def _integrity(connection: sqlite3.Connection) -> Finding:
    if not _broken_structure(connection, "10"):
        return kept(_WHOLE)
    try:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
    except sqlite3.DatabaseError:
        tables = []
    places = [
        f"table {table}: {said}" for table in tables for said in _broken_structure(connection, f"'{table}'")[:SHOWN]
    ] or _broken_structure(connection, "10")
    todo = "Restore a backup, or save what can be read with `sqlite3 FILE .recover`."
    return broken(_WHOLE, len(places), tuple(places[:SHOWN]), todo)


def _broken_structure(connection: sqlite3.Connection, what: str) -> list[str]:
    """What SQLite says of the structure of the file, or of one table and its indices; nothing when it is sound."""
    try:
        said = [str(text) for (text,) in connection.execute(f"PRAGMA integrity_check({what})").fetchall()]
    except sqlite3.DatabaseError as error:
        return [str(error)]
    return [] if said == ["ok"] else said


def _check(connection: sqlite3.Connection, promise: Promise) -> Finding:
    try:
        count = connection.execute(f"SELECT count(*) FROM ({promise.query})").fetchone()[0]
        found = connection.execute(f"{promise.query} LIMIT {SHOWN}").fetchall() if count else []
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_ERROR:
            raise
        # A table or view that the question needs is not what it was.
        return broken(promise.text, 1, (str(error),), RESTORE)
    return broken(promise.text, count, tuple(what for (what,) in found), promise.todo) if count else kept(promise.text)


def _finding(text: str, places: list[str], todo: str) -> Finding:
    return broken(text, len(places), tuple(places[:SHOWN]), todo) if places else kept(text)
