"""The only SQL of the program: one SQLite file per user, written exactly once per request."""

import contextlib
from collections.abc import Callable
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from llmledger.ledger.ledger import Ledger, RecordCounts
    from llmledger.ledger.manners import Manners
    from llmledger.ledger.reader import Reader, Running
    from llmledger.ledger.standing import Recorded

__all__ = ["Ledger", "Manners", "Reader", "RecordCounts", "Recorded", "Running", "open_ledger", "open_reader"]

_PLACES = {"Reader": "reader", "Running": "reader", "Recorded": "standing", "Manners": "manners"}
"""Where a name is that does not come with writing: those who only read shall not pay for the writer's start."""


def __getattr__(name: str) -> Any:
    """Import a public name on first use."""
    if name not in __all__:
        raise AttributeError(name)
    return getattr(import_module(f"llmledger.ledger.{_PLACES.get(name, 'ledger')}"), name)


def open_ledger(
    path: Path,
    *,
    create: bool = True,
    now: Callable[[], datetime],
    home_zone: str = "UTC",
    manners: "Manners | None" = None,
) -> "Ledger":
    """Open a ledger to write to; by default make it when it is not there. Raises StorageError with a clear line."""
    from llmledger.ledger.ledger import Ledger

    return Ledger(path, create=create, now=now, home_zone=home_zone, manners=manners)


def open_reader(path: Path) -> "Reader":
    """Open a ledger to read from; never makes one. Raises StorageError with a clear line.

    When an older program wrote it, or a dead process left something to recover, that is put right first if the file is
    writable; where it is not, the ledger is read as it is.
    """
    from llmledger.ledger.reader import Reader

    reader = Reader(path)
    if not reader.is_recovery_due():
        return reader
    from llmledger.errors import StorageError
    from llmledger.ledger.recovery import put_right

    reader.close()
    with contextlib.suppress(StorageError):
        put_right(path)
    return Reader(path)
