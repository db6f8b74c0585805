"""Polls that tell the end of a response correct its row beside the traffic, also when the ledger is locked meanwhile."""

import asyncio
from collections.abc import Callable

from llmledger.core.request import Finished
from llmledger.errors import StorageError
from llmledger.operations.charge import Prices
from llmledger.operations.complete import Book, Poll, complete

AGAIN_S = 1.0
TRIES = 900
MOST = 1000
"""Corrections that wait at the same time; a response beyond them is there to be polled again."""


class Completions:
    """The corrections of one proxy that are being written."""

    def __init__(
        self, book: Book, prices: Prices, *, told: Callable[[Finished], None], trouble: Callable[[str], None]
    ) -> None:
        """`told` hears of each request that was corrected, `trouble` of what could not be written."""
        self._book = book
        self._prices = prices
        self._told = told
        self._trouble = trouble
        self._tasks: set[asyncio.Task[None]] = set()

    def take(self, poll: Poll) -> None:
        """Take what a poll said; nothing waits for it."""
        if not poll.is_news:
            return
        if len(self._tasks) >= MOST:
            self._trouble(f"the end of {poll.response_id} could not be recorded; poll it again")
            return
        task = asyncio.get_running_loop().create_task(self._complete(poll))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _complete(self, poll: Poll) -> None:
        is_written = False
        try:
            for _ in range(TRIES):
                if is_written := await self._is_written(poll):
                    break
                await asyncio.sleep(AGAIN_S)
        finally:
            if not is_written:
                self._trouble(f"the end of {poll.response_id} could not be recorded; poll it again")

    async def _is_written(self, poll: Poll) -> bool:
        try:
            finished = await asyncio.to_thread(complete, self._book, poll, prices=self._prices)
        except StorageError:
            return False
        if finished is not None:
            self._told(finished)
        return True
