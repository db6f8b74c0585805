"""A prune that is killed at any moment: nothing is lost, and the next one finishes."""

import json
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from tests.support.builders import NOON
from tests.support.ledger_rows import Fact
from tests.support.small_ledger import ms, write_ledger

from llmledger.core.report import Question
from llmledger.core.window import Window
from llmledger.ledger.finding import Level
from llmledger.ledger.queries.aggregate import aggregate
from llmledger.ledger.rollups.check import broken_rollups
from llmledger.ledger.verification import verify

MOMENTS = 20
_COMMAND = [sys.executable, "-m", "llmledger", "prune", "--older-than", "2026-10-01", "--what", "detail", "--yes"]


def sums(path: Path) -> dict[Any, Any]:
    """Cost and requests by user and day."""
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, isolation_level=None)
    try:
        answer = aggregate(connection, Question(window=Window(), by=("user", "day"), latencies=False))
        assert answer.gaps == ()
        assert list(broken_rollups(connection)) == []
        return {cell.key: tuple(cell.tally.spent) for cell in answer.cells}
    finally:
        connection.close()


@pytest.mark.crash
def test_a_prune_killed_at_twenty_moments_loses_nothing(tmp_path: Path) -> None:
    """SIGKILL after ever longer times; totals are the same each time; in the end every old row is gone, and in an archive."""
    path = tmp_path / "ledger.db"
    facts = [
        Fact(started_ms=ms(NOON) - 60 * 86_400_000 - n * 60_000, cost=n, user=f"u{n % 7}", latency_ms=n % 900)
        for n in range(20_000)
    ]
    write_ledger(path, facts, home_zone="Europe/Berlin")
    before = sums(path)
    archive = tmp_path / "kept"
    killed = 0
    for moment in range(MOMENTS):
        process = subprocess.Popen(
            [*_COMMAND, "--ledger", str(path), "--archive", str(archive)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        deadline = time.monotonic() + 0.4 + moment * 0.15
        while process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            killed += 1
        process.communicate()
        assert sums(path) == before
        # What the dead ones archived is found and checked.
        assert [
            one.text for one in verify(path) if one.level is not Level.FINE and "was cut short" not in one.text
        ] == []
    last = [*_COMMAND, "--ledger", str(path), "--archive", str(archive), "--json"]
    finished = subprocess.run(last, capture_output=True, check=True)
    assert sums(path) == before
    assert json.loads(finished.stdout)["dry_run"] is False
    assert killed > 0
    assert [file for file in archive.iterdir() if not file.name.startswith("llmledger-")] == []
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT count(*) FROM requests").fetchone() == (0,)
        assert connection.execute("SELECT count(*) FROM prunings WHERE receipt NOT LIKE '%removed%'").fetchone() == (0,)
    assert [one.text for one in verify(path) if one.level is not Level.FINE] == []
    assert sums(_restored(archive, tmp_path / "other.db")) == before


def _restored(archive: Path, other: Path) -> Path:
    """A new ledger of all archives that the killed prunes left behind."""
    files = sorted(archive.glob("llmledger-*.jsonl.gz"))
    command = [sys.executable, "-m", "llmledger", "import", "--source", "llmledger", "--ledger", str(other)]
    subprocess.run([*command, *map(str, files)], capture_output=True, check=True)
    return other
