"""One setting changes, the rest stays as the user wrote it."""

from pathlib import Path

import pytest

from llmledger.config import load_config
from llmledger.config_file import set_value, value_at
from llmledger.errors import ConfigError, UsageError

WRITTEN = """# mine
timezone = "UTC"   # home

[run]
# the cheap one
model = "a/b"

[proxy]
port = 1
"""


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("run.model", "c/d", WRITTEN.replace('"a/b"', '"c/d"')),
        ("timezone", "Asia/Kolkata", WRITTEN.replace('"UTC"   # home', '"Asia/Kolkata"')),
        ("currency", "EUR", WRITTEN.replace("# home\n", '# home\ncurrency = "EUR"\n')),
        ("proxy.host", "::1", WRITTEN + 'host = "::1"\n'),
        ("fx.EUR.2026-10-01", "0.92", WRITTEN + "\n[fx.EUR]\n2026-10-01 = 0.92\n"),
    ],
    ids=["replaced", "top", "added at the top", "added to a section", "a new section"],
)
def test_only_the_line_meant_is_changed(tmp_path: Path, name: str, text: str, expected: str) -> None:
    """Comments and order stay."""
    path = tmp_path / "config.toml"
    path.write_text(WRITTEN)

    set_value(path, name, text)

    assert path.read_text() == expected


def test_a_layout_that_cannot_be_edited_by_line_is_written_anew(tmp_path: Path) -> None:
    """What was set before stays set."""
    path = tmp_path / "config.toml"
    path.write_text('run = {model = "a/b"}\ncurrency = "EUR"\n')

    set_value(path, "run.model", "c/d")

    assert (load_config(path).run.model, load_config(path).currency) == ("c/d", "EUR")


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("proxy.port", "many", "proxy.port must be a whole number"),
        ("run.modle", "x", "unknown key 'run.modle'"),
        ("on_ledger_failure", "ignore", "on_ledger_failure must be one of refuse, pass"),
    ],
)
def test_a_value_that_cannot_be_meant_changes_nothing(tmp_path: Path, name: str, text: str, message: str) -> None:
    """The whole file is checked before it is written."""
    path = tmp_path / "config.toml"
    path.write_text(WRITTEN)

    with pytest.raises(ConfigError, match=message):
        set_value(path, name, text)

    assert path.read_text() == WRITTEN


def test_a_name_that_is_none_is_refused(tmp_path: Path) -> None:
    """Also one that goes into a value."""
    path = tmp_path / "config.toml"
    path.write_text(WRITTEN)

    with pytest.raises(UsageError, match="no name of a setting"):
        set_value(path, "run model", "x")
    with pytest.raises(UsageError, match="no settings inside"):
        set_value(path, "timezone.x", "x")


def test_a_value_is_found_by_its_dotted_name() -> None:
    """None when anything on the way is missing."""
    assert value_at({"run": {"model": "a/b"}}, "run.model") == "a/b"
    assert value_at({"run": {}}, "run.model.more") is None
