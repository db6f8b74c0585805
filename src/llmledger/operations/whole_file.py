"""A file that is either whole or not there, whatever happens while it is written."""

import errno
import gzip
import os
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from glob import escape
from pathlib import Path
from typing import BinaryIO, Protocol, cast

from llmledger.errors import InputFileError
from llmledger.ledger.lock import FileLock


class Output(Protocol):
    """Where the bytes go."""

    def write(self, data: bytes, /) -> int:
        """Take some."""


@contextmanager
def whole_file(path: Path) -> Iterator[Output]:
    """A file that appears under its name only when everything is in it; `.gz` compresses. Raises InputFileError.

    What is no ordinary file (a device, a named pipe) is never replaced: the bytes go straight into it. What a killed process
    left behind of the same file is removed.
    """
    try:
        if path.exists() and not path.is_file():
            with path.open("wb") as device:
                yield device
            return
        # Through a link, the file it points to is replaced and not the link.
        target = path.resolve()
        sweep(target.parent, escape(target.name))
        unfinished = target.with_name(f".{target.name}.{os.getpid()}.unfinished")
        with _held(unfinished):
            try:
                with unfinished.open("wb") as file:
                    with _compressed(file, is_gzip=path.suffix.lower() == ".gz") as output:
                        yield output
                    file.flush()
                    os.fsync(file.fileno())
                unfinished.replace(target)
            finally:
                unfinished.unlink(missing_ok=True)
    except OSError as error:
        raise InputFileError(
            f"{path} cannot be written: {error.strerror or error}.", hint="Nothing half-written is left behind."
        ) from error


def sweep(folder: Path, pattern: str) -> None:
    """Remove what killed processes left of files whose names fit a pattern; what a living one writes stays."""
    for left in folder.glob(f".{pattern}.*.unfinished"):
        # What cannot be opened or removed is somebody else's.
        with suppress(OSError):
            if sys.platform == "win32":
                left.unlink()
                continue
            with closing(FileLock(left)) as lock:
                if lock.acquire():
                    left.unlink()


@contextmanager
def _held(path: Path) -> Iterator[None]:
    """Hold the lock of a new file, so that nobody takes it for left behind."""
    if sys.platform == "win32":
        # A file that is open cannot be removed there.
        yield
        return
    with closing(_lock_of(path)):
        yield


def _lock_of(path: Path) -> FileLock:
    while True:
        path.touch()
        lock = FileLock(path)
        if not lock.acquire():
            lock.close()
            raise FileExistsError(errno.EEXIST, "another process writes it")
        if path.exists():
            return lock
        # Swept away before it was held.
        lock.close()


@contextmanager
def _compressed(file: BinaryIO, *, is_gzip: bool) -> Iterator[Output]:
    if not is_gzip:
        yield file
        return
    # No name and no time inside: the same rows make the same bytes.
    with gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0, compresslevel=6) as packed:
        yield cast(Output, packed)
