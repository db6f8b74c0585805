"""The writer thread: whatever is queued when it looks is written together, in one durable transaction."""

import queue
import threading
import time
from concurrent.futures import Future
from typing import Any, TypeAlias

from llmledger.ledger.desk import Desk
from llmledger.ledger.events import AnyEvent
from llmledger.ledger.store import Failure

_MOST_AT_ONCE = 256

Queued: TypeAlias = "tuple[AnyEvent, Future[Any]]"


class Writer:
    """Works at a desk in a thread of its own; everybody else hands events in and waits for their results."""

    def __init__(self, desk: Desk) -> None:
        """The desk is the thread's from now on."""
        self._desk = desk
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

    def close(self) -> None:
        """Write what is queued, and stop."""
        self._queue.put(None)
        self._thread.join()
        self._desk.close()

    def _run(self) -> None:
        is_last = False
        while not is_last:
            batch, is_last = self._next_batch()
            try:
                self._work(batch)
            except Exception as error:  # noqa: BLE001 - whoever waits must be told, or waits for ever
                for _, done in batch:
                    if not done.done():
                        done.set_exception(error)

    def _next_batch(self) -> tuple[list[Queued], bool]:
        """Wait for something to write, but not longer than until the ledger is to be tried again."""
        batch: list[Queued] = []
        desk = self._desk
        try:
            timeout = None if desk.trouble is None else max(0.0, desk.retry_at - time.monotonic())
            item = self._queue.get(timeout=timeout)
            while item is not None:
                batch.append(item)
                if len(batch) >= _MOST_AT_ONCE:
                    return batch, False
                item = self._queue.get_nowait()
        except queue.Empty:
            return batch, False
        return batch, True

    def _work(self, batch: list[Queued]) -> None:
        desk = self._desk
        if desk.trouble is not None and time.monotonic() >= desk.retry_at:
            desk.come_back()
        results = desk.write([event for event, _ in batch])
        for (_, done), result in zip(batch, results, strict=True):
            if isinstance(result, Failure):
                done.set_exception(result.error)
            else:
                done.set_result(result)
        desk.idle()
