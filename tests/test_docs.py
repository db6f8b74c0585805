"""What the README and the changelog say is true."""

import re
import sqlite3
import tomllib
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.support.readme import README, output_of, shown_blocks
from tests.support.source import FILES, ROOT
from tests.support.upstream import Upstream, json_answer

from llmledger._version import VERSION
from llmledger.cli._commands import EXIT_CODES, command_names
from llmledger.config import parse_config
from llmledger.errors import ExitCode
from llmledger.operations.attribute import DIMENSIONS

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


def test_the_python_examples_run(
    capsys: pytest.CaptureFixture[str], ledger_path: Path, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Word for word, one after the other; what they record is in the ledger, the SDK's request too."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-made-up-0123456789")
    monkeypatch.setenv("OPENAI_BASE_URL", f"{upstream.url}/v1")
    upstream.answers(json_answer({"id": "c", "choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 4}}))
    names: dict[str, Any] = {}
    examples = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    assert len(examples) == 2

    for example in examples:
        exec(compile(example, "README.md", "exec"), names)
    names["client"].chat.completions.create(model="gpt-5-mini", messages=[])
    names["client"].close()

    # 3,000 x $3/M + 9,000 x $0.30/M + 800 x $15/M
    assert capsys.readouterr().out == "0.0237 priced\n"
    with closing(sqlite3.connect(ledger_path)) as connection:
        rows = connection.execute("SELECT project, input_tokens, output_tokens FROM requests_v1").fetchall()
    assert rows == [("acme", 12_000, 800), (None, 3, 4)]


def test_the_settings_shown_are_settings() -> None:
    """The file can be read, and each variable is one that the program looks for."""
    (example,) = re.findall(r"```toml\n(.*?)```", TEXT, re.DOTALL)
    config = parse_config(tomllib.loads(example), README)
    names = {*re.findall(r"`(LLMLEDGER_\w+)`", TEXT), *(f"LLMLEDGER{end}" for end in re.findall(r"`(_[A-Z]+)`", TEXT))}
    dimensions = {f"LLMLEDGER_{name.upper()}" for name in DIMENSIONS}
    said = "".join(path.read_text(encoding="utf-8") for path in FILES)

    assert (config.timezone, config.retention, config.billing) == (
        "Europe/Berlin",
        {"content": "30d"},
        {"anthropic": "subscription"},
    )
    assert len(config.map) == 1
    assert dimensions <= names
    assert [name for name in names - dimensions if name not in said] == []


def test_the_set_up_needs_nothing_that_is_not_declared() -> None:
    """The extra and the group that the two commands install exist."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    commands = re.findall(r"```sh\n(.*?)\n```", TEXT, re.DOTALL)

    assert len(commands) == 2
    assert "local" in project["project"]["optional-dependencies"]
    assert "dev" in project["dependency-groups"]
