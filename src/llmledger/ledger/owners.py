"""Who is writing: each process holds an operating system's lock for as long as it lives, in any container."""

import contextlib
import uuid
from pathlib import Path

from llmledger.ledger.lock import FileLock


def owners_folder(ledger: Path) -> Path:
    """Where the processes that write to the ledgers of a folder hold their locks."""
    return ledger.parent / "owners"


class Owner:
    """The present process as the owner of what it begins; made while the ledger's lock is held, against sweeps."""

    def __init__(self, folder: Path, *, name: str | None = None) -> None:
        """Make and lock the file. Raises OSError."""
        folder.mkdir(mode=0o700, exist_ok=True)
        self.name = name or uuid.uuid4().hex
        self._lock = FileLock(folder / f"{self.name}.lock")
        if not self._lock.acquire():
            self._lock.close()
            raise FileExistsError(f"owner {self.name} is held by another process")

    def close(self) -> None:
        """Cease to be an owner: what is still in flight is for the next sweep."""
        forget(self._lock.path.parent, self.name)
        self._lock.close()

    def abandon(self) -> None:
        """Go as a killed process goes: the lock ends, the file stays."""
        self._lock.abandon()


def is_alive(folder: Path, name: str) -> bool:
    """Whether the process that owns this name still runs. The caller holds the ledger's lock."""
    path = folder / f"{name}.lock"
    if not path.exists():
        return False
    try:
        lock = FileLock(path)
    except OSError:
        # Not ours to open: somebody else's process, which must be taken for alive.
        return True
    try:
        return not lock.acquire()
    finally:
        lock.close()


def dead_owners(folder: Path) -> list[str]:
    """The owners whose files were left behind by processes that are gone."""
    if not folder.is_dir():
        return []
    return [path.stem for path in sorted(folder.glob("*.lock")) if not is_alive(folder, path.stem)]


def forget(folder: Path, name: str) -> None:
    """Remove the files of an owner that is gone or goes. For a dead one, the caller holds the ledger's lock."""
    for suffix in (".progress", ".lock"):
        with contextlib.suppress(OSError):
            (folder / f"{name}{suffix}").unlink(missing_ok=True)
