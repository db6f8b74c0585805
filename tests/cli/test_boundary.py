"""The error boundary, seen through the whole program."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from tests.conftest import RunCli
from tests.support.unmeasured import unmeasured
from typer.main import get_command

from llmledger.cli._boundary import BoundedGroup
from llmledger.cli._commands import EXIT_CODES, command_names, summary
from llmledger.cli._root import build
from llmledger.errors import CredentialsError, ExitCode, LedgerError


def a_program(failure: BaseException) -> typer.main.TyperGroup:
    """A root command whose only command fails."""
    app = typer.Typer(add_completion=False, rich_markup_mode=None)

    @app.callback(cls=BoundedGroup)
    def root() -> None:
        """Has commands."""

    @app.command()
    def work() -> None:
        sys.stdout.write("so far\n")
        raise failure

    return get_command(app)


@pytest.mark.parametrize(
    ("failure", "code"),
    [
        (CredentialsError("no key for openai", hint="Set OPENAI_API_KEY."), 4),
        (KeyboardInterrupt(), 130),
        (typer.Abort(), 130),
        (typer.Exit(1), 1),
        (LedgerError("no"), 2),
    ],
    ids=["credentials", "ctrl-c", "abort", "exit", "plain"],
)
def test_an_error_ends_in_its_exit_code(failure: BaseException, code: int) -> None:
    """Each kind of failure has one code, told by the root command itself."""
    assert a_program(failure).main(["work"], standalone_mode=False) == code


def test_an_error_is_one_line_and_a_hint_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    """What was written before stays on stdout."""
    a_program(CredentialsError("no key for openai", hint="Set OPENAI_API_KEY.")).main(["work"], standalone_mode=False)

    assert capsys.readouterr() == ("so far\n", "Error: no key for openai\nSet OPENAI_API_KEY.\n")


def test_a_bug_is_not_hidden() -> None:
    """It comes out as a traceback of the interpreter, which shows no values of variables."""
    with pytest.raises(ZeroDivisionError):
        a_program(ZeroDivisionError()).main(["work"], standalone_mode=False)


@pytest.mark.parametrize(
    ("args", "line"),
    [
        (["reprot"], "Error: no command 'reprot'\nDid you mean 'report'?\n"),
        (["--vresion"], "Error: No such option: --vresion\nDid you mean --version?\n"),
        (["xyzzy"], "Error: no command 'xyzzy'\nSee: llmledger --help\n"),
    ],
    ids=["command", "option", "nothing near"],
)
def test_a_typing_error_gets_a_suggestion(run_cli: RunCli, args: list[str], line: str) -> None:
    """Usage errors are one line, a hint and exit code 2."""
    result = run_cli(*args)

    assert (result.exit_code, result.stdout, result.stderr) == (2, "", line)


def test_the_help_lists_every_command_and_every_exit_code(run_cli: RunCli) -> None:
    """So that nobody has to look elsewhere."""
    result = run_cli("--help")

    assert result.exit_code == 0
    assert [name for name in command_names() if f"  {name}" not in result.stdout] == []
    text = " ".join(result.stdout.split())
    assert [code for code in ExitCode if f"{int(code)} {EXIT_CODES[code]}" not in text] == []


@pytest.mark.parametrize("name", command_names())
def test_every_command_has_a_summary_and_help(run_cli: RunCli, name: str) -> None:
    """The summary is read from its file without importing it."""
    result = run_cli(name, "--help")

    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.startswith(f"Usage: llmledger {name}")
    assert summary(name).endswith(".")


@pytest.mark.parametrize("columns", [60, 80, 100])
def test_a_help_cuts_no_summary_and_no_line(home: Path, columns: int) -> None:
    """Of every command and sub-command: what does not fit goes on in the next line."""
    script = "import sys\nfrom llmledger.cli import run\nfor words in sys.argv[1:]: run([*words.split(), '--help'])\n"
    groups = [name for name in command_names() if getattr(build(name), "commands", {})]
    children = [f"{name} {child}" for name in groups for child in build(name).commands]  # type: ignore[attr-defined]
    done = subprocess.run(
        [sys.executable, "-c", script, "", *command_names(), *children],
        capture_output=True,
        text=True,
        check=True,
        env=unmeasured(HOME=str(home), COLUMNS=str(columns)),
    )
    lines = done.stdout.splitlines()

    assert [line for line in lines if len(line) > columns] == []
    assert [line for line in lines if re.search(r"\w\.\.\.$", line)] == []
    assert len(children) > 20


def test_a_reader_that_goes_away_is_no_error(home: Path) -> None:
    """`llmledger --help | head -1` says nothing on stderr."""
    command = f"{sys.executable} -m llmledger --help | true"
    done = subprocess.run(["bash", "-c", f"set -o pipefail; {command}"], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")


def test_an_unknown_colour_choice_is_refused(run_cli: RunCli) -> None:
    """Every command takes `--color auto|always|never`."""
    result = run_cli("doctor", "--color", "sometimes")

    assert (result.exit_code, result.stderr.splitlines()[0]) == (2, "Error: --color 'sometimes' is unknown")
