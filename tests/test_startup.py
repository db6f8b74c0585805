"""What a light command must not load: start-up is the first thing a user feels.

Timings are for `tests/benchmarks`; here the cause of slowness is caught, a heavy module that somebody imported.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from tests.support.unmeasured import unmeasured

from llmledger.cli._commands import command_names

HEAVY = {"httpx", "httpcore", "pydantic", "sqlite_utils", "aiohttp", "uvicorn", "xllamacpp", "anyio", "ssl", "unittest"}
LIGHT = {"rich", "importlib.metadata", *HEAVY}

_LOADED = """
import json, sys
sys.argv = ["llmledger", *sys.argv[1:]]
from llmledger.__main__ import main
try:
    main()
except SystemExit:
    pass
sys.stdout.flush()
sys.stderr.write("\\nLOADED " + json.dumps(sorted(sys.modules)))
"""


def loaded(home: Path, *args: str) -> set[str]:
    """The modules that a command line leaves in a fresh interpreter."""
    done = subprocess.run(
        [sys.executable, "-c", _LOADED, *args],
        capture_output=True,
        text=True,
        check=True,
        stdin=subprocess.DEVNULL,
        env=unmeasured(HOME=str(home)),
    )
    return set(json.loads(done.stderr.rpartition("LOADED ")[2]))


def test_version_is_answered_before_anything_is_imported(home: Path) -> None:
    """Not even Typer."""
    modules = loaded(home, "--version")

    assert not modules & {"typer", "argparse", "dataclasses", *LIGHT}


def test_the_help_imports_no_command(home: Path) -> None:
    """It reads their summaries from the files."""
    modules = loaded(home, "--help")

    assert {name for name in modules if name.startswith("llmledger.cli.") and "._" not in name} == set()
    assert not modules & LIGHT


@pytest.mark.parametrize("command", command_names())
def test_the_help_of_a_command_is_light(home: Path, command: str) -> None:
    """Heavy modules are imported when a command does its work, not when it explains itself."""
    assert not loaded(home, command, "--help") & LIGHT


@pytest.mark.parametrize("args", [("statusline",), ("report", "--json"), ("log", "--json"), ("check", "--max", "1USD")])
def test_reading_commands_stay_light_at_work(home: Path, args: tuple[str, ...]) -> None:
    """They read SQLite and TOML, and nothing else."""
    if args[0] not in command_names():
        pytest.skip(f"{args[0]} does not exist")

    assert not loaded(home, *args) & LIGHT
