"""One connection that commits events: under the ledger's lock, all that is handed in together in one transaction."""

import contextlib
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from llmledger.errors import LedgerBusy, LedgerMissing
from llmledger.ledger.booking import Books
from llmledger.ledger.connection import (
    check_is_ledger,
    open_for_writing,
    prepare_file,
    storage_errors,
)
from llmledger.ledger.events import AnyEvent
from llmledger.ledger.lock import FileLock
from llmledger.ledger.migrations import Birth, check_schema, migrate
from llmledger.ledger.rows import ms_of

CHECKPOINT_BYTES = 4 * 1024 * 1024
"""How long the write-ahead log may grow before it is worked into the file."""

_OF_THE_EVENT = (sqlite3.IntegrityError, sqlite3.ProgrammingError, sqlite3.InterfaceError, sqlite3.DataError)
_OF_THE_VALUES = (ValueError, TypeError, KeyError, OverflowError, AttributeError)


@dataclass(frozen=True, slots=True)
class Failure:
    """An event that could not be written for its own sake; its neighbours were."""

    error: Exception


def lock_path(ledger: Path) -> Path:
    """The file whose lock covers every commit and checkpoint of a ledger, across processes."""
    return ledger.with_name(f"{ledger.name}.lock")


class Store:
    """The writing side of one open ledger file. Not for several threads at once."""

    def __init__(
        self, path: Path, *, owner: str, create: bool, now: Callable[[], datetime], home_zone: str, patience_s: float
    ) -> None:
        """Open, and make or migrate, the file. Raises StorageError, one clear line for each way it is unusable."""
        self.path = path
        self._log = path.with_name(f"{path.name}-wal")
        prepare_file(path, create=create)
        with storage_errors(path), contextlib.ExitStack() as undo:
            self.lock = FileLock(lock_path(path))
            undo.callback(self.lock.close)
            self._acquire(patience_s)
            self.connection = open_for_writing(path)
            undo.callback(self.connection.close)
            check_is_ledger(self.connection, path)
            if check_schema(self.connection, path) == 0 and not create:
                raise LedgerMissing(f"Ledger {path} is empty.", hint="The first `llmledger run` or `import` fills it.")
            migrate(self.connection, path, Birth(home_zone=home_zone, created_ms=ms_of(now())))
            facts = dict(self.connection.execute("SELECT key, value FROM meta").fetchall())
            self.lock.release()
            undo.pop_all()
        self.ledger_id: str = facts["ledger_id"]
        self.home_zone: str = facts["home_zone"]
        self.books = Books(self.connection, owner=owner, now=now)
        self._identity = _identity(path)

    def commit(self, events: Sequence[AnyEvent], *, patience_s: float) -> list[Any]:
        """Write all events in one durable transaction; returns each one's result, or a `Failure` for a bad one.

        Raises StorageError when nothing could be written: then none of them is.
        """
        with storage_errors(self.path):
            self._acquire(patience_s)
            try:
                self._check_place()
                results = self._transact(events)
                self._checkpoint_when_due()
            finally:
                self.lock.release()
        return results

    def exclusively(self, action: Callable[[sqlite3.Connection], Any], *, patience_s: float) -> Any:
        """Run something outside a transaction (a checkpoint, a vacuum) under the ledger's lock."""
        with storage_errors(self.path):
            self._acquire(patience_s)
            try:
                return action(self.connection)
            finally:
                self.lock.release()

    def close(self) -> None:
        """Work the log into the file, if nobody else is using it, and let go of everything."""
        is_ours = False
        with contextlib.suppress(OSError):
            is_ours = self.lock.acquire(patience_s=1.0)
        try:
            if is_ours:
                with contextlib.suppress(sqlite3.Error):
                    self.connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
            with contextlib.suppress(sqlite3.Error):
                self.connection.close()
        finally:
            self.lock.close()

    def _acquire(self, patience_s: float) -> None:
        if not self.lock.acquire(patience_s=patience_s):
            hint = (
                "Another llmledger holds it for long (a vacuum or a stopped process?); `llmledger doctor` may say more."
            )
            raise LedgerBusy(f"Ledger {self.path} is locked by another llmledger.", hint=hint)

    def _check_place(self) -> None:
        """A file that was moved or replaced would still take our writes, where nobody will look for them."""
        if _identity(self.path) != self._identity:
            raise LedgerMissing(f"Ledger {self.path} was moved or replaced.", hint="Put it back, or restart llmledger.")

    def _transact(self, events: Sequence[AnyEvent]) -> list[Any]:
        connection = self.connection
        connection.execute("BEGIN IMMEDIATE")
        try:
            check_schema(connection, self.path)
            results = [self._apply(event) for event in events]
            connection.execute("COMMIT")
        except BaseException:
            self.books.forget()
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        return results

    def _apply(self, event: AnyEvent) -> Any:
        connection = self.connection
        connection.execute("SAVEPOINT event")
        try:
            result = event.apply(self.books)
        except (*_OF_THE_EVENT, *_OF_THE_VALUES) as error:
            self.books.forget()
            connection.execute("ROLLBACK TO event")
            connection.execute("RELEASE event")
            return Failure(error)
        connection.execute("RELEASE event")
        return result

    def _checkpoint_when_due(self) -> None:
        try:
            is_due = self._log.stat().st_size > CHECKPOINT_BYTES
        except FileNotFoundError:
            return
        if is_due:
            # The rows are durable already: a checkpoint that fails is tried again later.
            with contextlib.suppress(sqlite3.Error):
                self.connection.execute("PRAGMA wal_checkpoint(RESTART)").fetchone()


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return (found.st_dev, found.st_ino)
