"""`doctor`: what it finds in an empty home and in a troubled one, and that it touches nothing."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.conftest import RunCli
from tests.support.builders import NOON
from tests.support.upstream import Upstream, json_answer


def _findings(run_cli: RunCli, **options: object) -> dict[str, list[dict[str, str]]]:
    result = run_cli("doctor", "--json", **options)  # type: ignore[arg-type]
    found: dict[str, list[dict[str, str]]] = {}
    for row in json.loads(result.stdout)["rows"]:
        found.setdefault(row["subject"], []).append(row)
    return found


def test_an_empty_home_is_no_problem(run_cli: RunCli, home: Path) -> None:
    """Exit code 0, every line says what to do if anything, and nothing was made."""
    result = run_cli("doctor")

    assert (result.exit_code, result.stderr) == (0, "")
    assert "--  ledger    none yet at ~/.local/share/llmledger/ledger.db\n" in result.stdout
    assert "!!" not in result.stdout
    assert list(home.iterdir()) == []


def test_it_fits_a_narrow_terminal(run_cli: RunCli) -> None:
    """Lines are broken between words."""
    text = run_cli("doctor", env={"COLUMNS": "60", "OPENAI_API_KEY": "a"}).stdout

    assert [line for line in text.splitlines() if len(line) > 60] == []


def test_keys_are_told_by_name_only(run_cli: RunCli) -> None:
    """Where each was found, never what it is."""
    result = run_cli("doctor", env={"OPENAI_API_KEY": "sk-very-secret"})

    assert "openai (OPENAI_API_KEY)" in result.stdout
    assert "sk-very-secret" not in result.stdout


def test_a_keys_file_that_others_can_read_is_a_problem(run_cli: RunCli, home: Path) -> None:
    """Exit code 1, and the command that mends it."""
    run_cli("config", "set-key", "openai", input="sk-1")
    path = home / ".config" / "llmledger" / "keys.toml"
    path.chmod(0o644)
    result = run_cli("doctor", env={"COLUMNS": "200"})

    assert result.exit_code == 1
    assert f"!!  keys      {path} can be read by others\n              chmod 600 {path}\n" in result.stdout
    assert "1 of" in result.stderr


def test_settings_that_cannot_be_used_do_not_stop_the_rest(run_cli: RunCli, home: Path) -> None:
    """One check fails, the others are told all the same."""
    file = home / ".config" / "llmledger" / "config.toml"
    file.parent.mkdir(parents=True)
    file.write_text("timezon = 'UTC'\n")
    found = _findings(run_cli)

    assert [row["level"] for row in found["settings"]] == ["problem"]
    assert found["settings"][0]["todo"] == "Did you mean 'timezone'?"
    assert found["prices"]


@pytest.mark.parametrize(("now", "level"), [(NOON, "fine"), (datetime(2028, 1, 1, tzinfo=UTC), "note")])
def test_an_old_price_table_is_told(run_cli: RunCli, now: datetime, level: str) -> None:
    """Newer models have no price in it."""
    found = _findings(run_cli, now=now)

    assert [row["level"] for row in found["prices"]] == [level]


def test_a_server_on_this_machine_is_found(run_cli: RunCli, upstream: Upstream) -> None:
    """By the variable that its own users set."""
    upstream.answers(json_answer({"models": [{"name": "qwen3:8b"}]}))
    found = _findings(run_cli, env={"OLLAMA_HOST": upstream.url})

    assert f"Ollama at {upstream.url}, 1 models" in [row["text"] for row in found["local"]]


def test_logs_that_their_tool_deletes_soon_are_told_until_they_are_imported(run_cli: RunCli, home: Path) -> None:
    """Claude Code deletes after 30 days; the tests' present is 2026-11-21, the log was written on 2026-10-25."""
    log = home / ".claude" / "projects" / "p" / "s.jsonl"
    log.parent.mkdir(parents=True)
    log.write_text("{}\n")
    written = datetime(2026, 10, 25, 12, tzinfo=UTC).timestamp()
    os.utime(log, (written, written))
    before = _findings(run_cli)["tools"][0]
    run_cli("import", "--yes")

    assert "deleted after 30 days, oldest 2026-10-25, never imported" in before["text"]
    assert "llmledger import" in before["todo"]
    assert _findings(run_cli)["tools"][0]["text"] == "logs of Claude Code in ~/.claude/projects"
