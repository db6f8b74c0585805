"""Erasing a person in archives: each is written anew, whole or not at all, and its receipt gets the new hash."""

import hashlib
import json
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from llmledger.core.erasure import Eraser
from llmledger.ledger.erasure import is_theirs
from llmledger.ledger.retention import Hold, change_archive_hash
from llmledger.operations.restore import open_lines
from llmledger.operations.whole_file import whole_file

Write = tuple[sqlite3.Connection, Hold]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rewritten:
    """An archive that had the name, in how many records, and what it hashes to now (None: nothing was written)."""

    path: Path
    places: int
    sha256: str | None = None


def erase_archives(
    reading: sqlite3.Connection, eraser: Eraser, archives: Sequence[Path], *, write: Write | None
) -> tuple[Rewritten, ...]:
    """Take the name out of archives, or only count where it stands. Raises InputFileError."""
    theirs = _theirs(eraser, archives) if len(archives) > 1 else frozenset()
    found = []
    for archive in archives:
        lines = _Lines(reading, eraser, theirs)
        if write is None:
            with open_lines(archive) as source:
                for _ in lines.without(source):
                    pass
            digest = None
        else:
            digest = _rewrite(archive, lines, write)
        if lines.places:
            found.append(Rewritten(path=archive, places=lines.places, sha256=digest))
    return tuple(found)


def _rewrite(archive: Path, lines: "_Lines", write: Write) -> str | None:
    """The receipt first, then the file: a run that dies in between is simply run again."""
    connection, hold = write
    unfinished = archive.with_name(f".erasing-{archive.name}")
    try:
        with open_lines(archive) as source, whole_file(unfinished) as target:
            for line in lines.without(source):
                target.write(line)
        digest = _digest(unfinished)
        if lines.places:
            change_archive_hash(connection, archive.name, before=_digest(archive), after=digest, hold=hold)
            unfinished.replace(archive)
        return digest if lines.places else None
    finally:
        unfinished.unlink(missing_ok=True)


class _Lines:
    """Goes through one archive; counts the records that had the name."""

    def __init__(self, reading: sqlite3.Connection, eraser: Eraser, theirs: frozenset[str]) -> None:
        self.places = 0
        self._reading = reading
        self._eraser = eraser
        self._theirs = theirs
        self._current: str | None = None

    def without(self, lines: Iterator[bytes]) -> Iterator[bytes]:
        """The lines without the name; texts of the person's own requests are left out."""
        for line in lines:
            record = json.loads(line)
            kind, value = record["record"], record["value"]
            if kind == "content" and self._is_own_text(value["request_id"]):
                self.places += 1
                continue
            if self._eraser.owns(value):
                self._current = _request_of(value)
            changed = self._eraser.record(value)
            if changed is value:
                yield line
                continue
            self.places += 1
            yield json.dumps({"record": kind, "value": changed}, separators=(",", ":")).encode() + b"\n"

    def _is_own_text(self, request_id: str) -> bool:
        # A text follows its request; in an archive of texts alone, the ledger and the other archives know whose it is.
        if request_id == self._current or request_id in self._theirs:
            return True
        return is_theirs(self._reading, self._eraser, bytes.fromhex(request_id))


def _theirs(eraser: Eraser, archives: Sequence[Path]) -> frozenset[str]:
    """The ids of the person's requests in all these archives."""
    found = set()
    for archive in archives:
        with open_lines(archive) as lines:
            for line in lines:
                record = json.loads(line)
                if record["record"] in ("request", "adjustment") and eraser.owns(record["value"]):
                    found.add(_request_of(record["value"]) or "")
    return frozenset(found)


def _request_of(value: dict[str, Any]) -> str | None:
    named = value.get("begun", value).get("request_id")
    return None if named is None else str(named)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
