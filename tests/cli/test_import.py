"""`llmledger import`: finds, shows a plan, asks; works from a schedule."""

import json
import os
import plistlib
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from tests.support.claude_logs import line, rows, totals
from tests.support.import_cases import FIXTURES

from llmledger.ledger import open_reader


@pytest.fixture
def log(home: Path) -> Path:
    """A session of Claude Code where it keeps them: two answers."""
    path = home / ".claude" / "projects" / "-home-u-ledger" / "s1.jsonl"
    path.parent.mkdir(parents=True)
    path.write_text(line(1, output=100) + line(2, output=200, minute=1))
    return path


@pytest.fixture
def plan_account(home: Path) -> None:
    """The account is a plan."""
    (home / ".claude.json").write_text('{"oauthAccount": {"organizationType": "claude_max"}}')


def test_without_yes_and_without_a_terminal_it_shows_the_plan_and_imports_nothing(
    run_cli: Any, log: Path, ledger_path: Path
) -> None:
    """2 requests for 20 x $3/M + 300 x $15/M = $0.00456."""
    result = run_cli("import")

    assert result.exit_code == 0
    assert "claude_code" in result.stdout
    assert "$0.00456" in result.stdout
    assert "--yes" in result.stderr
    assert not ledger_path.exists()


def test_with_yes_it_imports_from_a_schedule(run_cli: Any, log: Path, ledger_path: Path) -> None:
    """No terminal, no question; a second time there is nothing."""
    first, second = run_cli("import", "--yes", "--json"), run_cli("import", "--yes", "--json")

    assert [json.loads(result.stdout)["rows"][0]["added"] for result in (first, second)] == [2, 0]
    assert totals(ledger_path)[0] == 2


def test_a_ledger_that_an_import_makes_belongs_to_the_zone_of_its_machine(
    run_cli: Any, log: Path, home: Path, ledger_path: Path
) -> None:
    """For good, as one that a run makes; restored lines too. A zone that there is not makes no ledger."""
    wrong = run_cli("import", "--yes", env={"LLMLEDGER_TZ": "Europe/Berln"})
    assert (wrong.exit_code, "Europe/Berlin" in wrong.stderr, ledger_path.exists()) == (2, True, False)

    run_cli("import", "--yes", env={"TZ": "Asia/Kolkata"})
    kept, other = home / "kept.jsonl", home / "other.db"
    run_cli("export", "-o", kept)
    run_cli("import", "--source", "llmledger", kept, "--ledger", other, env={"TZ": "Europe/Berlin"})

    zones = []
    for path in (ledger_path, other):
        with open_reader(path) as reader:
            zones.append((reader.home_zone, *reader.connection.execute("SELECT count(*) FROM requests").fetchone()))
    assert zones == [("Asia/Kolkata", 2), ("Europe/Berlin", 2)]


def test_a_plans_value_is_never_shown_as_money_spent(
    run_cli: Any, log: Path, plan_account: None, ledger_path: Path
) -> None:
    """ccusage#1280: subscription users see fake dollars."""
    planned = json.loads(run_cli("import", "--dry-run", "--json").stdout)["rows"][0]
    table = run_cli("import", "--dry-run").stdout
    run_cli("import", "--yes")

    assert (
        planned["cost_usd"],
        planned["plan_value_usd"],
        planned["billing"],
    ) == ("0", "0.00456", {"subscription": 2})
    assert "No money was spent" in table
    assert rows(ledger_path, "SELECT DISTINCT billing FROM requests_v1") == [("subscription",)]
    report = json.loads(run_cli("report", "--json").stdout)
    assert (report["totals"]["cost_usd"], report["totals"]["plan_value_usd"]) == ("0", "0.00456")


def test_how_a_source_is_paid_can_be_said_once(run_cli: Any, log: Path, ledger_path: Path) -> None:
    """It is remembered for the next time."""
    run_cli("import", "--yes", "--billing", "api")
    log.write_text(log.read_text() + line(3, minute=2))
    run_cli("import", "--yes")

    assert rows(ledger_path, "SELECT DISTINCT billing FROM requests_v1") == [("api",)]


def test_settings_say_how_a_source_is_paid(run_cli: Any, log: Path, home: Path, ledger_path: Path) -> None:
    """[billing] of the config."""
    config = home / ".config" / "llmledger" / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text('[billing]\nclaude_code = "subscription"\n')
    run_cli("import", "--yes")

    assert rows(ledger_path, "SELECT DISTINCT billing FROM requests_v1") == [("subscription",)]


def test_an_unknown_way_to_pay_is_refused(run_cli: Any, log: Path) -> None:
    """With those that there are."""
    result = run_cli("import", "--yes", "--billing", "cash")

    assert result.exit_code == 2
    assert "api, subscription, local" in result.stderr


def test_a_named_source_reads_the_files_given(run_cli: Any, ledger_path: Path) -> None:
    """OpenRouter's export is downloaded by hand; folders are searched."""
    by_file = run_cli(
        "import", "--yes", "--source", "openrouter_activity", FIXTURES / "openrouter_activity/activity.csv"
    )
    by_folder = run_cli("import", "--yes", "--source", "cursor_csv", FIXTURES / "cursor_csv", "--json")

    assert by_file.exit_code == 0
    assert json.loads(by_folder.stdout)["rows"][0]["added"] == 5


def test_a_file_alone_is_recognised(run_cli: Any, ledger_path: Path) -> None:
    """By what it begins with."""
    result = run_cli("import", "--yes", "--json", FIXTURES / "litellm_spendlogs/array.json")

    assert json.loads(result.stdout)["rows"][0]["source"] == "litellm_spendlogs"


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (("--source", "nope", "x"), 2, "no log source 'nope'"),
        (("gone.jsonl",), 2, "no such file"),
        ((".",), 2, "is a folder"),
        (("--source", "claude_code", "gone"), 2, "no such file"),
        (("--since", "never"), 2, "never"),
        (("note.txt",), 3, "no log source recognises"),
        (("--source", "claude_code", "note.txt", "--yes"), 3, "could be imported"),
    ],
)
def test_bad_input_is_one_clear_line(run_cli: Any, home: Path, args: tuple[str, ...], code: int, words: str) -> None:
    """With the right exit code."""
    (home / "note.txt").write_text("nothing but words\n")
    result = run_cli("import", *args)

    assert (code, True) == (result.exit_code, words in result.stderr)
    assert "Traceback" not in result.stderr


def test_nothing_found_is_said_with_the_way_on(run_cli: Any, home: Path, ledger_path: Path) -> None:
    """A folder without logs is named."""
    (home / ".claude" / "projects").mkdir(parents=True)
    result = run_cli("import", "--yes")
    one = run_cli("import", "--yes", "--source", "codex_cli")

    assert "holds no logs" in result.stderr
    assert "--source NAME PATH" in result.stderr
    assert "no logs of codex_cli" in one.stderr
    assert not ledger_path.exists()


def test_problems_are_listed_without_their_text(run_cli: Any, log: Path) -> None:
    """Where and why."""
    empty = run_cli("import", "--problems")
    log.write_text(log.read_text() + '{"usage":"my secret\n')
    run_cli("import", "--yes")
    table, envelope = run_cli("import", "--problems"), run_cli("import", "--problems", "--json")

    assert "Nothing is in quarantine" in empty.stderr
    assert "not JSON" in table.stdout
    assert "secret" not in table.stdout + envelope.stdout
    assert str(log) == json.loads(envelope.stdout)["rows"][0]["path"]


def test_since_leaves_out_what_is_older(run_cli: Any, log: Path, ledger_path: Path) -> None:
    """The second answer came a minute later, at 12:01."""
    run_cli("import", "--yes", "--since", "2026-11-01T12:00:30Z")

    assert totals(ledger_path)[0] == 1


def test_an_unpriced_model_shows_as_unknown_and_not_as_zero(run_cli: Any, log: Path) -> None:
    """ccusage prints $0.00."""
    log.write_text(line(1).replace("claude-sonnet-4-5", "stealth-9"))
    result = run_cli("import", "--dry-run")

    assert "—" in result.stdout
    assert "1 requests that have no price" in result.stdout


def test_use_that_may_be_on_a_plan_is_told_of_before_it_counts_as_money(run_cli: Any, log: Path) -> None:
    """ccusage#1280: and the note goes once it is said how it is paid."""
    asked = run_cli("import", "--dry-run")
    told = run_cli("import", "--dry-run", "--billing", "subscription")

    assert "Nothing tells how claude_code is paid" in asked.stderr
    assert "import --source claude_code --billing subscription" in asked.stderr
    assert "Nothing tells" not in told.stderr
    assert "No money was spent" in told.stdout


def test_a_plan_does_not_send_to_a_list_that_is_not_there_yet(run_cli: Any, log: Path) -> None:
    """The import makes it."""
    log.write_text(log.read_text() + '{"usage":"\n')
    result = run_cli("import", "--dry-run")

    assert "1 lines or files cannot be read" in result.stderr
    assert "--problems" not in result.stderr


def test_sixty_columns_keep_source_new_and_cost(run_cli: Any, log: Path) -> None:
    """Columns go by priority, numbers are never cut."""
    result = run_cli("import", "--dry-run", env={"COLUMNS": "60"})

    assert all(len(one) <= 60 for one in result.stdout.splitlines())
    assert "$0.00456" in result.stdout


def test_a_schedule_is_printed_for_each_scheduler(run_cli: Any) -> None:
    """It calls the import that asks nothing."""
    cron, systemd, launchd = (
        run_cli("import", "--print-schedule", kind).stdout for kind in ("cron", "systemd", "launchd")
    )

    assert "import --yes" in cron.splitlines()[1]
    assert cron.splitlines()[1].startswith("17 * * * * ")
    assert "OnCalendar=hourly" in systemd
    assert plistlib.loads(launchd.encode())["ProgramArguments"][-2:] == ["import", "--yes"]


def test_watching_follows_what_is_appended_until_ctrl_c(home: Path, log: Path, ledger_path: Path) -> None:
    """A real process, a real signal."""
    environ = {**os.environ, "HOME": str(home)}
    command = [sys.executable, "-m", "llmledger", "import", "--yes", "--watch"]
    process = subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    _until(lambda: ledger_path.exists() and _count(ledger_path) == 2)
    with log.open("a") as stream:
        stream.write(line(3, output=50, minute=2))
    _until(lambda: _count(ledger_path) == 3)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=120)

    assert process.returncode == 0
    assert "claude_code: 1 new" in errors


def _count(ledger: Path) -> int:
    import sqlite3

    try:
        return int(rows(ledger, "SELECT count(*) FROM requests")[0][0])
    except sqlite3.OperationalError:
        return 0


def _until(is_met: Any) -> None:
    deadline = time.monotonic() + 60
    while not is_met():
        assert time.monotonic() < deadline, "waited for nothing"
        time.sleep(0.02)


def _answering(home: Path, *answers: str) -> str:
    """Run `llmledger import` on a terminal, answer its questions in order, and return what it showed."""
    import pty

    ours, theirs = pty.openpty()
    environ = {**os.environ, "HOME": str(home), "TERM": "xterm", "NO_COLOR": "1"}
    command = [sys.executable, "-m", "llmledger", "import"]
    process = subprocess.Popen(command, env=environ, stdin=theirs, stdout=theirs, stderr=theirs, close_fds=True)
    os.close(theirs)
    os.write(ours, "".join(f"{answer}\n" for answer in answers).encode())
    shown = b""
    while True:
        try:
            chunk = os.read(ours, 4096)
        except OSError:
            break
        if not chunk:
            break
        shown += chunk
    os.close(ours)
    assert process.wait(60) == 0
    return shown.decode(errors="replace")


def test_a_person_is_asked_how_it_is_paid_and_whether_to_import(home: Path, log: Path, ledger_path: Path) -> None:
    """Once: the answer is remembered; a second time there is nothing new to ask about."""
    first = _answering(home, "subscription", "y")
    again = _answering(home)

    assert "How is claude_code paid?" in first
    assert "Import this?" in first
    assert rows(ledger_path, "SELECT billing, count(*) FROM requests_v1 GROUP BY 1") == [("subscription", 2)]
    assert "There is nothing new." in again
    assert "paid?" not in again


def test_a_person_may_say_no(home: Path, log: Path, ledger_path: Path) -> None:
    """Nothing is made."""
    shown = _answering(home, "", "n")

    assert "Import this?" in shown
    assert not ledger_path.exists()
