"""The ledger as its callers see it: begin, finish, record, adjust; each returns when its record is durable."""

import os
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from llmledger.core.adjustment import Adjustment
from llmledger.core.request import Begun, Finished, SoFar
from llmledger.errors import LedgerBusy, StorageError
from llmledger.ledger.booking import Booked, Books
from llmledger.ledger.desk import State, open_desk
from llmledger.ledger.events import Adjust, AnyEvent, Begin, Call, Finish, StoreContent
from llmledger.ledger.manners import Manners
from llmledger.ledger.progress import tell_progress
from llmledger.ledger.recovery import Recovery
from llmledger.ledger.writer import Crowd, Writer

_MANY = 500
_AGAIN_S = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordCounts:
    """What became of many records."""

    added: int = 0
    known: int = 0
    linked: int = 0
    """Recorded by a better witness before."""
    snapshots: int = 0
    """Fuller records of known messages; corrections were appended."""

    def __add__(self, more: "RecordCounts") -> "RecordCounts":
        """Both together."""
        return RecordCounts(
            added=self.added + more.added,
            known=self.known + more.known,
            linked=self.linked + more.linked,
            snapshots=self.snapshots + more.snapshots,
        )


class Ledger:
    """An open ledger to write to; safe to share between threads, not between processes."""

    def __init__(
        self, path: Path, *, create: bool, now: Callable[[], datetime], home_zone: str, manners: Manners | None = None
    ) -> None:
        """Open, recover what dead processes left, and take room for the spool. Raises StorageError."""
        self._desk = open_desk(path, create=create, now=now, home_zone=home_zone, manners=manners or Manners())
        self.path, self.ledger_id, self.home_zone = path, self._desk.ledger_id, self._desk.home_zone
        self.recovery: Recovery = self._desk.recovery
        self._process = os.getpid()
        self._is_open = True
        self._writer = Writer(self._desk)

    def begin(self, begun: Begun) -> bool:
        """Note that a request is about to go upstream. When this returns True, the note survives anything.

        False: it is known already, or goes on unmetered as the user chose. Raises LedgerUnavailable when neither ledger
        nor spool can take it: then it must not be sent.
        """
        return bool(self.begin_soon(begun).result())

    def begin_soon(self, begun: Begun) -> "Future[bool]":
        """The same for an event loop: the future is done when the note is durable."""
        return self._submit(Begin(begun))

    def finish(self, finished: Finished) -> bool:
        """Write the row of a request that has ended; False when it was there already."""
        return self.finish_soon(finished).result() in (Booked.ADDED, Booked.LATE)

    def finish_soon(self, finished: Finished) -> "Future[Any]":
        """The same for an event loop: the future is done when the row is durable."""
        return self._submit(Finish(finished))

    def hand_in(self, event: Begin | Finish, token: Any, crowd: Crowd) -> None:
        """The same for many requests at once in one event loop: `crowd` is told of all results of a commit together.

        A finish nobody waits for: it is kept back for some milliseconds, to share the commit of the next begin.
        """
        self._check_is_ours()
        self._writer.hand_in(event, token, crowd, may_wait=isinstance(event, Finish))

    def record(self, finished: Finished) -> bool:
        """Write a request that was never begun here; False when its source key or id was seen."""
        return self.finish_soon(finished).result() in (Booked.ADDED, Booked.SNAPSHOT, Booked.LATE)

    def record_many(self, records: Iterable[Finished]) -> RecordCounts:
        """Write many, some hundreds in each transaction, so that nobody else waits long."""
        totals = dict.fromkeys(Booked, 0)
        pending = iter(records)
        while batch := list(islice(pending, _MANY)):
            for booked in self._record_all(batch):
                totals[booked] += 1
        return RecordCounts(
            added=totals[Booked.ADDED],
            known=totals[Booked.KNOWN],
            linked=totals[Booked.LINKED],
            snapshots=totals[Booked.SNAPSHOT] + totals[Booked.LATE],
        )

    def adjust(self, *entries: Adjustment) -> bool:
        """Append corrections that belong together, all or none; False when one is booked already or out of date."""
        return bool(self.adjust_soon(*entries).result())

    def adjust_soon(self, *entries: Adjustment) -> "Future[bool]":
        """The same without waiting: many corrections handed in one after the other share their commits."""
        return self._submit(Adjust(entries))

    def store_content(
        self, request_id: bytes, started_at: datetime, *, prompt: str | None = None, response: str | None = None
    ) -> None:
        """Keep the text of a request, because the user asked for that."""
        self._submit(StoreContent(request_id, started_at, prompt, response)).result()

    def call(self, action: Callable[[Books], Any], *, patience_s: float = 0.0, is_bulk: bool = False) -> Any:
        """Run any other write in a transaction of the writer's. It is not spooled: while the ledger is locked it is
        tried again as long as `patience_s` allows. Raises StorageError.

        `is_bulk`: it writes thousands of rows that the caller can make again; they are whole at once, but durable only
        at the next checkpoint.
        """
        deadline = time.monotonic() + patience_s
        while True:
            try:
                return self._submit(Call(action, is_bulk)).result()
            except LedgerBusy:
                if time.monotonic() >= deadline:
                    raise
                time.sleep(_AGAIN_S)

    def tell_progress(self, running: Mapping[bytes, SoFar]) -> None:
        """Let other processes see how far requests in flight have come. Not durable, and no write to the ledger."""
        tell_progress(self.path, self._desk.owner_name, running)

    def state(self) -> State:
        """Whether records reach the ledger or wait in the spool, and how many are in flight."""
        return self._desk.state()

    def close(self) -> None:
        """Commit what is queued, bring back what is spooled if that can be, and let go of everything."""
        if self._is_open:
            self._is_open = False
            self._writer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _record_all(self, batch: list[Finished]) -> list[Booked]:
        """Write a batch as one; when that cannot be (one is bad, or the ledger is away), each by itself."""
        together = self._submit(Call(lambda books: [books.finish(finished) for finished in batch]))
        if together.exception() is None:
            booked: list[Booked] = together.result()
            return booked
        return [done.result() for done in [self.finish_soon(finished) for finished in batch]]

    def _submit(self, event: AnyEvent) -> "Future[Any]":
        self._check_is_ours()
        return self._writer.submit(event)

    def _check_is_ours(self) -> None:
        if not self._is_open or self._process != os.getpid():
            reason = "is closed" if self._process == os.getpid() else "was opened by another process; open it again"
            raise StorageError(f"Ledger {self.path} {reason}.")
