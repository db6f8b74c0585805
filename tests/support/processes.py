"""Watching processes until they are gone."""

import os
import time
from contextlib import suppress
from pathlib import Path

DEADLINE_S = 60.0


def gone(process_id: int) -> bool:
    """Whether a process has ended (a zombie has)."""
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return True
    try:
        return Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:  # it has gone meanwhile, or the system has no /proc
        return Path("/proc").is_dir()


def wait_until_gone(process_id: int) -> bool:
    """Whether a process ends before the deadline."""
    end = time.monotonic() + DEADLINE_S
    while time.monotonic() < end:
        if gone(process_id):
            return True
        time.sleep(0.02)
    return False


def children(process_id: int, word: str) -> list[int]:
    """The processes that a process has begun and whose command line has a word in it; threads may end meanwhile."""
    found = []
    for thread in Path(f"/proc/{process_id}/task").glob("*"):
        with suppress(OSError):
            pids = (thread / "children").read_text().split()
            found += [int(pid) for pid in pids if word in _command(pid)]
    return found


def _command(pid: str) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_text(errors="replace")
    return ""
