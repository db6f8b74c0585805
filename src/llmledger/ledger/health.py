"""Whether a ledger is well: what it stands on, and what waits or was left behind.

Every finding that is not fine says what to do. Nothing is changed by looking.
"""

import os
import sqlite3
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

from llmledger.core.counted import counted
from llmledger.ledger.connection import storage_errors
from llmledger.ledger.finding import Finding, Level
from llmledger.ledger.owners import is_alive, owners_folder
from llmledger.ledger.reader import Reader
from llmledger.ledger.spool import Waiting, found_spools, read_lines, spools_folder

_SAFE_WITH_OTHERS = (3, 51, 3)
_LARGE_LOG = 256 * 1024 * 1024
_NETWORK = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs", "lustre", "fuse.sshfs", "fuse.rclone"}
)


def examine(path: Path) -> Iterator[Finding]:
    """A quick look: the file, who may read it, durability, what is in flight, what waits. Raises StorageError."""
    with Reader(path) as reader, storage_errors(path):
        rows = reader.connection.execute("SELECT max(id) FROM requests").fetchone()[0] or 0
        size = path.stat().st_size / 1e6
        yield Finding(
            Level.FINE,
            f"{path}: schema {reader.schema}, {counted(rows, 'request')} written, {size:,.1f} MB, home zone {reader.home_zone}",
        )
        yield from _privacy(path)
        yield _durability()
        yield from _place(path)
        yield from _in_flight(reader)
        yield from _spools(reader)
        yield from _log(path)


def _privacy(path: Path) -> Iterator[Finding]:
    if os.name == "nt":
        return
    for place, mode in ((path.parent, "700"), (path, "600")):
        if stat.S_IMODE(place.stat().st_mode) & 0o077:
            yield Finding(Level.PROBLEM, f"{place} can be read by others", f"chmod {mode} {place}")


def _durability() -> Finding:
    version = sqlite3.sqlite_version
    if sys.platform == "win32":
        text = f"SQLite {version}, WAL, synchronous FULL: survives a killed process; on Windows no power cut"
        return Finding(Level.NOTE, text)
    sync = "synchronous FULL, fullfsync" if sys.platform == "darwin" else "synchronous FULL"
    text = f"SQLite {version}, WAL, {sync}: each record is on the disk before it is acknowledged"
    if sqlite3.sqlite_version_info < _SAFE_WITH_OTHERS:
        # https://sqlite.org/wal.html#walresetbug: between llmledgers the lock over commits and checkpoints prevents it.
        text += "; before 3.51.3 let no other program write to the file meanwhile"
    return Finding(Level.FINE, text)


def _place(path: Path) -> Iterator[Finding]:
    kind = file_system(path)
    if kind in _NETWORK:
        text = f"{path.parent} is on a network file system ({kind}): its locks cannot be trusted"
        yield Finding(Level.PROBLEM, text, "Keep the ledger on a local disk: set LLMLEDGER_HOME or use --ledger.")


def file_system(path: Path, mounts: Path = Path("/proc/self/mountinfo")) -> str | None:
    """The kind of file system that a path is on; None where the system does not tell."""
    try:
        lines = mounts.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    best: tuple[int, str] | None = None
    where = path.resolve()
    for line in lines:
        fields, _, rest = line.partition(" - ")
        point = fields.split()[4].replace("\\040", " ")
        if where.is_relative_to(point) and (best is None or len(point) >= best[0]):
            best = (len(point), rest.split()[0])
    return best[1] if best else None


def _in_flight(reader: Reader) -> Iterator[Finding]:
    owners = owners_folder(reader.path)
    counts = reader.connection.execute("SELECT owner, count(*) FROM inflight GROUP BY owner").fetchall()
    living = [count for owner, count in counts if is_alive(owners, owner)]
    left = sum(count for _, count in counts) - sum(living)
    if living:
        yield Finding(Level.FINE, f"{counted(sum(living), 'request')} running, processes: {len(living):,}")
    if left:
        text = f"{counted(left, 'request')} of a process that died, to be closed as interrupted"
        yield Finding(Level.NOTE, text, "Any command that reads or writes the ledger does it: llmledger report")


def _spools(reader: Reader) -> Iterator[Finding]:
    owners, folder = owners_folder(reader.path), spools_folder(reader.path)
    for waiting in found_spools(folder):
        records = sum(1 for _ in read_lines(waiting.path))
        if records:
            yield _spool(reader, waiting, records, is_living=is_alive(owners, waiting.owner))
    for unreadable in sorted(folder.glob("*.unreadable")):
        text = f"{unreadable} holds records that could not be understood"
        yield Finding(Level.PROBLEM, text, "Keep the file and report it; it is JSON lines. Then move it away.")


def _spool(reader: Reader, waiting: Waiting, records: int, *, is_living: bool) -> Finding:
    if waiting.ledger_id != reader.ledger_id:
        text = f"{counted(records, 'record')} for another ledger: {waiting.path}"
        return Finding(Level.NOTE, text, "Put that ledger back in this folder and run any command on it.")
    if is_living:
        text = f"{counted(records, 'record')} in the spool of a running process: it cannot write the ledger now"
        return Finding(
            Level.PROBLEM, text, "Make the ledger writable again: unlock it, free disk space, or put it back."
        )
    text = f"{counted(records, 'record')} in the spool of a process that ended"
    return Finding(Level.NOTE, text, "Any command that reads or writes the ledger replays them: llmledger report")


def _log(path: Path) -> Iterator[Finding]:
    log = path.with_name(f"{path.name}-wal")
    if log.exists() and log.stat().st_size > _LARGE_LOG:
        text = f"{log} has grown to {log.stat().st_size / 1e6:,.0f} MB: somebody reads the ledger without a pause"
        yield Finding(Level.NOTE, text, "Close programs that keep the ledger open, then: llmledger db vacuum")
