"""The ledger as the proxy's event loop sees it: begins that can be awaited, finishes that nobody waits for."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Protocol

from llmledger.core.request import Begun, Finished
from llmledger.ledger.events import Begin, Finish
from llmledger.ledger.store import Failure
from llmledger.ledger.writer import Crowd


class Store(Protocol):
    """What the proxy needs of a ledger: writes that tell when they are durable."""

    def hand_in(self, event: Begin | Finish, token: Any, crowd: Crowd) -> None:
        """Queue an event; the crowd is told, with the token, when it is durable."""


class Records:
    """Hands events to the ledger's writer, and wakes the loop once for all begins of one commit."""

    def __init__(self, store: Store, on_trouble: Callable[[str], None]) -> None:
        """Inside the event loop that it is for. `on_trouble` is told, in any thread, of rows that were not written."""
        self._store = store
        self._on_trouble = on_trouble
        self._loop = asyncio.get_running_loop()

    def begin(self, begun: Begun) -> "asyncio.Future[bool]":
        """Done when the note of a request that is about to go upstream is durable. Raises StorageError when awaited."""
        future: asyncio.Future[bool] = self._loop.create_future()
        self._store.hand_in(Begin(begun), future, self)
        return future

    def finish(self, finished: Finished) -> None:
        """Write the row of a request that has ended, soon."""
        self._store.hand_in(Finish(finished), None, self)

    def told(self, results: Sequence[tuple[Any, Any]]) -> None:
        """Results of one commit, in the writer's thread."""
        awaited = []
        for future, result in results:
            if future is not None:
                awaited.append((future, result))
            elif isinstance(result, Failure):
                self._on_trouble(f"a row could not be written: {result.error}")
        if awaited:
            with suppress(RuntimeError):  # the loop has ended: nobody waits any more
                self._loop.call_soon_threadsafe(_settle, awaited)


def _settle(awaited: "Sequence[tuple[asyncio.Future[Any], Any]]") -> None:
    for future, result in awaited:
        if future.done():
            continue
        if isinstance(result, Failure):
            future.set_exception(result.error)
        else:
            future.set_result(result)
