"""Archive: write what a prune is about to remove as a complete export, and read it back before anything goes."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC
from itertools import count
from pathlib import Path
from typing import Protocol

from llmledger.core.export import Table
from llmledger.core.selection import Selection
from llmledger.core.window import Window, from_unix_ms
from llmledger.errors import InputFileError, StorageError
from llmledger.exporters import load
from llmledger.ledger.queries.export import read_contents, read_records
from llmledger.ledger.retention import Cut
from llmledger.operations.build_report import Source
from llmledger.operations.restore import open_lines
from llmledger.operations.whole_file import sweep, whole_file

PATTERN = "llmledger-*.jsonl.gz"
"""What the archives in a folder are called."""


class Named(Source, Protocol):
    """An open ledger that knows which one it is."""

    @property
    def ledger_id(self) -> str:
        """Which ledger it is, in every copy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """A file that holds what a prune removes."""

    path: Path
    sha256: str


def archive(source: Named, cut: Cut, folder: Path) -> Archive:
    """Write the requests (with corrections and texts) or the texts before a cut to a new file, and check it.

    What a prune of this ledger that was killed left half-written in the folder is removed.
    Raises InputFileError when it cannot be written, StorageError when what is read back is not what was written.
    """
    folder = folder.expanduser().absolute()
    _make(folder)
    sweep(folder, f"llmledger-{source.ledger_id[:8]}*.jsonl.gz")
    path = _new_name(source, cut, folder)
    written, lines = hashlib.sha256(), 0
    with whole_file(path) as file:
        for text in load("jsonl").write(_records(source, cut)):
            data = text.encode()
            written.update(data)
            lines += text.count('{"record":"request"' if cut.tier == "detail" else '{"record":"content"')
            file.write(data)
    if _read_back(path) != written.hexdigest() or lines < cut.count:
        path.unlink()
        raise StorageError(
            f"{path} does not hold the {cut.count:,} that were to go.", hint="Nothing was removed. Check the disk."
        )
    with path.open("rb") as whole:
        return Archive(path=path, sha256=hashlib.file_digest(whole, "sha256").hexdigest())


def _records(source: Named, cut: Cut) -> Table:
    window = Window(until=from_unix_ms(cut.before_ms))
    if cut.tier == "content":
        return read_contents(source.connection, window)
    return read_records(source.connection, window, Selection(), content=True)


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputFileError(
            f"{folder} is no folder for an archive: {error.strerror or error}.", hint="Nothing was removed."
        ) from error


def _new_name(source: Named, cut: Cut, folder: Path) -> Path:
    """The first name that is free: a prune that died has an archive of its own, of what it removed before."""
    until = from_unix_ms(cut.before_ms).astimezone(UTC)
    what = "-texts" if cut.tier == "content" else ""
    stem = f"llmledger-{source.ledger_id[:8]}{what}-before-{until:%Y%m%dT%H%M}"
    return next(path for path in _names(folder, stem) if not path.exists())


def _names(folder: Path, stem: str) -> Iterator[Path]:
    yield folder / f"{stem}.jsonl.gz"
    yield from (folder / f"{stem}-{number}.jsonl.gz" for number in count(2))


def _read_back(path: Path) -> str:
    found = hashlib.sha256()
    with open_lines(path) as lines:
        for line in lines:
            found.update(line)
    return found.hexdigest()
