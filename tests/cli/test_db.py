"""The ledger file as its user looks after it."""

import json
import sqlite3

import pytest
from tests.support.builders import NOON, a_finished

from llmledger.ledger import open_ledger, open_reader
from llmledger.ledger.migrations import SCHEMA
from llmledger.ledger.upkeep import vacuum


@pytest.fixture
def written(ledger_path):
    """A ledger with three requests."""
    with open_ledger(ledger_path, now=lambda: NOON) as ledger:
        for _ in range(3):
            ledger.record(a_finished(nanousd=2_000_000))
    return ledger_path


def test_the_path_is_printed_also_when_nothing_is_there(run_cli, ledger_path):
    """Data on stdout, and nothing is made."""
    assert run_cli("db", "path").stdout == f"{ledger_path}\n"
    assert not ledger_path.exists()


@pytest.mark.parametrize("command", [("stats",), ("verify",), ("vacuum",), ("backup", "copy.db")])
def test_without_a_ledger_each_command_says_so(run_cli, command, tmp_path):
    """Exit code 6, one line, and no file appears."""
    result = run_cli("db", *command, folder=tmp_path)
    assert result.exit_code == 6
    assert "There is no ledger at" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_backup_is_a_whole_ledger_in_one_file(run_cli, written, tmp_path):
    """It opens by itself and has every row; an older copy is only replaced with --yes."""
    target = tmp_path / "copy.db"
    assert run_cli("db", "backup", target).exit_code == 0
    with open_reader(target) as reader:
        assert reader.connection.execute("SELECT count(*) FROM requests").fetchone() == (3,)
    again = run_cli("db", "backup", target)
    assert again.exit_code == 3 and "is there already" in again.stderr
    assert run_cli("db", "backup", target, "--yes").exit_code == 0
    assert target.stat().st_mode & 0o777 == 0o600


def test_stats_say_what_takes_room(run_cli, written):
    """For people and for machines."""
    assert "3 requests, 2026-11-21 .. 2026-11-21" in run_cli("db", "stats").stdout
    found = json.loads(run_cli("db", "stats", "--json").stdout)
    assert (found["schema"], found["schema_version"]) == ("llmledger.db-stats/1", SCHEMA)
    assert {size["name"]: size["rows"] for size in found["tables"]}["requests"] == 3


def test_vacuum_gives_room_back(run_cli, written):
    """What a prune left free inside the file goes back to the disk."""
    with open_ledger(written, now=lambda: NOON) as ledger:
        for _ in range(40):
            finished = a_finished()
            ledger.store_content(finished.begun.request_id, NOON, prompt="x" * 20_000)
    with sqlite3.connect(written) as connection:
        connection.execute("DELETE FROM contents")
    connection.close()
    before = written.stat().st_size
    assert run_cli("db", "vacuum").exit_code == 0
    assert written.stat().st_size < before - 500_000


def test_a_backup_into_a_folder_is_one_clear_line(run_cli, written, tmp_path):
    """--yes does not replace a folder."""
    for options in ((), ("--yes",)):
        result = run_cli("db", "backup", tmp_path, *options)
        assert (result.exit_code, result.stderr) == (3, f"Error: {tmp_path} is a folder.\nName a file in it.\n")


def test_vacuum_gives_many_pages_back_at_a_step(written):
    """Each step is a transaction and a wait for the disk: hundreds of pages take one of them, not hundreds."""
    with sqlite3.connect(written) as connection:
        connection.execute("INSERT INTO contents VALUES (x'01', 0, ?, NULL)", ("x" * 1_500_000,))
        connection.execute("DELETE FROM contents")
        connection.commit()
        (pages,) = connection.execute("PRAGMA freelist_count").fetchone()
    connection.close()
    steps = []
    vacuum(written, now=lambda: NOON, tick=lambda: steps.append(1))
    assert pages > 300 and len(steps) < 20
    with sqlite3.connect(written) as connection:
        assert connection.execute("PRAGMA freelist_count").fetchone() == (0,)
    connection.close()


def test_verify_is_content_with_a_sound_ledger(run_cli, written):
    """Every promise is named; nothing needs the user."""
    result = run_cli("db", "verify")
    assert result.exit_code == 0, result.stdout
    assert "ok  each cost is the sum of its components" in result.stdout
    assert "!!" not in result.stdout


def test_verify_finds_a_changed_cost(run_cli, written):
    """Somebody removed a trigger and changed history: both are found, with what to do."""
    with sqlite3.connect(written) as connection:
        connection.execute("DROP TRIGGER requests_no_update")
        connection.execute("""UPDATE requests SET components = '{"i":[1,5]}' WHERE id = 2""")
    connection.close()
    result = run_cli("db", "verify")
    assert result.exit_code == 1
    assert "each cost is the sum of its components: broken in 1 place, first requests row 2, request " in result.stdout
    assert "history is protected: broken in 1 place, first triggers of requests" in result.stdout
    as_json = run_cli("db", "verify", "--json")
    problems = [row for row in json.loads(as_json.stdout)["rows"] if row["level"] == "problem"]
    assert as_json.exit_code == 1
    assert [(row["promise"], row["broken"]) for row in problems] == [
        ("each cost is the sum of its components", 1),
        ("history is protected", 1),
    ]
    assert problems[1]["where"] == ["triggers of requests"]


def test_a_file_that_cannot_be_read_at_all_is_exit_6(run_cli, written):
    """The header is gone: one line, no traceback; with --json too."""
    content = bytearray(written.read_bytes())
    content[:16] = bytes(16)
    written.write_bytes(content)
    for options in ((), ("--json",)):
        result = run_cli("db", "verify", *options)
        assert (result.exit_code, result.stdout) == (6, "")
        assert "is not a ledger" in result.stderr
