"""The README's samples: what the program prints for them. `python -m tests.support.readme` writes them anew."""

import os
import re
import tempfile
from pathlib import Path

from tests.support.builders import NOON
from tests.support.cli import run_command
from tests.support.sample import make_sample
from tests.support.source import ROOT

README = ROOT / "README.md"
_SHOWN = re.compile(r"(<!-- shown: llmledger (.+?) -->\n```text\n)(.*?)(```\n)", re.DOTALL)


def shown_blocks(text: str) -> list[tuple[str, str]]:
    """Every command that the README shows the output of, with that output."""
    return [(match[2], match[3]) for match in _SHOWN.finditer(text)]


def output_of(command: str, folder: Path) -> str:
    """What a command prints for the sample ledger, which is made in the folder if it is not there yet."""
    ledger = folder / "sample.db"
    if not ledger.exists():
        make_sample(ledger)
    environ = {"HOME": str(folder), "COLUMNS": "100", "PATH": os.defpath}

    def run(*args: str) -> str:
        return run_command((*args, "--ledger", str(ledger)), environ=environ, now=lambda: NOON, folder=folder).stdout

    if "ID" in command.split():
        listed = run("log", "--json", "--model", "claude-sonnet-4-5", "-n", "1")
        found = re.search(r'"request_id": "(\w+)"', listed)
        command = command.replace("ID", found[1] if found else "missing")
    return run(*command.split())


def main() -> None:
    """Write the samples into the README."""
    with tempfile.TemporaryDirectory() as scratch:
        text = README.read_text(encoding="utf-8")
        README.write_text(
            _SHOWN.sub(lambda match: match[1] + output_of(match[2], Path(scratch)) + match[4], text), encoding="utf-8"
        )


if __name__ == "__main__":
    main()
