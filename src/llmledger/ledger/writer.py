"""The writer thread: it commits together all that is queued, spools it while the ledger is away, and brings it back."""

import queue
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from llmledger.errors import LedgerBusy, LedgerUnavailable, StorageError
from llmledger.ledger.booking import Booked
from llmledger.ledger.events import Adjust, AnyEvent, Begin, Finish, event_line
from llmledger.ledger.recovery import commit_in_parts, read_events
from llmledger.ledger.spool import Spool
from llmledger.ledger.store import Failure, Store

RESERVED_BYTES = 8 * 1024
"""Room in the spool that each request in flight keeps for its finish; a larger one leaves its raw usage out."""
_MOST_AT_ONCE = 256
_RETRY_S = 0.25
_SHORT_PATIENCE_S = 0.05

Queued: TypeAlias = "tuple[AnyEvent, Future[Any]]"


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """How the writer of this process is doing."""

    trouble: str | None
    """Why the ledger cannot be written now; None when it can."""
    spooled_bytes: int
    spool_bytes: int
    in_flight: int
    """Requests that this process has begun and not ended."""
    unmetered: int
    """Requests let through without a record, because the user chose so."""


class Writer:
    """Owns the store and the spool of one process; everything else hands events in and waits for their results."""

    def __init__(
        self, store: Store, reopen: Callable[[], Store], spool: Spool, *, patience_s: float, pass_on: bool,
        warn: Callable[[str], None],
    ) -> None:  # fmt: skip
        """`reopen` opens the ledger again when its file is back; `warn` tells the user, once each time it goes away."""
        self._store: Store | None = store
        self._reopen = reopen
        self._spool = spool
        self._patience_s = patience_s
        self._pass_on = pass_on
        self._warn = warn
        self._trouble: StorageError | None = None
        self._retry_at = 0.0
        self._in_flight: set[bytes] = set()
        self._unmetered = 0
        self._queue: queue.SimpleQueue[Queued | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="ledger writer", daemon=True)
        self._thread.start()

    def submit(self, event: AnyEvent) -> "Future[Any]":
        """Queue an event; its future is done when it is durable, in the ledger or in the spool."""
        done: Future[Any] = Future()
        # Nobody can take back what may be on the disk by now.
        done.set_running_or_notify_cancel()
        self._queue.put((event, done))
        return done

    def state(self) -> State:
        """How it stands at this moment."""
        trouble = self._trouble
        return State(
            trouble=None if trouble is None else trouble.message,
            spooled_bytes=self._spool.used,
            spool_bytes=self._spool.size,
            in_flight=len(self._in_flight),
            unmetered=self._unmetered,
        )

    def close(self) -> None:
        """Commit what is queued, bring back what is spooled if that can be, and stop."""
        self._queue.put(None)
        self._thread.join()
        if self._trouble is not None:
            self._come_back()
        if self._store is not None:
            self._store.close()
        self._spool.close()

    def _run(self) -> None:
        while True:
            batch, is_last = self._next_batch()
            if self._trouble is not None and time.monotonic() >= self._retry_at:
                self._come_back()
            try:
                self._write(batch)
            except Exception as error:  # noqa: BLE001 - whoever waits must be told, or waits for ever
                for _, done in batch:
                    if not done.done():
                        done.set_exception(error)
            if is_last:
                return
            if self._store is not None and self._trouble is None:
                self._store.checkpoint_when_due()

    def _next_batch(self) -> tuple[list[Queued], bool]:
        """Wait for something to write, but not longer than until the ledger is to be tried again."""
        batch: list[Queued] = []
        try:
            timeout = None if self._trouble is None else max(0.0, self._retry_at - time.monotonic())
            item = self._queue.get(timeout=timeout)
            while item is not None:
                batch.append(item)
                if len(batch) >= _MOST_AT_ONCE:
                    return batch, False
                item = self._queue.get_nowait()
        except queue.Empty:
            return batch, False
        return batch, True

    def _write(self, batch: Sequence[Queued]) -> None:
        admitted = [queued for queued in batch if self._is_admitted(queued)]
        results = self._commit([event for event, _ in admitted]) if self._trouble is None else None
        if results is None:
            results = [self._spool_one(event) for event, _ in admitted]
        for (event, done), result in zip(admitted, results, strict=True):
            self._note(event, result)
            if isinstance(result, Failure) and self._pass_on and isinstance(event, Finish):
                self._unmetered += 1
                done.set_result(None)
            elif isinstance(result, Failure):
                done.set_exception(result.error)
            else:
                done.set_result(result)

    def _commit(self, events: Sequence[AnyEvent]) -> list[Any] | None:
        """The results, or None when the ledger has just gone away."""
        if not events or self._store is None:
            return []
        try:
            return self._store.commit(events, patience_s=self._patience_s)
        except StorageError as error:
            self._go_away(error)
            return None

    def _is_admitted(self, queued: Queued) -> bool:
        """A request is only begun when the spool could take its finish, whatever happens to the ledger meanwhile."""
        event, done = queued
        if not isinstance(event, Begin):
            return True
        if self._spool.room >= RESERVED_BYTES * (len(self._in_flight) + 2):
            self._in_flight.add(event.begun.request_id)
            return True
        if self._pass_on:
            self._unmetered += 1
            done.set_result(False)
        else:
            done.set_exception(self._unavailable())
        return False

    def _spool_one(self, event: AnyEvent) -> Any:
        """Put one event on the disk beside the ledger; a `Failure` when it cannot wait there."""
        plain = event.plain()
        if plain is None:
            return Failure(self._trouble or self._unavailable())
        try:
            line = event_line(plain)
            if len(line) > RESERVED_BYTES and isinstance(event, Finish):
                line = event_line(Finish(_slim(event)).plain())
            is_kept = self._spool.append([line])
        except (OSError, ValueError, TypeError) as error:
            return Failure(self._unavailable(error))
        return _SPOOLED[type(event)] if is_kept else Failure(self._unavailable())

    def _note(self, event: AnyEvent, result: Any) -> None:
        if isinstance(event, Finish) or (isinstance(event, Begin) and isinstance(result, Failure)):
            begun = event.finished.begun if isinstance(event, Finish) else event.begun
            self._in_flight.discard(begun.request_id)

    def _go_away(self, error: StorageError) -> None:
        is_news = self._trouble is None
        self._trouble = error
        self._retry_at = time.monotonic() + _RETRY_S
        if is_news:
            self._warn(f"{error.message} Records wait in {self._spool.path}. {error.hint or ''}".strip())

    def _come_back(self) -> None:
        """Try the ledger again; what is spooled goes first."""
        try:
            store = self._usable_store()
            with store.locked(patience_s=_SHORT_PATIENCE_S):
                events, _ = read_events(self._spool.lines() if self._spool.used else [], owner=store.books.owner)
                commit_in_parts(store, events)
            if self._spool.used:
                self._spool.clear()
        except StorageError as error:
            self._go_away(error)
        except OSError:
            # The rows are written; replaying them once more changes nothing.
            self._retry_at = time.monotonic() + _RETRY_S
        else:
            self._trouble = None

    def _usable_store(self) -> Store:
        """The store, opened anew when its file was away, replaced or broken."""
        store = self._store
        if store is not None and isinstance(self._trouble, LedgerBusy) and store.is_in_place():
            return store
        if store is not None:
            self._store = None
            store.close()
        self._store = self._reopen()
        return self._store

    def _unavailable(self, error: Exception | None = None) -> LedgerUnavailable:
        reason = "its spool is full" if error is None else f"its spool failed: {error}"
        trouble = f"{self._trouble.message} " if self._trouble is not None else ""
        hint = 'Make the ledger writable again, or set on_ledger_failure = "pass" to go on unmetered.'
        return LedgerUnavailable(f"{trouble}No further request can be recorded: {reason}.", hint=hint)


_SPOOLED: dict[type[Any], Any] = {Begin: True, Finish: Booked.ADDED, Adjust: True}


def _slim(event: Finish) -> Any:
    finished = event.finished
    message = finished.error_message[:200] if finished.error_message else None
    return replace(finished, raw_usage=None, error_message=message, flags=(*finished.flags, "dropped:raw_usage"))
