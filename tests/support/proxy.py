"""A running proxy: the real application on a real port, in a thread of its own, before a scripted provider."""

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

from tests.support.upstream import DEADLINE, Upstream

from llmledger.core.request import request_id_at
from llmledger.ledger import Ledger, Manners, open_ledger
from llmledger.operations.record import Recorder
from llmledger.pricebook import load, packaged_folder
from llmledger.proxy.application import Setup, application
from llmledger.proxy.serve import Place, bind, run


def until(condition: Callable[[], object]) -> None:
    """Wait for a condition, with a deadline."""
    deadline = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


class RunningProxy:
    """Where the proxy is, and what it has written."""

    def __init__(self, url: str, ledger: Ledger) -> None:
        self.url = url
        self.ledger = ledger
        self.troubles: list[str] = []

    def rows(self, at_least: int = 1) -> list[dict[str, Any]]:
        """All rows, once there are so many of them; rows are written after the client was served."""
        deadline = time.monotonic() + DEADLINE
        while True:
            found = self._rows()
            if len(found) >= at_least or time.monotonic() > deadline:
                return found
            time.sleep(0.01)

    def inflight(self) -> int:
        """Requests that have begun and not ended."""
        with sqlite3.connect(self.ledger.path) as connection:
            return int(connection.execute("SELECT count(*) FROM inflight").fetchone()[0])

    def _rows(self) -> list[dict[str, Any]]:
        connection = sqlite3.connect(self.ledger.path)
        connection.row_factory = sqlite3.Row
        try:
            return [dict(row) for row in connection.execute("SELECT * FROM requests_v1 ORDER BY rowid")]
        except sqlite3.OperationalError:
            return [dict(row) for row in connection.execute("SELECT * FROM requests_v1")]
        finally:
            connection.close()


@contextmanager
def running_proxy(
    folder: Path, upstream: Upstream, *, manners: Manners | None = None, grace_s: int = 30, **settings: Any
) -> Iterator[RunningProxy]:
    """Every provider is reached at the scripted one's address, below a path of its name."""
    ids = count(1)
    listener = bind(Place(host="127.0.0.1", port=0))
    book = load([packaged_folder()])
    with listener, open_ledger(folder / "ledger.db", now=_now, manners=manners) as ledger:
        proxy = RunningProxy(f"http://127.0.0.1:{listener.getsockname()[1]}", ledger)

        def new_id(at: datetime) -> bytes:
            return request_id_at(int(at.timestamp() * 1000), next(ids).to_bytes(10, "big"))

        values: dict[str, Any] = {
            "ledger": ledger,
            "book": book,
            "recorder": Recorder(store=ledger, prices=book, now=_now, new_id=new_id),
            "address_of": lambda provider: f"{upstream.url}/{provider.name}",
            "monotonic": time.monotonic,
            "hosts": frozenset({"127.0.0.1", "localhost"}),
            "on_trouble": proxy.troubles.append,
        }
        setup = Setup(**(values | settings))
        stop: list[Callable[[], None]] = []
        ready = threading.Event()

        def started(stopper: Callable[[], None]) -> None:
            stop.append(stopper)
            ready.set()

        thread = threading.Thread(
            target=run, args=(listener, lambda: application(setup)), kwargs={"on_server": started, "grace_s": grace_s}
        )
        thread.start()
        assert ready.wait(DEADLINE)
        try:
            yield proxy
        finally:
            stop[0]()
            thread.join(DEADLINE)
            assert not thread.is_alive()


def _now() -> datetime:
    return datetime.now(UTC)
