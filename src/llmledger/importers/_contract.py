"""What every log source fulfils, and the values that it yields.

An importer is a module of this folder with:

    SUMMARY: str                              one line for people
    WITNESS: Witness                          how good a witness of a request the log is
    RETENTION_DAYS: int | None                after how many days the tool deletes its logs, if it does
    def find(home: Path, environ: Mapping[str, str]) -> tuple[Location, ...]    where the logs may be, if at all
    def billing(home: Path, environ: Mapping[str, str]) -> Billing | None       what the tool's config says, if it does
    def recognises(head: bytes) -> bool       whether a file that begins like this is such a log
    def read(file: LogFile) -> Iterator[Item]

`read` yields requests without a cost (pricing is not its business) and never any content. It opens the file
read-only, goes on from where the file says it stopped, and yields a Problem for what cannot be read instead of
raising. After a Checkpoint everything before its offset has been yielded, so that a later run may go on from there.
Of logs that are large, requests come in lists, and those that are alike in brief; `whole` tells all of one.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import IntEnum
from pathlib import Path
from typing import IO, Any, NamedTuple, Protocol, TypeAlias

from llmledger.core.usage import COLUMN_UNITS
from llmledger.core.words import Billing, Status, UsageQuality
from llmledger.importers._compression import open_binary
from llmledger.importers._json import loads


class Witness(IntEnum):
    """Who tells of a request; of two that tell of the same one the lower counts."""

    PROXY = 0
    GATEWAY = 1
    TELEMETRY = 2
    LOG = 3


@dataclass(frozen=True, slots=True)
class Location:
    """A folder that may hold logs, and which of its files they are (glob patterns, `**` for any depth)."""

    root: Path
    patterns: tuple[str, ...]


class Imported(NamedTuple):
    """One request as a log tells it. A tuple, because a million of them are made in one run.

    `counts` has the names of `core.usage.Usage` and its meaning: inclusive, with subsets. The fields stand in three
    groups: a request's own figures, what thousands of one log have in common (`SHARED`), and what is rare (`RARE`).
    """

    key: str
    """Unique for the request over all files of the source, however often and wherever it is written down."""
    started_at: datetime
    counts: Mapping[str, int]
    provider: str
    model: str
    quality: UsageQuality
    session: str | None = None
    folder: str | None = None
    """The working directory, from which the project is looked up."""
    project: str | None = None
    branch: str | None = None
    finish_reason: str | None = None
    billing: Billing | None = None
    """None: as the rest of the source."""
    status: Status = Status.COMPLETED
    error_type: str | None = None
    flags: tuple[str, ...] = ()
    user: str | None = None
    team: str | None = None
    client: str | None = None
    app: str | None = None
    provider_request_id: str | None = None
    latency_ms: int | None = None
    first_token_ms: int | None = None
    reported_usd: Decimal | None = None
    cache_hit: bool = False
    price_context: Mapping[str, str] = {}
    raw_usage: Mapping[str, object] | None = None
    parts: tuple[tuple[str, Mapping[str, int]], ...] = ()
    """Model and counts of each, when several models were billed; `counts` is their sum."""
    tags: Mapping[str, str] = {}
    is_copy: bool = False
    """Whether this may be a replay inside another session, whose owner is named elsewhere."""


SHARED = slice(Imported._fields.index("provider"), Imported._fields.index("provider_request_id"))
RARE = slice(Imported._fields.index("reported_usd"), Imported._fields.index("is_copy"))
NOTHING_RARE: tuple[object, ...] = (None, False, {}, None, (), {})
"""The rare fields of a request that has none of them."""


@dataclass(frozen=True, slots=True, eq=False)
class Common:
    """What thousands of requests have in common: made once for all of them, and known by being the same object."""

    pattern: Imported
    """Any of them, its own figures aside; nothing rare, and counts of the same names."""
    owner: tuple[str | None, str | None, str | None]
    """Its session, folder and branch."""


Brief: TypeAlias = tuple[str, datetime, tuple[int | None, ...], Common, str, bool]
"""A request in brief, in a fifteenth of the time of an `Imported`: its key and start, its counts in the order of
`core.usage.COLUMN_UNITS` and none above `LARGEST_IN_BRIEF`, what it has in common with others, the provider's id of it,
and whether it may be a copy.
"""
LARGEST_IN_BRIEF = 1 << 39

Told: TypeAlias = Imported | Brief

_UNITS = tuple(unit.name for unit in COLUMN_UNITS)


def whole(told: Told) -> Imported:
    """A request with all that is known of it."""
    if isinstance(told, Imported):
        return told
    key, started_at, counts, common, provider_request_id, is_copy = told
    return common.pattern._replace(
        key=key,
        started_at=started_at,
        counts={name: count for name, count in zip(_UNITS, counts, strict=True) if count is not None},
        provider_request_id=provider_request_id,
        is_copy=is_copy,
    )


@dataclass(frozen=True, slots=True)
class Problem:
    """A line or row that could not be read: where and why, never its text."""

    place: int
    """Byte offset of a line, else number of a row; 0 is the file."""
    reason: str


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Everything before this place has been yielded; `state` is what the reader must know to go on from here."""

    offset: int
    state: Mapping[str, object] = field(default_factory=dict)


Item: TypeAlias = Imported | list[Told] | Problem | Checkpoint


@dataclass(frozen=True, slots=True)
class LogFile:
    """A file to read, from where the last run stopped."""

    path: Path
    offset: int = 0
    state: Mapping[str, object] = field(default_factory=dict)
    parse: Callable[[bytes], Any] = loads
    """How its lines of JSON are parsed; raises ValueError."""

    def open(self) -> IO[bytes]:
        """Open it for reading, decompressed; positioned at the offset, which counts decompressed bytes."""
        stream = open_binary(self.path)
        if self.offset:
            stream.seek(self.offset)
        return stream


class Importer(Protocol):
    """A module of this folder."""

    SUMMARY: str
    WITNESS: Witness
    RETENTION_DAYS: int | None

    def find(self, home: Path, environ: Mapping[str, str]) -> tuple[Location, ...]:
        """Where the tool keeps its logs; nothing need exist."""

    def billing(self, home: Path, environ: Mapping[str, str]) -> Billing | None:
        """How the tool's use is paid, as far as its config tells."""

    def recognises(self, head: bytes) -> bool:
        """Whether a file that begins like this is such a log."""

    def read(self, file: LogFile) -> Iterator[Item]:
        """The requests in a file."""
