"""`config`: seen, changed and refused as a user would."""

import json
import stat
from pathlib import Path

import pytest
from tests.conftest import RunCli


@pytest.fixture
def file(home: Path) -> Path:
    """Where the settings of this home are."""
    return home / ".config" / "llmledger" / "config.toml"


def test_the_path_is_told_without_making_the_file(run_cli: RunCli, file: Path) -> None:
    """One line, for scripts."""
    assert run_cli("config", "path").stdout == f"{file}\n"
    assert not file.exists()


def test_what_is_set_can_be_got(run_cli: RunCli, file: Path) -> None:
    """Texts come out bare."""
    done = run_cli("config", "set", "run.model", "ollama/qwen3:8b")

    assert (done.exit_code, done.stdout, done.stderr) == (0, "", f"run.model is set in {file}\n")
    assert run_cli("config", "get", "run.model").stdout == "ollama/qwen3:8b\n"
    assert run_cli("config", "set", "proxy.port", "4848").exit_code == 0
    assert run_cli("config", "get", "proxy.port").stdout == "4848\n"


def test_what_is_not_set_is_no(run_cli: RunCli) -> None:
    """Exit code 1, so that a script can tell."""
    result = run_cli("config", "get", "run.model")

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("Error: run.model is not set\n")


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (("set", "run.modle", "x"), 3, "Did you mean 'model'?"),
        (("set", "proxy.port", "many"), 3, "proxy.port must be a whole number"),
        (("set", "run model", "x"), 2, "is no name of a setting"),
        (("set-key", "opnai"), 2, "Did you mean openai?"),
        (("set-key", "openai"), 2, "that is no API key"),
        (("set-key", "openai", "--remove"), 1, "there is no stored key of openai"),
        (("set", "run.model"), 2, "Missing argument"),
    ],
)
def test_mistakes_are_one_line_with_their_exit_code(
    run_cli: RunCli, args: tuple[str, ...], code: int, said: str
) -> None:
    """Nothing is written."""
    result = run_cli("config", *args)

    assert (result.exit_code, result.stdout) == (code, "")
    assert said in result.stderr


def test_a_key_is_stored_unseen(run_cli: RunCli, home: Path) -> None:
    """It is named nowhere but in a file for its owner alone."""
    done = run_cli("config", "set-key", "openai", input="sk-secret\n")
    path = home / ".config" / "llmledger" / "keys.toml"
    shown = run_cli("config", "show")

    assert done.exit_code == 0
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert 'keys.openai = "stored"\n' in shown.stdout
    assert "sk-secret" not in done.stdout + done.stderr + shown.stdout + shown.stderr
    assert run_cli("config", "set-key", "openai", "--remove").exit_code == 0
    assert "openai" not in path.read_text()


def test_show_lists_every_setting_and_its_default(run_cli: RunCli) -> None:
    """The path stands on stderr, so that the list can be piped."""
    run_cli("config", "set", "fx.EUR.2026-10-01", "0.92")
    result = run_cli("config", "show")

    assert "run.model = (not set)\n" in result.stdout
    assert 'fx.EUR.2026-10-01 = "0.92"\n' in result.stdout
    assert "config.toml" in result.stderr
    assert json.loads(run_cli("config", "show", "--json").stdout)["fx"] == {"EUR": {"2026-10-01": "0.92"}}


def test_a_broken_file_is_an_error_of_its_own(run_cli: RunCli, file: Path) -> None:
    """Exit code 3, the path and the place in one line."""
    file.parent.mkdir(parents=True)
    file.write_text("timezone = \n")
    result = run_cli("config", "show")

    assert (result.exit_code, result.stdout) == (3, "")
    assert f"Error: {file} is no valid TOML: " in result.stderr
