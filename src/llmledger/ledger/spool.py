"""Where records wait while the ledger cannot be written: room on the disk that was taken beforehand.

One file per process and ledger: JSON lines, then zeros. The first line names the ledger. A line counts once it is on
the disk; replaying one twice changes nothing.
"""

import contextlib
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from llmledger.core.erasure import Eraser
from llmledger.ledger.owners import is_alive, owners_folder

SPOOL_BYTES = 4 * 1024 * 1024
UNREADABLE = ".unreadable"
_FORMAT = 1
_CHUNK = 1024 * 1024


def spools_folder(ledger: Path) -> Path:
    """Where the spools of the ledgers of a folder are."""
    return ledger.parent / "spools"


def spool_path(folder: Path, ledger_id: str, owner: str) -> Path:
    """The spool of one process for one ledger."""
    return folder / f"{ledger_id}-{owner}.jsonl"


@dataclass(frozen=True, slots=True)
class Waiting:
    """A spool file found in the folder."""

    path: Path
    ledger_id: str
    owner: str


def found_spools(folder: Path) -> list[Waiting]:
    """All spools of a folder, of any ledger and any process."""
    if not folder.is_dir():
        return []
    split = ((path, *path.stem.partition("-")) for path in sorted(folder.glob("*-*.jsonl")))
    return [Waiting(path, ledger_id, owner) for path, ledger_id, _, owner in split]


def is_recovery_due(ledger: Path, ledger_id: str, in_flight: Iterable[str]) -> bool:
    """Whether a dead process left a spool or requests in flight; a look that changes nothing."""
    owners = owners_folder(ledger)
    names = {waiting.owner for waiting in found_spools(spools_folder(ledger)) if waiting.ledger_id == ledger_id}
    return any(not is_alive(owners, name) for name in {*names, *in_flight})


def spools_with(ledger: Path, eraser: Eraser) -> list[Path]:
    """The spools in which a name waits to be written."""
    return [
        waiting.path
        for waiting in found_spools(spools_folder(ledger))
        if any(eraser.holds(_readable(line)) for line in read_lines(waiting.path))
    ]


def forget_in_unreadable(ledger: Path, eraser: Eraser) -> None:
    """Take a name out of the records that nobody could understand; nobody has them open. Raises OSError."""
    for kept in sorted(spools_folder(ledger).glob(f"*{UNREADABLE}")):
        lines = kept.read_bytes().splitlines(keepends=True)
        changed = [_readable_without(line, eraser) for line in lines]
        if changed != lines:
            unfinished = kept.with_suffix(".unfinished")
            unfinished.write_bytes(b"".join(changed))
            unfinished.replace(kept)


def _readable(line: bytes) -> str:
    """A line as text, with JSON's escapes resolved where it is JSON."""
    try:
        return json.dumps(json.loads(line), ensure_ascii=False)
    except ValueError:
        return line.decode("utf-8", "replace")


def _readable_without(line: bytes, eraser: Eraser) -> bytes:
    text = _readable(line)
    return eraser.text(text).rstrip("\n").encode() + b"\n" if eraser.holds(text) else line


class Spool:
    """The open spool of this process. Not for several threads at once."""

    def __init__(self, path: Path, *, size: int = SPOOL_BYTES) -> None:
        """Make the file and take its room on the disk, durably. Raises OSError when there is no room."""
        path.parent.mkdir(mode=0o700, exist_ok=True)
        self.path = path
        self.size = size
        self._handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            _allocate(self._handle, size)
            head = json.dumps({"spool": _FORMAT, "file": path.stem}).encode() + b"\n"
            _write_at(self._handle, head, 0)
            os.fsync(self._handle)
            _sync_folder(path.parent)
        except OSError:
            os.close(self._handle)
            path.unlink(missing_ok=True)
            raise
        self._start = self._end = len(head)

    @property
    def used(self) -> int:
        """Bytes of records that wait."""
        return self._end - self._start

    @property
    def room(self) -> int:
        """Bytes that further records may take; the last byte always stays zero."""
        return self.size - self._end - 1

    def append(self, lines: Iterable[bytes]) -> bool:
        """Put complete lines on the disk; False, and nothing is written, when they do not fit. Raises OSError."""
        block = b"".join(lines)
        if len(block) > self.room:
            return False
        _write_at(self._handle, block, self._end)
        _sync(self._handle)
        self._end += len(block)
        return True

    def grow(self, limit: int) -> bool:
        """Take twice the room, up to a limit; say whether there is more now."""
        size = min(2 * self.size, limit)
        if size <= self.size:
            return False
        try:
            _allocate(self._handle, size, since=self.size)
            os.fsync(self._handle)
        except OSError:
            return False
        self.size = size
        return True

    def lines(self) -> list[bytes]:
        """The records that wait, in their order."""
        return list(read_lines(self.path))

    def set_aside(self) -> None:
        """Keep a copy of what waits, durably, for a person to look at: not all of it could be understood."""
        kept = self.path.with_suffix(UNREADABLE)
        kept.write_bytes(b"".join(self.lines()))
        with kept.open("rb") as file:
            os.fsync(file.fileno())

    def clear(self) -> None:
        """All records are in the ledger now: make the room free again, durably. Raises OSError."""
        for at in range(self._start, self._end, _CHUNK):
            _write_at(self._handle, bytes(min(_CHUNK, self._end - at)), at)
        _sync(self._handle)
        self._end = self._start

    def close(self) -> None:
        """Let go of the file, and remove it when nothing waits in it."""
        if self._handle >= 0:
            if not self.used:
                with contextlib.suppress(OSError):
                    self.path.unlink(missing_ok=True)
            self.abandon()

    def abandon(self) -> None:
        """Let go of the file as a killed process does."""
        handle, self._handle = self._handle, -1
        if handle >= 0:
            os.close(handle)


def read_lines(path: Path) -> Iterator[bytes]:
    """The complete records of a spool file; a line that was being written when the process died was never promised."""
    with path.open("rb") as file:
        file.readline()
        for line in file:
            if line.startswith(b"\x00") or not line.endswith(b"\n"):
                return
            yield line


def _allocate(handle: int, size: int, *, since: int = 0) -> None:
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(handle, since, size - since)
        return
    for at in range(since, size, _CHUNK):
        _write_at(handle, bytes(min(_CHUNK, size - at)), at)


def _write_at(handle: int, block: bytes, at: int) -> None:
    view = memoryview(block)
    os.lseek(handle, at, os.SEEK_SET)
    while view:
        view = view[os.write(handle, view) :]


def _sync(handle: int) -> None:
    if hasattr(os, "fdatasync"):
        os.fdatasync(handle)
    else:
        os.fsync(handle)


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
