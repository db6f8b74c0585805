"""Whether prunes ended, and whether each archive is still what the receipt of its prune says."""

import hashlib
import json
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

from llmledger.ledger.finding import Finding, Level, broken, kept
from llmledger.ledger.rows import time_of

_ARCHIVES = "each archive is what the receipt of its prune says"


def check_receipts(connection: sqlite3.Connection, folders: Sequence[Path]) -> Iterator[Finding]:
    """A finding for prunes that were cut short, one for the archives, and one for each that is not to be found."""
    receipts = connection.execute(
        "SELECT id, what, before_ms, archive_name, archive_sha256, receipt FROM prunings ORDER BY id"
    ).fetchall()
    for number, what, before_ms, *_ in (row for row in receipts if "removed" not in json.loads(row[5])):
        text = f"prune {number} ({what} before {time_of(before_ms):%Y-%m-%d}) was cut short or still runs; totals are right"
        yield Finding(Level.NOTE, text, "Run the same prune again: it goes on where it stopped.")
    yield from _archives([row for row in receipts if row[3] is not None], folders)


def _archives(receipts: Sequence[tuple[int, str, int, str, str, str]], folders: Sequence[Path]) -> Iterator[Finding]:
    wrong, missing = [], []
    for number, _what, _before, name, digest, receipt in receipts:
        noted, before = (json.loads(receipt).get(key) for key in ("archive_folder", "archive_sha256_before"))
        found = _find(name, [*folders, *([Path(noted)] if noted else [])])
        if found is None:
            missing.append(f"{name} of prune {number} is not in {noted or 'a folder that was named'}")
        elif (reason := _difference(found, digest, before)) is not None:
            wrong.append(f"prunings row {number}: {found} {reason}")
    if wrong:
        yield broken(
            _ARCHIVES, len(wrong), tuple(wrong), "Get the archive back from a backup: it holds what was pruned."
        )
    elif len(missing) < len(receipts) or not receipts:
        yield kept(_ARCHIVES)
    for text in missing:
        yield Finding(Level.NOTE, f"archive {text}: not checked", "Say where it is: llmledger db verify --archive DIR")


def _find(name: str, folders: Sequence[Path]) -> Path | None:
    for folder in folders:
        for place in (folder, folder / name):
            if place.name == name and place.is_file():
                return place
    return None


def _difference(archive: Path, expected: str, before: str | None) -> str | None:
    try:
        with archive.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        return f"cannot be read: {error.strerror or error}"
    if found == before:
        return "is as it was before somebody was erased from it: run `llmledger prune --user` again"
    return None if found == expected else f"has sha256 {found}, the receipt says {expected}"
