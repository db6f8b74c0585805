"""Several processes that serve one socket: one that dies is replaced, and all of them end together.

They share a socket that was bound before, instead of binding the port once each: connections that wait for one worker are
then taken by another when it dies, and none is reset.
"""

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import FrameType

MOST_DEATHS = 5
WITHIN_S = 60.0
"""Times that each worker may die within so many seconds, on average; after that there is no use in starting more."""
LONGEST_PAUSE_S = 15.0
"""One that takes the place of another waits the longer the more have died: what kills them may pass."""


@dataclass(frozen=True, slots=True)
class Worker:
    """What one process knows of itself."""

    number: int
    """From 1."""
    count: int
    _ready: int = -1
    _lifeline: int = -1

    def is_ready(self, stop: Callable[[], None]) -> None:
        """Say that it serves; from now on `stop` is called when the process that watches over it is gone."""
        # Nobody waits for the one that takes another's place.
        with contextlib.suppress(BrokenPipeError):
            os.write(self._ready, b"r")
        os.close(self._ready)
        threading.Thread(target=self._wait, args=(stop,), daemon=True).start()

    def _wait(self, stop: Callable[[], None]) -> None:
        # Nobody ever writes: the read ends when the last other end is closed, however that process died.
        os.read(self._lifeline, 1)
        stop()


@dataclass(slots=True)
class Supervisor:
    """Watches over the workers; one that dies is replaced by another. Only for a process with a single thread, since it forks."""

    work: Callable[[Worker], int]
    """Serves until it is told to stop, in a process of its own; gives the exit code."""
    count: int
    monotonic: Callable[[], float]
    pause: Callable[[float], None] = time.sleep
    on_ready: Callable[[], None] = lambda: None
    """Called once, when the first worker serves."""
    on_death: Callable[[str], None] = lambda _: None
    """Called with one line when a worker was lost."""
    on_stop: Callable[[], None] = lambda: None
    """Called once, when all are told to end; the socket is let go of here too, so that nobody waits in its queue."""
    _children: dict[int, int] = field(default_factory=dict)
    _deaths: list[float] = field(default_factory=list)
    _lifeline: tuple[int, int] = (-1, -1)
    _is_stopping: bool = False

    def run(self) -> bool:
        """Serve until SIGINT or SIGTERM, which reach every worker; False when workers died faster than is any use."""
        self._lifeline = os.pipe()
        with self._forwarding():
            started = [self._start(number) for number in range(1, self.count + 1)]
            ready = [_is_ready(one) for one in started]
            if any(ready):
                self.on_ready()
            return self._watch()

    def _watch(self) -> bool:
        is_fine = True
        while self._children:
            pid, status = os.wait()
            number = self._children.pop(pid, None)
            if number is None or self._is_stopping:
                continue
            now = self.monotonic()
            self._deaths = [at for at in self._deaths if now - at < WITHIN_S] + [now]
            if len(self._deaths) > MOST_DEATHS * self.count:
                is_fine = False
                self._stop()
                continue
            self.on_death(f"worker {number} ended ({_reason(status)}); another takes its place")
            os.close(self._start(number, _pause_s(len(self._deaths))))
        return is_fine

    def _start(self, number: int, pause_s: float = 0.0) -> int:
        """Fork one worker; gives what is read from when it is ready."""
        reads, writes = os.pipe()
        pid = os.fork()
        if not pid:
            os.close(reads)
            self._be(Worker(number, self.count, writes, self._lifeline[0]), pause_s)
        os.close(writes)
        self._children[pid] = number
        return reads

    def _be(self, worker: Worker, pause_s: float) -> None:
        """The worker's whole life; nothing of the watching process runs after it."""
        code = 1
        try:
            # Of its own group, so that Ctrl-C reaches it once, through the process that watches.
            os.setpgid(0, 0)
            os.close(self._lifeline[1])
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, signal.SIG_DFL)
            if pause_s:
                self.pause(pause_s)
            code = self.work(worker)
        except BaseException:  # noqa: BLE001 - shown as any other crash, and the process ends here
            sys.excepthook(*sys.exc_info())
        finally:
            os._exit(code)

    def _stop(self) -> None:
        # A second signal does not wait for requests in flight.
        told = signal.SIGINT if self._is_stopping else signal.SIGTERM
        if not self._is_stopping:
            self._is_stopping = True
            self.on_stop()
        for pid in list(self._children):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, told)

    @contextlib.contextmanager
    def _forwarding(self) -> Iterator[None]:
        def forward(_number: int, _frame: FrameType | None) -> None:
            self._stop()

        before = {number: signal.signal(number, forward) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _pause_s(deaths: int) -> float:
    return 0.0 if deaths == 1 else min(2.0 ** (deaths - 2), LONGEST_PAUSE_S)


def _is_ready(reads: int) -> bool:
    told = os.read(reads, 1)
    os.close(reads)
    return bool(told)


def _reason(status: int) -> str:
    code = os.waitstatus_to_exitcode(status)
    return f"signal {-code}" if code < 0 else f"exit code {code}"
