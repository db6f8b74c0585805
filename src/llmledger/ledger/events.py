"""What can happen to the ledger, as values: the writer commits them, the spool keeps them while it cannot."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, TypeAlias

from llmledger.core.adjustment import Adjustment
from llmledger.core.request import Begun, Finished
from llmledger.ledger.booking import Books
from llmledger.ledger.codec import from_plain, to_plain


class Event(Protocol):
    """Something to be written in one piece."""

    def apply(self, books: Books) -> Any:
        """Write it in the caller's transaction."""

    def plain(self) -> dict[str, Any] | None:
        """The event as plain JSON values for the spool; None when it is not worth keeping there."""


@dataclass(frozen=True, slots=True)
class Begin:
    """A request is about to go upstream."""

    begun: Begun
    owner: str | None = None
    """Whose it is, when it is replayed for another process."""

    def apply(self, books: Books) -> bool:
        """True when it was noted."""
        return books.begin(self.begun, owner=self.owner)

    def plain(self) -> dict[str, Any]:
        """As one spool record."""
        return {"event": "begin", "record": to_plain(self.begun)}


@dataclass(frozen=True, slots=True)
class Finish:
    """A request has ended, or was found in an import."""

    finished: Finished

    def apply(self, books: Books) -> Any:
        """What became of it."""
        return books.finish(self.finished)

    def plain(self) -> dict[str, Any]:
        """As one spool record."""
        return {"event": "finish", "record": to_plain(self.finished)}


@dataclass(frozen=True, slots=True)
class Adjust:
    """Corrections that belong together."""

    entries: tuple[Adjustment, ...]

    def apply(self, books: Books) -> bool:
        """True when they were appended."""
        return books.adjust(self.entries)

    def plain(self) -> dict[str, Any]:
        """As one spool record."""
        return {"event": "adjust", "record": [to_plain(entry) for entry in self.entries]}


@dataclass(frozen=True, slots=True)
class StoreContent:
    """The text of a request, when it was asked for."""

    request_id: bytes
    started_at: datetime
    prompt: str | None
    response: str | None

    def apply(self, books: Books) -> None:
        """Keep it."""
        books.store_content(self.request_id, self.started_at, self.prompt, self.response)

    def plain(self) -> None:
        """Text is no record: the spool keeps its room for what was billed."""


@dataclass(frozen=True, slots=True)
class Call:
    """Any other write: a function of the books, for what can be done again if it fails."""

    action: Callable[[Books], Any]
    is_bulk: bool = False
    """It writes thousands of rows; whoever asks for it makes them again when the last were lost with the power."""

    def apply(self, books: Books) -> Any:
        """Run it."""
        return self.action(books)

    def plain(self) -> None:
        """It cannot wait in the spool."""


AnyEvent: TypeAlias = Begin | Finish | Adjust | StoreContent | Call


def event_line(plain: Mapping[str, Any]) -> bytes:
    """One spool record as a line of ASCII."""
    return json.dumps(plain, separators=(",", ":")).encode("ascii") + b"\n"


def event_from(line: bytes) -> Begin | Finish | Adjust:
    """Read a spool record back. Raises ValueError, KeyError or TypeError when it is not one."""
    plain = json.loads(line)
    kind, record = plain["event"], plain["record"]
    if kind == "begin":
        return Begin(from_plain(Begun, record))
    if kind == "finish":
        return Finish(from_plain(Finished, record))
    if kind == "adjust":
        return Adjust(tuple(from_plain(Adjustment, entry) for entry in record))
    raise ValueError(f"unknown event {kind!r}")
