"""An operating system's file lock: gone when its process is, whatever pids say in another container."""

import os
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

if sys.platform == "win32":
    import msvcrt

    def _try_lock(handle: int) -> bool:
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def _unlock(handle: int) -> None:
        os.lseek(handle, 0, os.SEEK_SET)
        msvcrt.locking(handle, msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def _try_lock(handle: int) -> bool:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _unlock(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_UN)


_FIRST_PAUSE_S = 0.0002
_LONGEST_PAUSE_S = 0.0005


def lock_path(ledger: Path) -> Path:
    """The file whose lock covers every commit and checkpoint of a ledger, across processes."""
    return ledger.with_name(f"{ledger.name}.lock")


class FileLock:
    """An exclusive advisory lock on one file, held until it is released, closed, or its process is gone."""

    def __init__(self, path: Path) -> None:
        """Open (and create, readable by the user alone) the file; nothing is locked yet. Raises OSError."""
        self.path = path
        self._handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        self._is_held = False

    def acquire(self, *, patience_s: float = 0.0) -> bool:
        """Lock it, waiting as long as allowed; say whether it is ours now."""
        deadline = time.monotonic() + patience_s
        pause = _FIRST_PAUSE_S
        while not _try_lock(self._handle):
            if time.monotonic() >= deadline:
                return False
            time.sleep(pause)
            pause = min(pause * 1.5, _LONGEST_PAUSE_S)
        self._is_held = True
        return True

    def release(self) -> None:
        """Unlock it; the file stays."""
        if self._is_held:
            self._is_held = False
            _unlock(self._handle)

    def close(self) -> None:
        """Unlock it and let go of the file."""
        if self._handle >= 0:
            self.release()
            self.abandon()

    def abandon(self) -> None:
        """Let go of the file without unlocking: in a forked child the lock belongs to the parent."""
        handle, self._handle, self._is_held = self._handle, -1, False
        if handle >= 0:
            os.close(handle)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class FairLock:
    """A file lock that nobody gets twice while another waits: who wants it stands in the turnstile until it is free.

    Without the turnstile a busy process takes the lock again before a sleeping one has looked: of eight writers one in
    a hundred writes then waited 80 ms, and some 250.
    """

    def __init__(self, path: Path) -> None:
        """Open (and create) the lock's two files. Raises OSError."""
        self._lock = FileLock(path)
        try:
            self._turnstile = FileLock(path.with_name(f"{path.name}.next"))
        except BaseException:
            self._lock.close()
            raise

    def acquire(self, *, patience_s: float = 0.0) -> bool:
        """Lock it, waiting as long as allowed; say whether it is ours now."""
        deadline = time.monotonic() + patience_s
        if not self._turnstile.acquire(patience_s=patience_s):
            return False
        try:
            return self._lock.acquire(patience_s=max(0.0, deadline - time.monotonic()))
        finally:
            self._turnstile.release()

    def is_awaited(self) -> bool:
        """Whether somebody stands in the turnstile; for whoever holds the lock."""
        is_free = self._turnstile.acquire()
        self._turnstile.release()
        return not is_free

    def release(self) -> None:
        """Unlock it for the next."""
        self._lock.release()

    def close(self) -> None:
        """Unlock it and let go of the files."""
        self._lock.close()
        self._turnstile.close()

    def abandon(self) -> None:
        """Let go of the files as a killed process does."""
        self._lock.abandon()
        self._turnstile.abandon()
