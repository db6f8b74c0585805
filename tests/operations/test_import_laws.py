"""Laws of importing: however the same logs are split, mixed, repeated or broken off, the ledger is the same."""

import multiprocessing
import os
import signal
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.claude_logs import MUCH, import_files, line, rows, totals
from tests.support.laws import law
from tests.support.unmeasured import unmeasured

_CONTENT = """
SELECT provider, model, project, session, started_at,
  sum(requests), sum(input_tokens), sum(output_tokens), sum(cost_nanousd)
FROM requests_v1 GROUP BY provider_request_id ORDER BY provider_request_id"""


def snapshots(message: int) -> list[str]:
    """Three lines of one message, as its answer grows; copies keep their time."""
    return [line(message, output=output, minute=message) for output in (1, 40 + message, 100 + message)]


ANSWERS = [text for message in range(6) for text in snapshots(message)]


@law(10)
@given(
    order=st.permutations(range(len(ANSWERS))),
    cuts=st.lists(st.integers(0, len(ANSWERS)), max_size=5),
    repeated=st.lists(st.integers(0, 5), max_size=4),
)
def test_any_split_order_and_repetition_gives_the_same_ledger(
    order: list[int], cuts: list[int], repeated: list[int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Lines in any order, in any number of files, imported one by one, some of them twice."""
    folder = tmp_path_factory.mktemp("law")
    plain = folder / "plain.jsonl"
    plain.write_text("".join(ANSWERS))
    import_files(folder / "plain.db", [plain])
    edges = [0, *sorted(cuts), len(order)]
    logs = []
    for number, (start, end) in enumerate(pairwise(edges)):
        logs.append(folder / f"{number}.jsonl")
        logs[-1].write_text("".join(ANSWERS[i] for i in order[start:end]))
    for log in logs + [logs[i] for i in repeated if i < len(logs)]:
        os.utime(log, ns=(1, 1))
        import_files(folder / "split.db", [log])

    assert totals(folder / "plain.db") == totals(folder / "split.db")
    assert rows(folder / "plain.db", _CONTENT) == rows(folder / "split.db", _CONTENT)


@law(8)
@given(lengths=st.lists(st.integers(1, 4_000), max_size=6))
def test_a_log_that_grows_by_any_bytes_gives_the_same_ledger(
    lengths: list[int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """An import may run between any two writes, in the middle of a line too."""
    folder = tmp_path_factory.mktemp("law")
    content = "".join(ANSWERS).encode()
    plain, grown = folder / "plain.jsonl", folder / "grown.jsonl"
    plain.write_bytes(content)
    grown.touch()
    import_files(folder / "plain.db", [plain])
    for end in [*sorted(set(lengths)), len(content)]:
        with grown.open("ab") as stream:
            stream.write(content[stream.tell() : end])
        import_files(folder / "grown.db", [grown])

    assert rows(folder / "plain.db", _CONTENT) == rows(folder / "grown.db", _CONTENT)
    assert rows(folder / "grown.db", "SELECT * FROM import_problems") == []


_SCRIPT = """
import os, signal, sys, threading
from pathlib import Path
from llmledger.core.request import Attribution
from tests.support.claude_logs import import_files
ledger, logs = Path(sys.argv[1]), Path(sys.argv[2])
bytes_of_log, records, much = [int(word) for word in sys.argv[3:]]
wal, told = Path(f"{ledger}-wal"), 0

def watch():
    while not (wal.exists() and wal.stat().st_size >= bytes_of_log):
        pass
    os.kill(os.getpid(), signal.SIGKILL)

def attribute(folder, app):
    global told
    told += 1
    if told == records * 10:
        os.kill(os.getpid(), signal.SIGKILL)
    return Attribution(project=folder.name)

if bytes_of_log:
    threading.Thread(target=watch, daemon=True).start()
import_files(ledger, sorted(logs.glob("*.jsonl")), attribute=attribute, much=much)
"""


def _tree(folder: Path) -> tuple[int, int, int, int]:
    """Five logs of 1,000 messages each, half of them repeated in the next, and what they add up to."""
    folder.mkdir()
    for number in range(5):
        texts = [
            line(number * 500 + i, output=100 + i % 7, minute=i % 50, cwd=f"/home/u/p{number * 500 + i}")
            for i in range(1_000)
        ]
        (folder / f"{number}.jsonl").write_text("".join(texts))
    import_files(folder.parent / "whole.db", sorted(folder.glob("*.jsonl")))
    return totals(folder.parent / "whole.db")


def _import_process(
    ledger: Path, logs: Path, *, wal_bytes: int = 0, folders: int = 0, much: int = MUCH
) -> subprocess.Popen[bytes]:
    """A process that kills itself when the ledger's log has so many bytes, or after so many tens of folders."""
    root = str(Path(__file__).parents[2])
    command = [sys.executable, "-c", _SCRIPT, str(ledger), str(logs), str(wal_bytes), str(folders), str(much)]
    return subprocess.Popen(command, cwd=root, env=unmeasured())


@pytest.mark.unmeasured
@pytest.mark.parametrize("moments", [range(0, 20, 5), pytest.param(range(20), marks=pytest.mark.crash)], ids=len)
def test_sigkill_at_twenty_moments_doubles_nothing_and_loses_nothing(tmp_path: Path, moments: range) -> None:
    """Killed between commits, in the middle of them, and while rows are made; then run again to the end.

    Half of them read in a process of its own, which ends when nobody listens any more.
    """
    expected = _tree(tmp_path / "logs")
    codes = []
    for moment in moments:
        ledger = tmp_path / f"killed{moment}.db"
        kill = {"wal_bytes": 1 + moment * 40_000} if moment % 2 else {"folders": 1 + moment * 15}
        much = 0 if moment % 4 < 2 else MUCH
        codes.append(_import_process(ledger, tmp_path / "logs", **kill, much=much).wait(60))
        import_files(ledger, sorted((tmp_path / "logs").glob("*.jsonl")))

        assert expected == totals(ledger), f"after {kill}"
    assert codes.count(-signal.SIGKILL) >= len(moments) * 3 // 4


@pytest.mark.unmeasured
def test_several_processes_import_the_same_logs_at_once(tmp_path: Path) -> None:
    """Each may come first; together they write each request once, and none sees a locked ledger."""
    expected = _tree(tmp_path / "logs")
    ledger = tmp_path / "shared.db"
    processes = [_import_process(ledger, tmp_path / "logs") for _ in range(min(4, multiprocessing.cpu_count() * 2))]

    assert [0] * len(processes) == [process.wait(120) for process in processes]
    assert expected == totals(ledger)
