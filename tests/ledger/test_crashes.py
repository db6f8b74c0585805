"""Real processes killed at random moments: no request that was promised is missing, none is there twice."""

import random
import shutil
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from tests.support import writing_process
from tests.support.builders import NOON
from tests.support.upstream import Answer, Received, Upstream, Wait, stream_answer

from llmledger.ledger import open_ledger, open_reader

SCRIPT = writing_process.__file__


def started(path: Path, count: int, name: str, *, prefix: tuple[str, ...] = ()) -> subprocess.Popen[str]:
    command = [*prefix, sys.executable, SCRIPT, str(path), str(count), name]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def killed_after(process: subprocess.Popen[str], lines: int, spins: int) -> list[str]:
    """Let it say some lines and then run a little further, kill it, and return all that it had said by then."""
    assert process.stdout is not None
    said = [process.stdout.readline() for _ in range(lines)]
    for _ in range(spins):
        pass
    process.kill()
    rest, _ = process.communicate()
    return [line.strip() for line in [*said, *rest.splitlines(keepends=True)] if line.endswith("\n")]


def check_promises(path: Path, said: list[str]) -> None:
    """What was said to be begun has one row, what was said to be finished is completed, nothing is in flight."""
    open_ledger(path, now=lambda: NOON).close()
    with open_reader(path) as reader:
        found = dict(
            reader.connection.execute("SELECT request_id, status FROM requests_v1 WHERE requests = 1").fetchall()
        )
        total = reader.connection.execute("SELECT count(*), count(DISTINCT request_id) FROM requests").fetchone()
        left = reader.connection.execute("SELECT count(*) FROM inflight").fetchone()
    begun = {line.split()[1] for line in said if line.startswith("begin")}
    finished = {line.split()[1] for line in said if line.startswith("finish")}
    assert begun <= found.keys()
    assert {found[request] for request in finished} <= {"completed"}
    assert total[0] == total[1] == len(found)
    assert left == (0,)


def kill_many(path: Path, times: int, seed: int, *, prefix: tuple[str, ...] = ()) -> int:
    """Kill writers of one ledger, one after the other, and check all promises after each; returns the promises."""
    chance, said = random.Random(seed), []
    for number in range(times):
        process = started(path, 10_000, f"life {number}", prefix=prefix)
        said += killed_after(process, chance.randrange(0, 60), chance.randrange(0, 200_000))
        check_promises(path, said)
    return len(said)


def test_killed_writers_keep_their_promises(tmp_path):
    """SIGKILL at random moments, a new process each time (litellm#34820, #35531)."""
    assert kill_many(tmp_path / "ledger.db", 8, seed=20261121) > 20


@pytest.mark.crash
def test_two_hundred_killed_writers_keep_their_promises(tmp_path, capsys):
    """The full count."""
    promises = kill_many(tmp_path / "ledger.db", 200, seed=7)
    with capsys.disabled():
        print(f"\n200 writers killed, {promises:,} promises kept")


def test_a_killed_writer_in_its_own_pid_namespace_is_known_to_be_dead(tmp_path):
    """Process ids lie across containers: owners are locks. A living one in another namespace is left alone."""
    prefix = ("unshare", "--pid", "--fork", "--kill-child")
    if (
        shutil.which("unshare") is None
        or subprocess.run([*prefix, "true"], check=False, capture_output=True).returncode
    ):
        pytest.skip("no pid namespace can be made here")
    path = tmp_path / "ledger.db"
    living = started(path, 100_000, "living", prefix=prefix)
    assert living.stdout is not None and living.stdout.readline().startswith("begin")
    dying = started(path, 10_000, "dying", prefix=prefix)
    said = killed_after(dying, 21, 0)
    open_ledger(path, now=lambda: NOON).close()
    with open_reader(path) as reader:
        interrupted = reader.connection.execute(
            "SELECT count(*) FROM requests_v1 WHERE status = 'interrupted'"
        ).fetchone()
    assert interrupted[0] <= 1
    said += killed_after(living, 0, 0)
    check_promises(path, said)


def opened_at_once(path: Path, processes: int) -> None:
    together = [started(path, 1, f"process {number}") for number in range(processes)]
    for process in together:
        _, errors = process.communicate()
        assert (process.returncode, errors) == (0, "")
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT count(*) FROM requests").fetchone() == (processes,)
        assert connection.execute("SELECT count(*) FROM meta WHERE key = 'ledger_id'").fetchone() == (1,)
    connection.close()


def test_many_processes_open_a_fresh_ledger_at_once(tmp_path):
    """One makes it, the others find it whole."""
    opened_at_once(tmp_path / "ledger.db", 6)


@pytest.mark.crash
def test_sixteen_processes_open_a_fresh_ledger_a_hundred_times(tmp_path):
    """The full count."""
    for number in range(100):
        opened_at_once(tmp_path / f"ledger-{number}.db", 16)


def written_at_once(path: Path, processes: int, requests: int) -> list[float]:
    """Writers side by side; returns the longest wait of each in milliseconds."""
    together = [started(path, requests, f"writer {number}") for number in range(processes)]
    ends = [process.communicate() for process in together]
    assert [errors for _, errors in ends] == [""] * processes
    with sqlite3.connect(path) as connection:
        found = connection.execute("SELECT count(*), sum(cost_nanousd), sum(input_tokens) FROM requests").fetchone()
    connection.close()
    # Each writer's requests cost 100, 101, 102 ... nano-USD for 100 input tokens.
    nanousd = processes * sum(100 + number for number in range(requests))
    assert found == (processes * requests, nanousd, processes * requests * 100)
    return [float(output.splitlines()[-1].split()[1]) for output, _ in ends]


def test_several_processes_write_at_once(tmp_path):
    """No error, no lost row, sums right (litellm#6895, #27989: increments dropped in deadlocks)."""
    written_at_once(tmp_path / "ledger.db", 4, 50)


@pytest.mark.crash
def test_eight_processes_write_two_thousand_requests_each(tmp_path, capsys):
    """16,000 rows; the longest wait is printed."""
    waits = written_at_once(tmp_path / "ledger.db", 8, 2000)
    with capsys.disabled():
        print(f"\n8 processes x 2,000 requests: longest wait {max(waits):.0f} ms")


def kill_runs(home: Path, upstream: Upstream, times: int, seed: int) -> tuple[int, int]:
    """Kill `llmledger run` at random moments; returns how many requests went upstream, and how many rows there are."""
    chance, arrived, release = random.Random(seed), threading.Event(), threading.Event()
    chunk = b'data: {"id":"chatcmpl-x","model":"gpt-5-mini","choices":[{"delta":{"content":"hi"}}]}\n\n'

    def reply(_: Received) -> Answer:
        arrived.set()
        return stream_answer([chunk, *([Wait(release)] if chance.random() < 0.5 else []), b"data: [DONE]\n\n"])

    upstream.replies(reply)
    environ = {"HOME": str(home), "PATH": "/usr/bin:/bin", "OPENAI_API_KEY": "sk-test"}
    command = [sys.executable, "-m", "llmledger", "run", "-m", "openai/gpt-5-mini", "--base-url", upstream.url, "hello"]
    for number in range(times):
        arrived.clear()
        process = subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        # A random moment before the request leaves, or right after it has arrived, or when the answer is done.
        arrived.wait(chance.choice([0.3, 0.6, 1.0]) if number % 2 else 20.0)
        for _ in range(chance.randrange(0, 300_000)):
            pass
        process.kill()
        process.communicate()
        release.set()
        release = threading.Event()
    path = home / ".local" / "share" / "llmledger" / "ledger.db"
    open_ledger(path, now=lambda: NOON).close()
    with open_reader(path) as reader:
        rows = reader.connection.execute("SELECT count(*) FROM requests_v1 WHERE requests = 1").fetchone()[0]
        assert reader.connection.execute("SELECT count(*) FROM inflight").fetchone() == (0,)
    return len(upstream.received), rows


def test_a_killed_run_leaves_a_row_for_every_request_that_went_upstream(home, upstream):
    """The note is durable before the first byte is sent, whenever the process dies."""
    sent, rows = kill_runs(home, upstream, 4, seed=5)
    assert 1 <= sent <= rows <= 4


@pytest.mark.crash
def test_sixty_killed_runs_leave_a_row_for_every_request_that_went_upstream(home, upstream, capsys):
    """The full count."""
    sent, rows = kill_runs(home, upstream, 60, seed=6)
    assert sent <= rows <= 60
    with capsys.disabled():
        print(f"\n60 runs killed: {sent} requests went upstream, {rows} rows")
