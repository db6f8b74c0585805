"""Where to go on reading a log: what its note says, checked against the file as it is now."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from llmledger.core.window import unix_ms
from llmledger.importers._compression import is_compressed
from llmledger.importers._contract import Checkpoint, LogFile
from llmledger.importers._json import loads, quick_loads
from llmledger.importers._sqlite import MAGIC

_HEAD = 1024
_TAIL = 256


@dataclass(frozen=True, slots=True)
class Look:
    """A log as it is on disk now."""

    path: Path
    identity: str
    size: int
    modified_ns: int


def look_at(path: Path) -> Look:
    """Size, age and identity of a log; a database's write-ahead log is a part of it. Raises OSError."""
    found = path.stat()
    size, modified_ns = found.st_size, found.st_mtime_ns
    try:
        beside = path.with_name(path.name + "-wal").stat() if path.suffix == ".db" else None
    except OSError:
        beside = None
    if beside is not None:
        size, modified_ns = size + beside.st_size, max(modified_ns, beside.st_mtime_ns)
    return Look(path, f"{found.st_dev}:{found.st_ino}", size, modified_ns)


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """What is known of a log that was read before; stored as JSON."""

    identity: str
    size: int
    modified_ns: int
    offset: int = 0
    head: str = ""
    """Digest of the first bytes, and of those before the offset: another content under the same name starts anew."""
    tail: str = ""
    since_ms: int | None = None
    """Requests before it were left out; None: nothing was."""
    state: Mapping[str, Any] = field(default_factory=dict)

    def plain(self) -> dict[str, Any]:
        """As JSON values; what has its default is left out."""
        empty = Position(identity="", size=-1, modified_ns=-1)
        values = {name: getattr(self, name) for name in Position.__slots__}
        return {name: value for name, value in values.items() if value != getattr(empty, name)}


def position_from(plain: Mapping[str, Any]) -> Position | None:
    """Read a stored position back; None when it is not one of ours."""
    try:
        return Position(**plain)
    except TypeError:
        return None


def is_unchanged(look: Look, before: Position, since: datetime | None) -> bool:
    """Whether there can be nothing new in a log."""
    is_same = (look.identity, look.size, look.modified_ns) == (before.identity, before.size, before.modified_ns)
    return is_same and _covers(before, since)


def resumed(look: Look, before: Position | None, since: datetime | None) -> Position:
    """Where to read on: behind what was read, or from the start when the log was truncated, replaced or rewritten."""
    anew = Position(identity=look.identity, size=look.size, modified_ns=look.modified_ns, since_ms=_ms(since))
    if before is None or not _covers(before, since) or is_compressed(look.path):
        return anew
    with look.path.open("rb") as stream:
        head = stream.read(_HEAD)
        if head.startswith(MAGIC):
            is_same = before.identity == look.identity
            return replace(before, size=look.size, modified_ns=look.modified_ns) if is_same else anew
        if not before.offset or look.size < before.offset or _digest(head[: before.offset]) != before.head:
            return anew
        stream.seek(max(0, before.offset - _TAIL))
        if _digest(stream.read(min(_TAIL, before.offset))) != before.tail:
            return anew
    return replace(before, identity=look.identity, size=look.size, modified_ns=look.modified_ns)


def log_file(look: Look, position: Position, *, is_quick: bool = False) -> LogFile:
    """The log, opened where it is to be read on; parsed quickly when there is much of it."""
    return LogFile(look.path, position.offset, position.state, quick_loads() if is_quick else loads)


def reached(look: Look, position: Position, mark: Checkpoint) -> Position:
    """The position after a checkpoint, which is behind the size that was looked at when the log has grown since."""
    offset = 0 if is_compressed(look.path) else mark.offset
    moved = replace(position, offset=offset, state=mark.state)
    if not offset:
        return moved
    with look.path.open("rb") as stream:
        head = _digest(stream.read(min(_HEAD, offset)))
        stream.seek(max(0, offset - _TAIL))
        return replace(moved, head=head, tail=_digest(stream.read(min(_TAIL, offset))))


def unread(position: Position) -> Position:
    """A position that will not be taken for unchanged: its log was not read to the end."""
    return replace(position, modified_ns=0)


def _covers(before: Position, since: datetime | None) -> bool:
    """Whether what was left out before is still not wanted."""
    wanted = _ms(since)
    return before.since_ms is None or (wanted is not None and before.since_ms <= wanted)


def _ms(moment: datetime | None) -> int | None:
    return None if moment is None else unix_ms(moment)


def _digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=12).hexdigest()
