"""What the shell offers: commands, options, models and the names in the ledger."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.support.completions import FILES, FOLDER, script
from tests.support.sample import make_sample

from llmledger.cli._commands import command_names


def offered(home: Path, line: str) -> list[str]:
    """What bash would offer at the end of a line, asked as its script asks."""
    words = line.split(" ")
    environ = {
        **os.environ,
        "HOME": str(home),
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(words) - 1),
        "_LLMLEDGER_COMPLETE": "complete_bash",
    }
    code = "import sys; sys.argv = ['llmledger']; from llmledger.__main__ import main; main()"
    done = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=True)
    return done.stdout.split()


@pytest.mark.parametrize("shell", FILES)
def test_the_scripts_are_those_of_this_program(shell: str) -> None:
    """`python -m tests.support.completions` writes them anew."""
    assert (FOLDER / FILES[shell]).read_text(encoding="utf-8") == script(shell)


def test_commands_are_offered(home: Path) -> None:
    """All of them, or those that begin as typed."""
    assert set(command_names()) <= set(offered(home, "llmledger "))
    assert offered(home, "llmledger stat") == ["statusline"]


def test_options_are_offered(home: Path) -> None:
    """Of the command that was typed."""
    assert "--period" in offered(home, "llmledger report --p")


def test_models_are_offered(home: Path) -> None:
    """First who serves them, then what they serve."""
    assert "openai/" in offered(home, "llmledger run -m op")
    assert "openai/gpt-5-mini" in offered(home, "llmledger run -m openai/gpt-5")


def test_names_in_the_ledger_are_offered(home: Path, ledger_path: Path) -> None:
    """Projects and models that have requests; before there is a ledger, none, and none is made."""
    assert offered(home, "llmledger report --project ") == []
    assert not ledger_path.exists()

    make_sample(ledger_path)

    assert offered(home, "llmledger report --project s") == ["search", "site"]
    assert "openrouter/stealth/lark-2" in offered(home, "llmledger report --model openrouter/stealth/")


def test_a_broken_ledger_offers_nothing(home: Path, ledger_path: Path) -> None:
    """The command itself will tell."""
    ledger_path.parent.mkdir(parents=True)
    ledger_path.write_text("no ledger")

    assert offered(home, "llmledger report --project ") == []
