"""Ways in which a ledger cannot be written for a while, each as a context; and a disk that is soon full."""

import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from llmledger.ledger.lock import FileLock, lock_path


@contextmanager
def locked_by_another(path: Path) -> Iterator[None]:
    """Another llmledger holds the ledger's lock and does not let go."""
    with FileLock(lock_path(path)) as lock:
        assert lock.acquire(patience_s=60)
        yield


@contextmanager
def locked_by_a_tool(path: Path) -> Iterator[None]:
    """Somebody left a transaction open in the sqlite3 shell."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    yield
    connection.execute("ROLLBACK")
    connection.close()


@contextmanager
def moved_away(path: Path) -> Iterator[None]:
    """The file and its log are renamed, then put back."""
    names = [
        found for found in path.parent.iterdir() if found.name in (path.name, f"{path.name}-wal", f"{path.name}-shm")
    ]
    for found in names:
        found.rename(found.with_name(f"away-{found.name}"))
    yield
    for found in names:
        found.with_name(f"away-{found.name}").rename(found)


@contextmanager
def unwritable(path: Path) -> Iterator[None]:
    """The file and its log take no more writes, not even from who has them open (ext4's immutable flag; root only)."""
    files = [str(path), f"{path}-wal"]
    if subprocess.run(["chattr", "+i", *files], capture_output=True, check=False).returncode:
        subprocess.run(["chattr", "-i", *files], capture_output=True, check=False)
        pytest.skip("files cannot be made immutable here")
    try:
        yield
    finally:
        subprocess.run(["chattr", "-i", *files], capture_output=True, check=True)


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[Path]:
    """A folder that has so much room and no more (a file system in memory; root only)."""
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("no file system can be mounted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], capture_output=True, check=True)


@contextmanager
def full_disk(path: Path) -> Iterator[None]:
    """Not one more byte fits on the disk of the ledger; only for a disk that is small."""
    filler = path.with_name("filler")
    with filler.open("wb", buffering=0) as file:
        for size in (1 << 16, 1 << 12, 1):
            try:
                while True:
                    file.write(b"x" * size)
            except OSError:
                continue
    try:
        yield
    finally:
        filler.unlink()
