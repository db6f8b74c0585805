"""Reading a ledger: it never makes a file, and writes only when something was left to recover."""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from llmledger.errors import LedgerMissing, UsageError
from llmledger.ledger.connection import (
    check_file,
    check_is_ledger,
    is_writable,
    open_for_reading,
    storage_error,
    storage_errors,
)
from llmledger.ledger.migrations import SCHEMA, check_schema
from llmledger.ledger.spool import is_recovery_due

if TYPE_CHECKING:
    from llmledger.core.adjustment import Standing
    from llmledger.core.request import Begun, SoFar
    from llmledger.ledger.standing import Recorded

_SHORTEST_ID = 4
_BY_TAIL = """
WITH RECURSIVE blocks(block) AS (
  SELECT max(id) / 32768 FROM requests UNION ALL SELECT block - 1 FROM blocks WHERE block > 0)
SELECT r.request_id FROM blocks CROSS JOIN requests r ON r.id / 32768 = block AND substr(r.request_id, 13) = ?
"""
"""Asks the index of short ids in each of its blocks of rows, the newest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A request that has begun and not ended."""

    begun: "Begun"
    owner: str
    so_far: "SoFar | None" = None
    """What it has used by now, where its process tells."""


class Reader:
    """An open ledger to read from. `connection` is a plain one: close the reader when done."""

    def __init__(self, path: Path) -> None:
        """Open the file for reading alone. Raises StorageError."""
        self.path = path
        check_file(path)
        with storage_errors(path):
            self.connection: sqlite3.Connection = open_for_reading(path)
            try:
                check_is_ledger(self.connection, path)
                self.schema = check_schema(self.connection, path)
                _check_has_tables(self.schema, path)
                facts = dict(self.connection.execute("SELECT key, value FROM meta").fetchall())
            except BaseException:
                self.connection.close()
                raise
        self.home_zone: str = facts["home_zone"]
        self.ledger_id: str = facts["ledger_id"]

    def find(self, text: str) -> list[bytes]:
        """The ids that begin or end with these hexadecimal digits (four at least); two at most: ambiguous."""
        digits = text.replace("-", "").lower()
        if len(digits) < _SHORTEST_ID or len(digits) > 32 or not set(digits) <= set("0123456789abcdef"):
            raise UsageError(
                f"{text!r} is no request id.", hint="Give 4 to 32 hexadecimal digits, as `log` shows them."
            )
        with storage_errors(self.path):
            found = [*self._by_prefix(digits), *self._by_suffix(digits)]
        return list(dict.fromkeys(found))[:2]

    def request(self, request_id: bytes) -> "Recorded | None":
        """One request with its corrections, or None when there is no row (any more)."""
        from llmledger.ledger.standing import recorded_row

        with storage_errors(self.path):
            row = self.connection.execute("SELECT row FROM seen WHERE key = ?", (request_id,)).fetchone()
            recorded = None if row is None else recorded_row(self.connection, row[0])
        return recorded if recorded is None or recorded.finished.begun.request_id == request_id else None

    def standing(self, request_id: bytes) -> "Standing | None":
        """How one request stands now."""
        recorded = self.request(request_id)
        return None if recorded is None else recorded.standing

    def running(self) -> Iterator[Running]:
        """What has begun and not ended, the oldest first."""
        from llmledger.core.request import Begun
        from llmledger.ledger.codec import from_json
        from llmledger.ledger.progress import read_progress

        rows = self.connection.execute("SELECT owner, begun FROM inflight ORDER BY started_ms, request_id").fetchall()
        told = {owner: read_progress(self.path, owner) for owner in {owner for owner, _ in rows}}
        for owner, text in rows:
            begun = from_json(Begun, text)
            yield Running(begun=begun, owner=owner, so_far=told[owner].get(begun.request_id))

    def is_recovery_due(self) -> bool:
        """Whether the file is writable, and old, or left unfinished by a dead process."""
        if not is_writable(self.path):
            return False
        owners = self.connection.execute("SELECT DISTINCT owner FROM inflight").fetchall()
        return self.schema < SCHEMA or is_recovery_due(self.path, self.ledger_id, [owner for (owner,) in owners])

    def close(self) -> None:
        """Let go of the file."""
        self.connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
        if isinstance(error, sqlite3.Error):
            raise storage_error(error, self.path) from error

    def _by_prefix(self, digits: str) -> list[bytes]:
        low, high = bytes.fromhex(digits.ljust(32, "0")), bytes.fromhex(digits.ljust(32, "f"))
        rows = self.connection.execute(
            "SELECT key FROM seen WHERE key BETWEEN ? AND ? AND status < 8 LIMIT 2", (low, high)
        )
        return [key for (key,) in rows]

    def _by_suffix(self, digits: str) -> list[bytes]:
        tail = digits[-8:]
        if len(tail) < 8:
            rows = self.connection.execute(
                "SELECT request_id FROM requests WHERE lower(hex(request_id)) LIKE ? LIMIT 2", (f"%{tail}",)
            )
        else:
            rows = self.connection.execute(_BY_TAIL, (bytes.fromhex(tail),))
        return [request_id for (request_id,) in rows if request_id.hex().endswith(digits)]


def _check_has_tables(schema: int, path: Path) -> None:
    if schema == 0:
        raise LedgerMissing(f"Ledger {path} is empty.", hint="The first `llmledger run` or `import` fills it.")
