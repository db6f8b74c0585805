"""The only SQL of the program: one SQLite file per user, written exactly once per request."""

import contextlib
from collections.abc import Callable
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from llmledger.errors import StorageError
from llmledger.ledger.connection import is_writable
from llmledger.ledger.ledger import Ledger, Manners, RecordCounts
    from llmledger.ledger.migrations import SCHEMA
from llmledger.ledger.reader import Reader, Running
    from llmledger.ledger.recovery import put_right
from llmledger.ledger.standing import Recorded

__all__ = ["Ledger", "Manners", "Reader", "RecordCounts", "Recorded", "Running", "open_ledger", "open_reader"]

_PLACES = {"Reader": "reader", "Running": "reader", "Recorded": "standing"}
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
    from llmledger.errors import StorageError
from llmledger.ledger.connection import is_writable
from llmledger.ledger.ledger import Ledger

    return Ledger(path, create=create, now=now, home_zone=home_zone, manners=manners)


def open_reader(path: Path) -> "Reader":
    """Open a ledger to read from; never makes one. Raises StorageError with a clear line."""
    from llmledger.ledger.migrations import SCHEMA
from llmledger.ledger.reader import Reader

    return Reader(path)
