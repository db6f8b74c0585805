"""What whoever opens a ledger for writing puts right first: spools of dead processes are replayed, then what these left
in flight is closed as interrupted. In this order, since a spool may hold the very finish that is missing.
"""

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

from llmledger.ledger.booking import Books
from llmledger.ledger.events import AnyEvent, Begin, Call, event_from
from llmledger.ledger.owners import dead_owners, forget, is_alive, owners_folder
from llmledger.ledger.rows import time_of
from llmledger.ledger.spool import UNREADABLE, Waiting, found_spools, read_lines, spools_folder
from llmledger.ledger.store import Failure, Store

_MANY = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """What was put right."""

    replayed: int = 0
    """Records that waited in spools of dead processes."""
    interrupted: int = 0
    """Requests of dead processes that were closed with the lower bound of their cost."""
    unreadable: int = 0
    """Lines of spools that could not be understood; their files were set aside."""


def recover(store: Store, *, patience_s: float) -> Recovery:
    """Replay, then sweep, under the ledger's lock. What is interrupted in the middle is done again by the next."""
    owners = owners_folder(store.path)
    with store.locked(patience_s=patience_s):
        replayed = unreadable = 0
        for waiting in _dead_spools(store, owners):
            events = SpooledEvents(read_lines(waiting.path), owner=waiting.owner)
            bad = commit_in_parts(store, events) + events.bad
            _put_away(waiting.path, is_clean=not bad)
            replayed, unreadable = replayed + events.read, unreadable + bad
        dead = [name for name in _in_flight(store) if not is_alive(owners, name)]
        interrupted = sum(store.transact([Call(_sweep(name))])[0] for name in dead)
        for name in dead_owners(owners):
            forget(owners, name)
    return Recovery(replayed=replayed, interrupted=interrupted, unreadable=unreadable)


def put_right(path: Path) -> Recovery:
    """Migrate and recover a ledger that is there, for somebody who only wants to read it. Raises StorageError.

    A reader has no clock: what it books was booked when the dead process last wrote to its files.
    """
    store = Store(path, create=False, now=lambda: _last_written(path), home_zone="UTC", patience_s=1.0)
    try:
        return recover(store, patience_s=1.0)
    finally:
        store.close()


def commit_in_parts(store: Store, events: Iterable[AnyEvent]) -> int:
    """Write waiting events, some hundreds in each transaction, and return how many could not be. The lock is held."""
    pending, bad = iter(events), 0
    # Whether it can be written at all is found out before a long spool is read.
    store.transact([])
    while batch := list(islice(pending, _MANY)):
        bad += sum(isinstance(result, Failure) for result in store.transact(batch))
    return bad


class SpooledEvents:
    """The events of spool lines, as their owner's, one after the other: a spool may be larger than memory should be."""

    def __init__(self, lines: Iterable[bytes], *, owner: str) -> None:
        self._lines = lines
        self._owner = owner
        self.read = 0
        """Events so far."""
        self.bad = 0
        """Lines so far that made no sense."""

    def __iter__(self) -> Iterator[AnyEvent]:
        for line in self._lines:
            try:
                event = event_from(line)
            except (ValueError, KeyError, TypeError):
                self.bad += 1
                continue
            self.read += 1
            yield Begin(event.begun, self._owner) if isinstance(event, Begin) else event


def _last_written(path: Path) -> datetime:
    spools = (waiting.path for waiting in found_spools(spools_folder(path)))
    files = (path, path.with_name(f"{path.name}-wal"), *spools)
    return max(time_of(file.stat().st_mtime_ns // 1_000_000) for file in files if file.exists())


def _dead_spools(store: Store, owners: Path) -> list[Waiting]:
    found = found_spools(spools_folder(store.path))
    return [
        waiting for waiting in found if waiting.ledger_id == store.ledger_id and not is_alive(owners, waiting.owner)
    ]


def _put_away(path: Path, *, is_clean: bool) -> None:
    with contextlib.suppress(OSError):
        if is_clean:
            path.unlink(missing_ok=True)
        else:
            path.rename(path.with_suffix(UNREADABLE))


def _in_flight(store: Store) -> list[str]:
    return [name for (name,) in store.connection.execute("SELECT DISTINCT owner FROM inflight").fetchall()]


def _sweep(name: str) -> Any:
    def sweep(books: Books) -> int:
        return books.close_interrupted(name)

    return sweep
