"""The writing side of one process: the ledger when it can be written, the spool while it cannot, and the way back.

Without threads: the writer thread works at it, and a test can walk through every order of events.
"""

import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from llmledger.core.request import Finished
from llmledger.errors import LedgerBusy, LedgerForeign, LedgerUnavailable, StorageError
from llmledger.ledger.booking import Booked
from llmledger.ledger.connection import storage_errors
from llmledger.ledger.events import Adjust, AnyEvent, Begin, Finish, event_line
from llmledger.ledger.manners import Manners
from llmledger.ledger.owners import Owner, owners_folder
from llmledger.ledger.recovery import Recovery, SpooledEvents, commit_in_parts, recover
from llmledger.ledger.spool import Spool, read_lines, spool_path, spools_folder
from llmledger.ledger.store import Failure, Store

RESERVED_BYTES = 8 * 1024
"""Room in the spool that each request in flight keeps for its finish; a larger one leaves its raw usage out."""
RETRY_S = 0.25
_SHORT_PATIENCE_S = 0.05

_SPOOLED: dict[type[Any], Any] = {Begin: True, Finish: Booked.ADDED, Adjust: True}
"""What is answered for an event that went to the spool."""


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """How the writing side of this process is doing."""

    trouble: str | None
    """Why the ledger cannot be written now; None when it can."""
    spooled_bytes: int
    spool_bytes: int
    in_flight: int
    """Requests that this process has begun and not ended."""
    unmetered: int
    """Requests let through without a record, because the user chose so."""


class Desk:
    """Takes events and answers when each is durable. Not for several threads at once."""

    def __init__(
        self,
        store: Store,
        reopen: Callable[[], Store],
        owner: Owner,
        spool: Spool,
        manners: Manners,
        recovery: Recovery,
    ) -> None:
        """`reopen` opens the ledger again when its file is back. Use `open_desk`."""
        self.path = store.path
        self.ledger_id = store.ledger_id
        self.home_zone = store.home_zone
        self.owner_name = owner.name
        self.recovery = recovery
        self.trouble: StorageError | None = None
        self.retry_at = 0.0
        self._store: Store | None = store
        self._reopen = reopen
        self._owner = owner
        self._spool = spool
        self._manners = manners
        self._in_flight: set[bytes] = set()
        self._unmetered = 0

    def write(self, events: Sequence[AnyEvent]) -> list[Any]:
        """Make all events durable, together; each one's result, or a `Failure`."""
        admitted = [(event, self._admitted(event)) for event in events]
        wanted = [event for event, refusal in admitted if refusal is None]
        results = self._commit(wanted) if self.trouble is None else None
        if results is None:
            results = [self._spool_one(event) for event in wanted]
        in_order = iter(results)
        return [self._noted(event, next(in_order)) if refusal is None else refusal for event, refusal in admitted]

    def come_back(self) -> bool:
        """Try the ledger again, what is spooled first; say whether it can be written."""
        try:
            self.replay()
            if self._spool.used:
                self._spool.clear()
        except StorageError as error:
            self._go_away(error)
        except OSError:
            # The rows are written; replaying them once more changes nothing.
            self.retry_at = time.monotonic() + RETRY_S
        else:
            self.trouble = None
        return self.trouble is None

    def replay(self) -> None:
        """Write what waits in the spool into the ledger; it stays there until cleared. Raises StorageError."""
        store = self._usable_store()
        with store.locked(patience_s=_SHORT_PATIENCE_S):
            waiting = read_lines(self._spool.path) if self._spool.used else ()
            events = SpooledEvents(waiting, owner=store.books.owner)
            bad = commit_in_parts(store, events) + events.bad
        if bad:
            with storage_errors(self.path):
                self._spool.set_aside()

    def idle(self) -> None:
        """Nobody waits: do what can be put off."""
        if self._store is not None and self.trouble is None:
            self._store.checkpoint_when_due()

    def state(self) -> State:
        """How it stands at this moment."""
        return State(
            trouble=None if self.trouble is None else self.trouble.message,
            spooled_bytes=self._spool.used,
            spool_bytes=self._spool.size,
            in_flight=len(self._in_flight),
            unmetered=self._unmetered,
        )

    def close(self) -> None:
        """Bring back what is spooled, if that can be, and let go of everything."""
        if self.trouble is not None:
            self.come_back()
        if self._store is not None:
            self._store.close()
        self._spool.close()
        self._owner.close()

    def abandon(self) -> None:
        """Go as a killed process goes."""
        if self._store is not None:
            self._store.abandon()
        self._spool.abandon()
        self._owner.abandon()

    def _admitted(self, event: AnyEvent) -> Any:
        """None, or the answer to a request that must not begin: the spool could not take its finish."""
        if not isinstance(event, Begin):
            return None
        if self._has_room(RESERVED_BYTES * (len(self._in_flight) + 2)):
            self._in_flight.add(event.begun.request_id)
            return None
        if not self._manners.pass_on:
            return Failure(self._unavailable())
        self._unmetered += 1
        return False

    def _has_room(self, wanted: int) -> bool:
        while self._spool.room < wanted:
            if not self._spool.grow(self._manners.spool_limit_bytes):
                return False
        return True

    def _commit(self, events: Sequence[AnyEvent]) -> list[Any] | None:
        """The results, or None when the ledger has just gone away."""
        if not events or self._store is None:
            return []
        try:
            return self._store.commit(events, patience_s=self._manners.patience_s)
        except StorageError as error:
            self._go_away(error)
            return None

    def _spool_one(self, event: AnyEvent) -> Any:
        """Put one event on the disk beside the ledger; a `Failure` when it cannot wait there."""
        plain = event.plain()
        if plain is None:
            return Failure(self.trouble or self._unavailable())
        try:
            line = event_line(plain)
            if len(line) > RESERVED_BYTES and isinstance(event, Finish):
                line = event_line(Finish(_slim(event.finished)).plain())
            is_kept = self._has_room(len(line)) and self._spool.append([line])
        except (OSError, ValueError, TypeError) as error:
            return Failure(self._unavailable(error))
        return _SPOOLED[type(event)] if is_kept else Failure(self._unavailable())

    def _noted(self, event: AnyEvent, result: Any) -> Any:
        if isinstance(event, Finish):
            self._in_flight.discard(event.finished.begun.request_id)
            if isinstance(result, Failure) and self._manners.pass_on:
                self._unmetered += 1
                return Booked.UNMETERED
        elif isinstance(event, Begin) and (result is False or isinstance(result, Failure)):
            self._in_flight.discard(event.begun.request_id)
        return result

    def _go_away(self, error: StorageError) -> None:
        is_news = self.trouble is None
        self.trouble = error
        self.retry_at = time.monotonic() + RETRY_S
        if is_news:
            self._manners.warn(f"{error.message} Records wait in {self._spool.path}. {error.hint or ''}".strip())

    def _usable_store(self) -> Store:
        """The store, opened anew when its file was away, replaced or broken."""
        store = self._store
        if store is not None and isinstance(self.trouble, LedgerBusy) and store.is_in_place():
            return store
        if store is not None:
            self._store = None
            store.close()
        again = self._reopen()
        if again.ledger_id != self.ledger_id:
            again.close()
            raise LedgerForeign(f"{self.path} is another ledger now.", hint="Put the first one back.")
        again.books.owner = self._owner.name
        self._store = again
        return again

    def _unavailable(self, error: Exception | None = None) -> LedgerUnavailable:
        full = f"its spool is full ({len(self._in_flight):,} requests in flight)"
        reason = full if error is None else f"its spool failed: {error}"
        trouble = f"{self.trouble.message} " if self.trouble is not None else ""
        hint = 'Make the ledger writable again, or set on_ledger_failure = "pass" to go on unmetered.'
        return LedgerUnavailable(f"{trouble}No further request can be recorded: {reason}.", hint=hint)


def open_desk(
    path: Path,
    *,
    create: bool,
    now: Callable[[], datetime],
    home_zone: str,
    manners: Manners,
    owner_name: str | None = None,
) -> Desk:
    """Open the ledger, become an owner, recover what dead processes left, take room for the spool: in this order.

    Raises StorageError.
    """
    patience_s = manners.open_patience_s
    with contextlib.ExitStack() as undo:
        store = Store(path, create=create, now=now, home_zone=home_zone, patience_s=patience_s)
        undo.callback(store.close)
        with store.locked(patience_s=patience_s):
            owner = Owner(owners_folder(path), name=owner_name)
        undo.callback(owner.close)
        store.books.owner = owner.name
        recovery = recover(store, patience_s=patience_s)
        with storage_errors(path):
            where = spool_path(spools_folder(path), store.ledger_id, owner.name)
            spool = Spool(where, size=manners.spool_bytes)
        undo.pop_all()

    def reopen() -> Store:
        return Store(path, create=False, now=now, home_zone=home_zone, patience_s=_SHORT_PATIENCE_S)

    return Desk(store, reopen, owner, spool, manners, recovery)


def _slim(finished: Finished) -> Finished:
    message = finished.error_message[:200] if finished.error_message else None
    return replace(finished, raw_usage=None, error_message=message, flags=(*finished.flags, "dropped:raw_usage"))
