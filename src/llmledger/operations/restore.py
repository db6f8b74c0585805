"""Restore: read our own complete format back into a ledger, every request once."""

import gzip
import json
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from llmledger.core.adjustment import Adjustment
from llmledger.core.request import Finished
from llmledger.errors import InputFileError
from llmledger.ledger.codec import from_plain
from llmledger.ledger.merging import Key, take_over
from llmledger.ledger.request_lines import finished_from_object

if TYPE_CHECKING:
    from llmledger.ledger.booking import Books

AT_ONCE = 500
PATIENCE_S = 30.0


class Counts(Protocol):
    """What became of many records."""

    @property
    def added(self) -> int:
        """Those that were new."""


class Book(Protocol):
    """What restoring needs of a ledger that is open for writing."""

    def record_many(self, records: Iterable[Finished]) -> Counts:
        """Write rows, each once."""

    def adjust(self, *entries: Adjustment) -> bool:
        """Append corrections; False when they were booked before."""

    def store_content(
        self, request_id: bytes, started_at: datetime, *, prompt: str | None = None, response: str | None = None
    ) -> None:
        """Keep the texts of a request."""

    def call(self, action: Callable[["Books"], Any], *, patience_s: float = 0.0) -> Any:
        """Do something else in a transaction of the ledger's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What a file held, and what of it was new."""

    requests: int = 0
    added: int = 0
    adjustments: int = 0
    booked: int = 0


def restore(book: Book, lines: Iterable[bytes], *, name: str, advance: Callable[[int], None]) -> Restored:
    """Write every line of a complete export into a ledger; what it has already stays as it is.

    Raises InputFileError that names the line which cannot be read; everything before it is restored.
    """
    return take_in(book, (_record(line, f"{name}:{number}") for number, line in enumerate(lines, 1)), advance)


def take_in(book: Book, records: Iterable[tuple[str, Any]], advance: Callable[[int], None]) -> Restored:
    """Write requests, corrections, texts and importers' keys into a ledger, each once."""
    requests: list[Finished] = []
    keys: list[Key] = []
    counts = dict.fromkeys(("requests", "added", "adjustments", "booked"), 0)

    def write_requests() -> None:
        counts["added"] += book.record_many(requests).added
        counts["requests"] += len(requests)
        requests.clear()

    def write_keys() -> None:
        if keys:
            book.call(partial(_take_over, keys.copy()), patience_s=PATIENCE_S)
            keys.clear()

    for kind, value in records:
        if kind == "request":
            requests.append(value)
            if len(requests) >= AT_ONCE:
                write_requests()
        elif kind == "key":
            keys.append(value)
            if len(keys) >= AT_ONCE:
                write_requests()
                write_keys()
        else:
            write_requests()
            if kind == "adjustment":
                counts["adjustments"] += 1
                counts["booked"] += book.adjust(value)
            else:
                book.store_content(*value[:2], prompt=value[2], response=value[3])
        advance(1)
    write_requests()
    write_keys()
    return Restored(**counts)


def _take_over(keys: list[Key], books: "Books") -> None:
    take_over(books.connection, keys)


KINDS = ("request", "adjustment", "content", "key")


def of_plain(kind: str, value: Any) -> Any:
    """What a record of a complete export stands for. Raises ValueError, TypeError or KeyError when it is none."""
    if kind == "request":
        # The first exports had requests as the program has them, in which the beginning is a record of its own.
        return from_plain(Finished, value) if "begun" in value else finished_from_object(value)
    if kind == "adjustment":
        return from_plain(Adjustment, value)
    if kind == "key":
        key, request_id = bytes.fromhex(value["key"]), bytes.fromhex(value["request_id"])
        return key, int(value["status"]), value["cost_nanousd"], request_id
    started_at = datetime.fromisoformat(value["started_at"])
    return bytes.fromhex(value["request_id"]), started_at, value["prompt"], value["response"]


def _record(line: bytes, where: str) -> tuple[str, Any]:
    try:
        plain = json.loads(line)
        kind = plain["record"]
        if kind in KINDS:
            return kind, of_plain(kind, plain["value"])
    except (ValueError, TypeError, KeyError, AttributeError) as problem:
        raise InputFileError(
            f"{where} is no line of a complete export: {problem}", hint="Only `export --format jsonl` is read back."
        ) from problem
    raise InputFileError(f"{where} holds an unknown record {kind!r}", hint="It may be of a newer llmledger.")


@contextmanager
def open_lines(path: Path) -> Iterator[Iterator[bytes]]:
    """The lines of an export, compressed or not. Raises InputFileError."""
    try:
        with path.open("rb") as head:
            is_gzip = head.read(2) == b"\x1f\x8b"
        with gzip.open(path, "rb") if is_gzip else path.open("rb") as file:
            yield iter(file)
    except (OSError, EOFError, zlib.error) as problem:
        reason = getattr(problem, "strerror", None)
        hint = "Check the path." if reason else "It is not whole: compare its size and hash with its receipt."
        raise InputFileError(f"{path} cannot be read: {reason or problem}", hint=hint) from problem
