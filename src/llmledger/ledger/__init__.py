"""The only SQL of the program: one SQLite file per user, written exactly once per request."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from llmledger.ledger.ledger import Ledger, RecordCounts
from llmledger.ledger.reader import Reader, Running
from llmledger.ledger.standing import Recorded

__all__ = ["Ledger", "Reader", "RecordCounts", "Recorded", "Running", "open_ledger", "open_reader"]


def open_ledger(path: Path, *, create: bool = True, now: Callable[[], datetime], home_zone: str = "UTC") -> Ledger:
    """Open a ledger to write to; by default make it when it is not there. Raises StorageError with a clear line."""
    return Ledger(path, create=create, now=now, home_zone=home_zone)


def open_reader(path: Path) -> Reader:
    """Open a ledger to read from; never makes one. Raises StorageError with a clear line."""
    return Reader(path)
