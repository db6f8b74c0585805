"""The disk is full while exporting, archiving, pruning, erasing, vacuuming, backing up: one clear line, nothing lost or half-written."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import RunCli
from tests.support.builders import NOON
from tests.support.ledger_rows import Fact
from tests.support.outages import full_disk, small_disk
from tests.support.small_ledger import ms, write_ledger

from llmledger.ledger.finding import Level
from llmledger.ledger.verification import verify

DAY = 86_400_000
ROWS = 4_000
PRUNE = ("prune", "--older-than", "2026-10-01", "--what", "detail", "--yes")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A folder with 8 MB of room."""
    folder = tmp_path / "disk"
    folder.mkdir()
    with small_disk(folder, 8) as small:
        yield small


def a_ledger(path: Path) -> Path:
    """Four thousand requests of sixty days ago, $0.000001 each."""
    facts = [Fact(started_ms=ms(NOON) - 60 * DAY - n * 1000, cost=1000, user=f"u{n % 9}") for n in range(ROWS)]
    write_ledger(path, facts, home_zone="Europe/Berlin")
    return path


def totals(run_cli: RunCli, ledger: Path) -> Any:
    return json.loads(run_cli("report", "--json", "--ledger", ledger).stdout)["totals"]


def rows_in(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute("SELECT count(*) FROM requests").fetchone()[0])


def is_sound(ledger: Path) -> bool:
    return not [finding.text for finding in verify(ledger) if finding.level is Level.PROBLEM]


def is_one_line(stderr: str) -> bool:
    """An error and its hint, no traceback."""
    return len(stderr.strip().splitlines()) == 2 and "Traceback" not in stderr


@contextmanager
def room_left(path: Path, kilobytes: int) -> Iterator[None]:
    """So much room on the small disk and no more."""
    with full_disk(path):
        with path.with_name("filler").open("r+b") as filler:
            filler.truncate(filler.seek(0, 2) - kilobytes * 1024)
        yield


@pytest.mark.parametrize("name", ["usage.csv", "usage.jsonl.gz", "usage.focus"])
def test_an_export_that_does_not_fit_leaves_nothing(run_cli: RunCli, tmp_path: Path, disk: Path, name: str) -> None:
    """What stood under the name before still does; exit 3."""
    ledger = a_ledger(tmp_path / "ledger.db")
    (disk / name).write_text("of last month")

    with room_left(disk / "x", 16):
        result = run_cli("export", "-o", disk / name, "--ledger", ledger)

    assert (result.exit_code, "No space left" in result.stderr, is_one_line(result.stderr)) == (3, True, True)
    assert [path.name for path in disk.iterdir()] == [name]
    assert (disk / name).read_text() == "of last month"


def test_an_archive_that_does_not_fit_removes_nothing(run_cli: RunCli, tmp_path: Path, disk: Path) -> None:
    """Exit 3; no archive, no receipt, all rows; with room it goes on."""
    ledger = a_ledger(tmp_path / "ledger.db")
    before = totals(run_cli, ledger)

    with room_left(disk / "x", 32):
        result = run_cli(*PRUNE, "--archive", disk / "kept", "--ledger", ledger)

    assert (result.exit_code, "No space left" in result.stderr, is_one_line(result.stderr)) == (3, True, True)
    assert list((disk / "kept").iterdir()) == []
    assert (rows_in(ledger), is_sound(ledger)) == (ROWS, True)
    assert run_cli(*PRUNE, "--archive", disk / "kept", "--ledger", ledger).exit_code == 0
    assert (rows_in(ledger), totals(run_cli, ledger)["cost_usd"]) == (0, before["cost_usd"])


@pytest.mark.parametrize(
    "command",
    [PRUNE, ("prune", "--user", "u3", "--yes"), ("db", "vacuum"), ("db", "backup", "copy.db")],
    ids=lambda command: " ".join(command[:3]),
)
def test_a_ledger_on_a_full_disk_loses_nothing(run_cli: RunCli, disk: Path, command: tuple[str, ...]) -> None:
    """Exit 6 and what to do, or it needed no room; afterwards all is there, and with room the same command succeeds."""
    ledger = a_ledger(disk / "ledger.db")
    before = totals(run_cli, ledger)
    arguments = [disk / part if part == "copy.db" else part for part in command]

    with full_disk(ledger):
        result = run_cli(*arguments, "--ledger", ledger)

    assert result.exit_code == (0 if command[1] == "vacuum" else 6), result.stderr
    if result.exit_code:
        assert "the disk is full" in result.stderr and is_one_line(result.stderr), result.stderr
    assert is_sound(ledger) and totals(run_cli, ledger) == before
    assert not [path.name for path in disk.iterdir() if "unfinished" in path.name or "copy" in path.name]
    done = run_cli(*arguments, "--ledger", ledger)
    assert done.exit_code == 0, done.stderr
    assert is_sound(ledger) and totals(run_cli, ledger)["cost_usd"] == before["cost_usd"]


@pytest.mark.crash
@pytest.mark.parametrize("kilobytes", [16, 64, 128, 256, 512, 768, 1024, 1536, 2048])
@pytest.mark.parametrize("user", [False, True], ids=["prune", "erase"])
def test_a_disk_that_is_full_at_any_moment_of_a_prune(run_cli: RunCli, disk: Path, kilobytes: int, user: bool) -> None:
    """Before, amid and after the roll-ups, the archive, the removal, the rebuilding: totals stay, and it can be repeated."""
    ledger = a_ledger(disk / "ledger.db")
    before = totals(run_cli, ledger)["cost_usd"]
    command = ("prune", "--user", "u3", "--yes") if user else (*PRUNE, "--archive", disk / "kept")

    with room_left(ledger, kilobytes):
        result = run_cli(*command, "--ledger", ledger)

    assert result.exit_code in (0, 3, 6), result.stderr
    if result.exit_code:
        assert is_one_line(result.stderr), result.stderr
    assert is_sound(ledger) and totals(run_cli, ledger)["cost_usd"] == before
    assert not [path.name for path in disk.rglob("*") if "unfinished" in path.name or "erasing" in path.name]
    done = run_cli(*command, "--ledger", ledger)
    assert done.exit_code == 0, done.stderr
    assert is_sound(ledger) and totals(run_cli, ledger)["cost_usd"] == before
    if not user:
        kept = sorted((disk / "kept").iterdir())
        other = disk / "other.db"
        for archive in kept:
            assert run_cli("import", "--source", "llmledger", archive, "--ledger", other).exit_code == 0
        assert totals(run_cli, other)["requests"] == ROWS
