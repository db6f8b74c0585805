"""What the README and the changelog say is true."""

import re
import tomllib
from pathlib import Path

import pytest
from tests.support.readme import README, output_of, shown_blocks
from tests.support.source import ROOT

from llmledger._version import VERSION
from llmledger.cli._commands import EXIT_CODES, command_names
from llmledger.errors import ExitCode

TEXT = README.read_text(encoding="utf-8")


@pytest.mark.parametrize(("command", "shown"), shown_blocks(TEXT), ids=lambda value: value[:20])
def test_samples_are_what_the_program_prints(command: str, shown: str, tmp_path: Path) -> None:
    """`python -m tests.support.readme` writes them anew."""
    assert _without_hashes(shown) == _without_hashes(output_of(command, tmp_path))


def _without_hashes(text: str) -> str:
    """Without the content hash in a price version, which changes with every price of any model."""
    return re.sub(r"\+[0-9a-f]{12}\b", "", text)


def test_every_command_has_its_paragraph_and_no_other_has() -> None:
    """In the order and under the headings of the help."""
    described = re.findall(r"^\*\*`llmledger (\w+)", TEXT, re.MULTILINE)

    assert described == command_names()


def test_exit_codes_are_told_as_the_program_has_them() -> None:
    """All of them, in one sentence."""
    told = " ".join(TEXT.partition("## Exit codes")[2].split())

    lines = [f"{int(code)} {meaning}" for code, meaning in EXIT_CODES.items()]

    assert [line for line in lines if line not in told] == []
    assert set(EXIT_CODES) == set(ExitCode)


def test_the_changelog_begins_with_this_version() -> None:
    """Released or not."""
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")

    assert re.findall(r"^## (\S+)", changes, re.MULTILINE)[0] == VERSION


def test_the_python_example_runs(capsys: pytest.CaptureFixture[str]) -> None:
    """Word for word."""
    example = re.search(r"```python\n(.*?)```", TEXT, re.DOTALL)
    assert example is not None

    exec(compile(example[1], "README.md", "exec"), {})

    assert "priced" in capsys.readouterr().out


def test_the_set_up_needs_nothing_that_is_not_declared() -> None:
    """The extra and the group that the two commands install exist."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    commands = re.findall(r"```sh\n(.*?)\n```", TEXT, re.DOTALL)

    assert len(commands) == 2
    assert "local" in project["project"]["optional-dependencies"]
    assert "dev" in project["dependency-groups"]
