"""How long commands take from the shell, as multiples of a bare interpreter in the same run."""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from tests.benchmarks._figure import Figure

from llmledger.cli._commands import command_names

COMMANDS = {
    ("--version",): "3x",
    ("--help",): "15x",
    ("report", "--help"): "15x",
    ("report", "--json"): "12x",
    ("report",): "15x",
    ("statusline",): "6x",
    ("log",): "",
    ("doctor",): "",
}


def measure(scratch: Path, smoke: bool) -> Iterator[Figure]:
    """Median wall time over rounds in which every command takes its turn, so that noise hits all alike."""
    environ = {**os.environ, "HOME": str(scratch), "LLMLEDGER_HOME": str(scratch / "ledger")}
    python = [sys.executable, "-c", "pass"]
    commands = [args for args in COMMANDS if args[0].startswith("-") or args[0] in command_names()]
    times: dict[tuple[str, ...], list[float]] = {args: [] for args in ((), *commands)}
    for _ in range(1 if smoke else 21):
        for args, measured in times.items():
            line = [sys.executable, "-m", "llmledger", *args] if args else python
            began = time.perf_counter()
            subprocess.run(line, env=environ, stdin=subprocess.DEVNULL, capture_output=True, check=False)
            measured.append(time.perf_counter() - began)
    bare = statistics.median(times.pop(())) * 1000
    for args, measured in times.items():
        name = " ".join(("llmledger", *args))
        yield Figure(name, statistics.median(measured) * 1000, "ms", bare, "python -c pass", COMMANDS[args])
