"""Reading in a process of its own: the same ledger, and an end of either process that loses and doubles nothing."""

import os
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from tests.support.claude_logs import BOOK, import_files, line, rows, totals
from tests.support.processes import children, wait_until_gone

from llmledger.errors import LogReaderDied
from llmledger.operations._import_apart import read_apart
from llmledger.operations._import_reading import Errand, read_logs

_TABLES = ("requests", "adjustments", "seen", "models", "attributions", "sessions", "traits", "outcomes", "rates")
needs_proc = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="asks Linux for its processes")


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Twelve thousand answers, every fifth in two snapshots, every hundredth with a price of its own."""
    path = tmp_path / "s1.jsonl"
    texts = []
    for number in range(12_000):
        if number % 5 == 0:
            texts.append(line(number, output=1, minute=number % 1000))
        usage = {"input_tokens": 10, "output_tokens": 50 + number % 9, "speed": "fast" if number % 100 == 0 else None}
        message = {
            "id": f"msg_01{number:016d}",
            "model": "claude-sonnet-4-5",
            "stop_reason": "end_turn",
            "usage": usage,
        }
        texts.append(line(number, minute=number % 1000, message=message))
    path.write_text("".join(texts))
    return path


def errand(*files: Path) -> Errand:
    """Read some logs of Claude Code from their start."""
    return Errand(source="claude_code", files=files, states={}, book=BOOK)


def test_the_same_rows_are_written_whoever_reads(log: Path, tmp_path: Path) -> None:
    """Every table, column by column."""
    import_files(tmp_path / "here.db", [log])
    result = import_files(tmp_path / "apart.db", [log], much=0)

    assert (result.files, result.added, result.known) == (1, 12_000, 0)
    for table in _TABLES:
        query = f"SELECT * FROM {table} ORDER BY 1"
        assert rows(tmp_path / "here.db", query) == rows(tmp_path / "apart.db", query), table


def test_the_same_parcels_come_from_either_process(log: Path) -> None:
    """Their rows, headings and notes."""
    with closing(read_apart(errand(log))) as parcels:
        assert list(read_logs(errand(log))) == list(parcels)


@needs_proc
def test_a_reader_that_is_killed_ends_the_import_and_the_next_completes_it(log: Path, ledger_path: Path) -> None:
    """SIGKILL after the first parcel: the error says so, nothing hangs."""
    with closing(read_apart(errand(log))) as parcels:
        next(parcels)
        for pid in children(os.getpid(), "_import_apart"):
            os.kill(pid, signal.SIGKILL)
        with pytest.raises(LogReaderDied, match=r"\(-9\)"):
            list(parcels)
    import_files(ledger_path, [log], much=0)

    assert totals(ledger_path)[0] == 12_000


_PARENT = """
import sys, time
from pathlib import Path
from tests.operations.test_import_apart import errand
from llmledger.operations._import_apart import read_apart
parcels = read_apart(errand(Path(sys.argv[1])))
next(parcels)
print("reading", flush=True)
time.sleep(60)
"""


@needs_proc
def test_a_reader_ends_when_its_writer_was_killed(log: Path) -> None:
    """Its next write finds nobody."""
    root = str(Path(__file__).parents[2])
    command = [sys.executable, "-c", _PARENT, str(log)]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"reading\n"
        (reader,) = children(parent.pid, "_import_apart")
        parent.kill()
    assert wait_until_gone(reader)


def test_a_reader_nobody_listens_to_any_more_is_waited_for(log: Path) -> None:
    """An error of the writing side leaves no process behind."""
    with closing(read_apart(errand(log))) as parcels:
        next(parcels)

    assert Path("/proc/self/task").exists() is False or children(os.getpid(), "_import_apart") == []
