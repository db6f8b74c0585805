"""Several processes on one port and one ledger: a dead one is replaced, and no request is lost or counted twice."""

import json
import os
import signal
import threading
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.support.proxy_program import Program, program, query, until
from tests.support.upstream import DEADLINE, Upstream, Wait, stream_answer

from llmledger.proxy.workers import MOST_DEATHS, Supervisor, Worker

FIXTURES = Path(__file__).parents[1] / "fixtures" / "dialects"
STREAM = (FIXTURES / "anthropic_messages/streamed.sse").read_bytes()
ASKED = {"model": "claude-sonnet-4-5", "stream": True, "max_tokens": 50}

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked")


def health(proxy: Program) -> dict[str, Any]:
    """What one worker, whichever answers, tells of itself."""
    with urllib.request.urlopen(proxy.url + "/healthz", timeout=DEADLINE) as answer:
        told: dict[str, Any] = json.load(answer)
    return told


def workers_of(proxy: Program) -> set[int]:
    """The processes that serve now."""
    children = Path(f"/proc/{proxy.process.pid}/task/{proxy.process.pid}/children").read_text()
    return {int(pid) for pid in children.split()}


def all_answer(proxy: Program) -> Callable[[], bool]:
    """Whether every worker has answered once."""
    seen: set[int] = set()

    def have() -> bool:
        seen.add(health(proxy)["pid"])
        return seen >= workers_of(proxy) and len(seen & workers_of(proxy)) == 2

    return have


def ask(url: str) -> None:
    """One request; a connection that breaks is no failure of the test."""
    with suppress(httpx.HTTPError):
        httpx.post(url, json=ASKED, timeout=60)


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="children are found in /proc")
def test_a_killed_worker_is_replaced_and_no_request_is_lost(home: Path, upstream: Upstream, ledger_path: Path) -> None:
    """SIGKILL in the middle of its streams: they are interrupted rows; the others end; the next requests are served."""
    first, rest = STREAM.split(b"cents")
    go_on = threading.Event()
    upstream.replies(lambda _: stream_answer([first, Wait(go_on), b"cents" + rest]))
    with program(home, upstream, "--workers", "2") as proxy:
        until(all_answer(proxy))
        before = workers_of(proxy)
        url = proxy.url + "/anthropic/v1/messages"
        clients = [threading.Thread(target=ask, args=(url,)) for _ in range(12)]
        for client in clients:
            client.start()
        until(lambda: len(upstream.received) == 12)
        victim = min(before)
        os.kill(victim, signal.SIGKILL)
        until(lambda: len(workers_of(proxy)) == 2 and victim not in workers_of(proxy))
        go_on.set()
        for client in clients:
            client.join(DEADLINE)
        until(all_answer(proxy))
        ask(url)
        assert proxy.end(signal.SIGTERM) == 0
        text = "".join(proxy.lines)

    assert "ended (signal 9); another takes its place" in text
    found = dict(query(ledger_path, "SELECT status, count(*) FROM requests_v1 GROUP BY status"))
    assert sum(found.values()) == len(upstream.received) == 13
    assert found["completed"] >= 1
    assert set(found) <= {"completed", "interrupted"}
    assert query(ledger_path, "SELECT count(*) FROM inflight") == [(0,)]


def test_told_to_stop_all_workers_end_what_they_serve(home: Path, upstream: Upstream, ledger_path: Path) -> None:
    """SIGTERM to the watching process alone: every stream is whole, every row is completed, exit 0."""
    first, rest = STREAM.split(b"cents")
    go_on = threading.Event()
    upstream.replies(lambda _: stream_answer([first, Wait(go_on), b"cents" + rest]))
    bodies: list[bytes] = []
    with program(home, upstream, "--workers", "2", "--json-log") as proxy:

        def read() -> None:
            bodies.append(httpx.post(proxy.url + "/anthropic/v1/messages", json=ASKED, timeout=60).content)

        clients = [threading.Thread(target=read) for _ in range(10)]
        for client in clients:
            client.start()
        until(lambda: len(upstream.received) == 10)
        proxy.process.send_signal(signal.SIGTERM)
        go_on.set()
        for client in clients:
            client.join(DEADLINE)
        assert proxy.process.wait(DEADLINE) == 0
        until(lambda: any("has stopped" in line for line in proxy.lines))
        told = [json.loads(line) for line in proxy.lines if line.startswith("{")]

    assert bodies == [STREAM] * 10
    assert sum("Listening on" in line for line in proxy.lines) == 1
    assert [one["status"] for one in told] == ["completed"] * 10
    assert query(ledger_path, "SELECT status, count(*) FROM requests_v1 GROUP BY status") == [("completed", 10)]


def test_workers_end_when_the_process_that_watches_is_killed(home: Path, upstream: Upstream, ledger_path: Path) -> None:
    """SIGKILL leaves no orphan on the port: each notices, ends what it serves, and goes."""
    upstream.replies(lambda _: stream_answer([STREAM]))
    with program(home, upstream, "--workers", "2") as proxy:
        ask(proxy.url + "/anthropic/v1/messages")
        proxy.process.kill()
        proxy.process.wait(DEADLINE)

        def is_free() -> bool:
            try:
                health(proxy)
            except OSError:
                return True
            return False

        until(is_free)
        until(lambda: query(ledger_path, "SELECT count(*) FROM requests") == [(1,)])


def test_healthz_tells_which_of_how_many_answers(home: Path, upstream: Upstream) -> None:
    """Each tells of itself; a proxy without workers does not speak of them."""
    with program(home, upstream, "--workers", "3") as several:
        told = health(several)
        assert told["workers"] == 3
        assert told["worker"] in (1, 2, 3)
        several.end(signal.SIGTERM)
    with program(home, upstream) as alone:
        assert "workers" not in health(alone)
        alone.end(signal.SIGTERM)


def test_a_ledger_that_cannot_be_opened_is_told_once(home: Path, upstream: Upstream, ledger_path: Path) -> None:
    """Before there are several processes that could each say so; exit 6."""
    ledger_path.parent.mkdir(parents=True)
    ledger_path.write_bytes(b"this is no ledger" * 100)
    with program(home, upstream, "--workers", "2") as proxy:
        assert proxy.process.wait(DEADLINE) == 6
        until(lambda: any("Error" in line for line in proxy.lines))

    assert "".join(proxy.lines).count("Error:") == 1


def no_pause(_: float) -> None:
    """The next one starts at once."""


def test_workers_that_keep_dying_are_given_up() -> None:
    """So many for each within a minute, then no more; whoever is left is told to end."""
    said: list[str] = []
    supervisor = Supervisor(lambda _: 3, 2, lambda: 0.0, no_pause, on_death=said.append)

    assert supervisor.run() is False
    assert len(said) == 2 * MOST_DEATHS
    assert said[0].endswith("ended (exit code 3); another takes its place")


def test_the_more_have_died_the_longer_the_next_one_waits(tmp_path: Path) -> None:
    """What kills them may pass, such as a ledger that somebody has locked; the others serve meanwhile."""
    paused = tmp_path / "paused"

    def note(seconds: float) -> None:
        with paused.open("a") as file:
            file.write(f"{seconds:g}\n")

    Supervisor(lambda _: 3, 1, lambda: 0.0, note).run()

    assert paused.read_text().split() == ["1", "2", "4", "8"]


def test_deaths_that_are_far_apart_are_forgiven() -> None:
    """A worker a minute may be lost for ever; the clock stands for days here."""
    times = iter([100.0 * number for number in range(MOST_DEATHS + 1)] + [10_000.0] * 100)
    said: list[str] = []

    assert Supervisor(lambda _: 3, 1, lambda: next(times), no_pause, on_death=said.append).run() is False
    assert len(said) == 2 * MOST_DEATHS + 1


def test_a_worker_is_ready_when_it_says_so() -> None:
    """One call, however many are ready; none when none is."""
    ready: list[str] = []

    def work(worker: Worker) -> int:
        worker.is_ready(lambda: None)
        return 3

    Supervisor(work, 2, lambda: 0.0, no_pause, on_ready=lambda: ready.append("ready")).run()
    Supervisor(lambda _: 3, 2, lambda: 0.0, no_pause, on_ready=lambda: ready.append("never")).run()

    assert ready == ["ready"]


def test_a_crash_of_a_worker_is_shown(capfd: pytest.CaptureFixture[str]) -> None:
    """As that of any program, and its exit code is not 0."""
    said: list[str] = []

    def work(_: Worker) -> int:
        raise ZeroDivisionError

    Supervisor(work, 1, lambda: 0.0, no_pause, on_death=said.append).run()

    assert "ZeroDivisionError" in capfd.readouterr().err
    assert "exit code 1" in said[0]


def test_more_than_one_needs_a_number_that_makes_sense(home: Path, upstream: Upstream) -> None:
    """Neither none nor thousands: exit 2."""
    for wrong in ("0", "65", "many"):
        with program(home, upstream, "--workers", wrong) as proxy:
            assert proxy.process.wait(DEADLINE) == 2
