"""`llmledger` without a command: what is here, the ways in and out."""

from pathlib import Path

import pytest
from tests.conftest import RunCli
from tests.support.upstream import Upstream


def test_it_creates_nothing(run_cli: RunCli, home: Path) -> None:
    """And says that there is nothing yet."""
    result = run_cli()

    assert (result.exit_code, result.stderr) == (0, "")
    assert "Ledger       none yet; it will be ~/.local/share/llmledger/ledger.db\n" in result.stdout
    assert "Claude Code  no logs\n" in result.stdout
    assert "Keys         none\n" in result.stdout
    assert list(home.iterdir()) == []


def test_it_tells_what_it_found(run_cli: RunCli, home: Path, upstream: Upstream) -> None:
    """Logs by their place, servers by their address, keys by their name."""
    (home / ".claude" / "projects").mkdir(parents=True)
    environ = {"OLLAMA_HOST": upstream.url, "OPENAI_API_KEY": "sk-1", "GEMINI_API_KEY": "sk-2"}
    text = run_cli(env=environ).stdout

    assert "Claude Code  logs in ~/.claude/projects\n" in text
    assert f"Ollama       listens at {upstream.url}\n" in text
    assert "openai (OPENAI_API_KEY)" in text
    assert "sk-" not in text


@pytest.mark.parametrize("columns", [60, 80, 100, 120])
def test_it_fits(run_cli: RunCli, columns: int) -> None:
    """At every width that a terminal has."""
    text = run_cli(env={"COLUMNS": str(columns), "OPENAI_API_KEY": "a", "XAI_API_KEY": "b", "GROQ_API_KEY": "c"}).stdout

    assert [line for line in text.splitlines() if len(line) > columns] == []
