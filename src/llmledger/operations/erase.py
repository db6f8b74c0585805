"""Erase a person: in the ledger, and in the archives that are pointed at."""

import hashlib
import json
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from llmledger.ledger.connection import open_for_writing, storage_errors
from llmledger.ledger.erasure import ERASED, erase_user
from llmledger.ledger.rollups_upkeep import ChunkLock
from llmledger.operations.export import whole_file
from llmledger.operations.restore import open_lines


@dataclass(frozen=True, slots=True, kw_only=True)
class Erased:
    """Where a name stood, and what the archives that were rewritten hash to now."""

    places: int
    archives: tuple[tuple[str, str], ...] = ()


def erase(path: Path, name: str, archives: Sequence[Path] = ()) -> Erased:
    """Take a user's name out of a ledger and of archives; every total stays. Raises StorageError, InputFileError."""
    with storage_errors(path), closing(open_for_writing(path)) as writing, closing(ChunkLock(path, writing)) as lock:
        places = erase_user(writing, name, hold=lock.hold)
    rewritten = []
    for archive in archives:
        places += _erase_in(archive, name)
        with archive.open("rb") as file:
            rewritten.append((str(archive), hashlib.file_digest(file, "sha256").hexdigest()))
    return Erased(places=places, archives=tuple(rewritten))


def _erase_in(archive: Path, name: str) -> int:
    """Rewrite one archive, whole or not at all; texts of the person's requests are left out."""
    places = 0
    theirs: set[str] = set()
    with open_lines(archive) as lines, whole_file(archive) as file:
        for line in lines:
            record = json.loads(line)
            if record["record"] == "content" and record["value"]["request_id"] in theirs:
                places += 1
                continue
            found = _rename(record["value"], name)
            places += found
            if found and record["record"] == "request":
                theirs.add(record["value"]["begun"]["request_id"])
            file.write(json.dumps(record, separators=(",", ":")).encode() + b"\n" if found else line)
    return places


def _rename(value: Any, name: str) -> int:
    """Replace the name in every attribution inside a record."""
    if not isinstance(value, dict):
        return 0
    found = 0
    for key, inner in value.items():
        if key == "user" and inner == name:
            value[key] = ERASED
            found += 1
        elif key == "tags" and isinstance(inner, dict):
            for tag, text in inner.items():
                if text == name:
                    inner[tag] = ERASED
                    found += 1
        else:
            found += _rename(inner, name)
    return found
