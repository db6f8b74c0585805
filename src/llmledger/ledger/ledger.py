"""The ledger as its callers see it: begin, finish, record, adjust; each returns when its record is durable."""

import threading
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from llmledger.core.adjustment import Adjustment
from llmledger.core.request import Begun, Finished
from llmledger.ledger.booking import Booked
from llmledger.ledger.events import Adjust, AnyEvent, Begin, Finish, StoreContent
from llmledger.ledger.store import Failure, Store

_PATIENCE_S = 1.0
_MANY = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordCounts:
    """What became of many records."""

    added: int = 0
    known: int = 0
    linked: int = 0
    """Recorded by a better witness before."""
    snapshots: int = 0
    """Fuller records of known messages; corrections were appended."""


class Ledger:
    """An open ledger to write to; safe to share between threads."""

    def __init__(
        self, path: Path, *, create: bool, now: Callable[[], datetime], home_zone: str, patience_s: float = _PATIENCE_S
    ) -> None:
        self.path = path
        self._patience_s = patience_s
        self._turn = threading.Lock()
        owner = uuid.uuid4().hex
        self._store = Store(path, owner=owner, create=create, now=now, home_zone=home_zone, patience_s=patience_s)
        self.ledger_id = self._store.ledger_id
        self.home_zone = self._store.home_zone

    def begin(self, begun: Begun) -> bool:
        """Note that a request is about to go upstream. When this returns True, the note survives anything."""
        return bool(self._write(Begin(begun)))

    def finish(self, finished: Finished) -> bool:
        """Write the row of a request that has ended; False when it was there already."""
        return self._write(Finish(finished)) in (Booked.ADDED, Booked.LATE)

    def record(self, finished: Finished) -> bool:
        """Write a request that was never begun here; False when its source key or id was seen."""
        return self._write(Finish(finished)) in (Booked.ADDED, Booked.SNAPSHOT, Booked.LATE)

    def record_many(self, records: Iterable[Finished]) -> RecordCounts:
        """Write many, some hundreds in each transaction, so that nobody else waits long."""
        totals = dict.fromkeys(Booked, 0)
        pending = iter(records)
        while batch := [Finish(finished) for finished in islice(pending, _MANY)]:
            for booked in self._write_all(batch):
                totals[booked] += 1
        return RecordCounts(
            added=totals[Booked.ADDED],
            known=totals[Booked.KNOWN],
            linked=totals[Booked.LINKED],
            snapshots=totals[Booked.SNAPSHOT] + totals[Booked.LATE],
        )

    def adjust(self, *entries: Adjustment) -> bool:
        """Append corrections that belong together, all or none; False when one is booked already or out of date."""
        return bool(self._write(Adjust(entries)))

    def store_content(
        self, request_id: bytes, started_at: datetime, *, prompt: str | None = None, response: str | None = None
    ) -> None:
        """Keep the text of a request, because the user asked for that."""
        self._write(StoreContent(request_id, started_at, prompt, response))

    def close(self) -> None:
        """Let go of the file; nothing is waiting, since every call returns when its record is durable."""
        self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _write(self, event: AnyEvent) -> Any:
        return self._write_all([event])[0]

    def _write_all(self, events: list[Any]) -> list[Any]:
        with self._turn:
            results = self._store.commit(events, patience_s=self._patience_s)
        for result in results:
            if isinstance(result, Failure):
                raise result.error
        return results
