"""The writer thread: whatever is queued when it looks is written together, in one durable transaction."""

import contextlib
import queue
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any, Protocol, TypeAlias

from llmledger.ledger.desk import Desk
from llmledger.ledger.events import AnyEvent
from llmledger.ledger.store import Failure

_MOST_AT_ONCE = 256
_PATIENCE_S = 0.01
"""How long what nobody waits for is kept back, so that it shares the commit of what somebody waits for."""


class Crowd(Protocol):
    """Many who wait in one event loop: they are told together, since waking a loop costs more than telling it."""

    def told(self, results: Sequence[tuple[Any, Any]]) -> None:
        """The results of one commit, each with the token it was handed in with; called in the writer's thread."""


Queued: TypeAlias = "tuple[AnyEvent, Any, Crowd | None, bool]"
"""An event; its future, or its token in a crowd; whether it may wait for others."""


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
        self._queue.put((event, done, None, False))
        return done

    def hand_in(self, event: AnyEvent, token: Any, crowd: Crowd, *, may_wait: bool) -> None:
        """Queue an event of a crowd, which is told when it is durable; some milliseconds later if it `may_wait`."""
        self._queue.put((event, token, crowd, may_wait))

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
                results = self._work(batch)
            except Exception as error:  # noqa: BLE001 - whoever waits must be told, or waits for ever
                results = [Failure(error)] * len(batch)
            _tell(batch, results)
            # What can be put off is tried again after the next batch.
            with contextlib.suppress(Exception):
                self._desk.idle()

    def _next_batch(self) -> tuple[list[Queued], bool]:
        """Wait for something to write, but not longer than until the ledger is to be tried again."""
        batch: list[Queued] = []
        desk, is_awaited, deadline = self._desk, False, 0.0
        try:
            timeout = None if desk.trouble is None else max(0.0, desk.retry_at - time.monotonic())
            item = self._queue.get(timeout=timeout)
            while item is not None:
                batch.append(item)
                if len(batch) >= _MOST_AT_ONCE:
                    return batch, False
                is_awaited = is_awaited or not item[3]
                if is_awaited:
                    item = self._queue.get_nowait()
                else:
                    deadline = deadline or time.monotonic() + _PATIENCE_S
                    item = self._queue.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            return batch, False
        return batch, True

    def _work(self, batch: list[Queued]) -> list[Any]:
        desk = self._desk
        if desk.trouble is not None and time.monotonic() >= desk.retry_at:
            desk.come_back()
        return desk.write([queued[0] for queued in batch])


def _tell(batch: list[Queued], results: list[Any]) -> None:
    crowds: dict[Crowd, list[tuple[Any, Any]]] = {}
    for (_, done, crowd, _), result in zip(batch, results, strict=True):
        if crowd is not None:
            crowds.setdefault(crowd, []).append((done, result))
        elif isinstance(result, Failure):
            done.set_exception(result.error)
        else:
            done.set_result(result)
    for crowd, told in crowds.items():
        crowd.told(told)
