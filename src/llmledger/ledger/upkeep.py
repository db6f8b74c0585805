"""Looking after the file: a backup while others write, what takes how much room, and giving free room back."""

import contextlib
import os
import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from llmledger.errors import InputFileError
from llmledger.ledger.connection import storage_errors
from llmledger.ledger.reader import Reader
from llmledger.ledger.rows import time_of
from llmledger.ledger.store import Store

_FEWEST_PAGES, _MOST_PAGES = 20, 2_000
_STEP_S = 0.012
"""How much work a step of a vacuum should be, while others wait."""
_PAGES_PER_CHECKPOINT = 2_000
_PATIENCE_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TableSize:
    """How much one table holds."""

    name: str
    rows: int
    bytes: int | None
    """With its indices; None when this SQLite cannot tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerStats:
    """What is in a ledger file."""

    path: Path
    schema_version: int
    ledger_id: str
    home_zone: str
    bytes: int
    log_bytes: int
    """Written, but not yet worked into the file."""
    free_bytes: int
    """Room inside the file that `vacuum` would give back."""
    requests: int
    first_at: datetime | None
    last_at: datetime | None
    tables: tuple[TableSize, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Vacuumed:
    """What a vacuum came to."""

    bytes_before: int
    bytes_after: int


def back_up(path: Path, target: Path, *, replace: bool = False) -> int:
    """Copy a ledger to one file, whole and consistent, while others go on writing; returns its bytes.

    The copy appears under its name only when it is complete. Raises InputFileError when the name is taken, StorageError
    when the ledger cannot be read or the copy not be written.
    """
    if target.is_dir():
        raise InputFileError(f"{target} is a folder.", hint="Name a file in it.")
    if target.exists() and not replace:
        raise InputFileError(f"{target} is there already.", hint="Give another name, or --yes to replace it.")
    unfinished = target.with_name(f".{target.name}.unfinished")
    with Reader(path) as reader, storage_errors(target):
        unfinished.unlink(missing_ok=True)
        os.close(os.open(unfinished, os.O_CREAT | os.O_WRONLY, 0o600))
        try:
            with contextlib.closing(sqlite3.connect(unfinished, isolation_level=None)) as copy:
                reader.connection.backup(copy, pages=-1)
                # One file, with nothing beside it.
                copy.execute("PRAGMA journal_mode = DELETE").fetchone()
            _sync(unfinished)
            unfinished.replace(target)
        except BaseException:
            unfinished.unlink(missing_ok=True)
            raise
        return target.stat().st_size


def stats(path: Path) -> LedgerStats:
    """What is in a ledger, and what takes how much room. Raises StorageError."""
    with Reader(path) as reader, storage_errors(path):
        connection = reader.connection
        page = connection.execute("PRAGMA page_size").fetchone()[0]
        free = connection.execute("PRAGMA freelist_count").fetchone()[0]
        requests, first, last = connection.execute(
            "SELECT count(*), min(started_ms), max(started_ms) FROM requests"
        ).fetchone()
        log = path.with_name(f"{path.name}-wal")
        return LedgerStats(
            path=path,
            schema_version=reader.schema,
            ledger_id=reader.ledger_id,
            home_zone=reader.home_zone,
            bytes=path.stat().st_size,
            log_bytes=log.stat().st_size if log.exists() else 0,
            free_bytes=page * free,
            requests=requests,
            first_at=None if first is None else time_of(first),
            last_at=None if last is None else time_of(last),
            tables=_tables(connection),
        )


def vacuum(path: Path, *, now: Callable[[], datetime], tick: Callable[[], None] = lambda: None) -> Vacuumed:
    """Give the free room inside the file back to the disk, in small steps between which others write.

    `tick` is called after each step. Raises StorageError.
    """
    before = path.stat().st_size if path.exists() else 0
    store = Store(path, create=False, now=now, home_zone="UTC", patience_s=_PATIENCE_S)
    try:
        pages, since_checkpoint = _FEWEST_PAGES, 0
        while _free_pages(store):
            with store.locked(patience_s=_PATIENCE_S) as connection:
                free = _free_pages(store)
                began = time.thread_time()
                # As a script, since `execute` takes one step of it, and each step gives back a single page.
                connection.executescript(f"PRAGMA incremental_vacuum({pages})")
                worked_s = max(time.thread_time() - began, 1e-6)
                if _free_pages(store) >= free:
                    break
            since_checkpoint += pages
            pages = max(_FEWEST_PAGES, min(_MOST_PAGES, int(pages * min(2.0, _STEP_S / worked_s))))
            if since_checkpoint >= _PAGES_PER_CHECKPOINT:
                since_checkpoint = 0
                _checkpoint(store)
            tick()
        _checkpoint(store)
        with store.locked(patience_s=_PATIENCE_S) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    finally:
        store.close()
    return Vacuumed(bytes_before=before, bytes_after=path.stat().st_size)


def _checkpoint(store: Store) -> None:
    """Work the log into the file while others write; what they add meanwhile is little, and follows under the lock."""
    with storage_errors(store.path):
        store.connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
    with store.locked(patience_s=_PATIENCE_S) as connection:
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()


def _free_pages(store: Store) -> int:
    with storage_errors(store.path):
        found: int = store.connection.execute("PRAGMA freelist_count").fetchone()[0]
    return found


def _tables(connection: sqlite3.Connection) -> tuple[TableSize, ...]:
    names = [
        name
        for (name,) in connection.execute(
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name"
        )
    ]
    sizes = _sizes(connection)
    return tuple(
        TableSize(
            name=name,
            rows=connection.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0],
            bytes=None if sizes is None else sizes.get(name, 0),
        )
        for name in names
    )


def _sizes(connection: sqlite3.Connection) -> dict[str, int] | None:
    query = """
    SELECT s.tbl_name, sum(d.pgsize) FROM dbstat d JOIN sqlite_schema s ON s.name = d.name
    WHERE d.aggregate = TRUE GROUP BY s.tbl_name
    """
    try:
        return dict(connection.execute(query).fetchall())
    except sqlite3.OperationalError:
        # Not every SQLite is built with dbstat.
        return None


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
