"""Importing an invented tree of Claude Code logs, beside ccusage on the same tree where it is installed.

Set CCUSAGE to its program when it is not on the PATH (npm install ccusage). It reads all logs each time it is asked;
the import reads them once and writes a row for each request.
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tests.benchmarks._figure import Figure
from tests.benchmarks.claude_tree import write_tree

MESSAGES = 1_000_000


def measure(scratch: Path, smoke: bool) -> Iterator[Figure]:
    """First import, second import and a report after it: wall time and peak memory."""
    tree = scratch / "claude"
    size = write_tree(tree, 2_000 if smoke else MESSAGES)
    yield Figure("tree written", size / 1e6, "MB")
    environ = {**os.environ, "LLMLEDGER_HOME": str(scratch / "ledger"), "CLAUDE_CONFIG_DIR": str(tree)}
    ours = [sys.executable, "-m", "llmledger"]
    seconds = memory = 0.0
    ccusage = os.environ.get("CCUSAGE") or shutil.which("ccusage")
    if ccusage:
        seconds, memory = _run([ccusage, "claude", "monthly", "--offline", "--json"], environ)
    name = "ccusage" if ccusage else ""
    first, peak = _run([*ours, "import", "--yes", "--source", "claude_code"], environ)
    yield Figure("first import", first, "s", seconds, name, "1.5x ccusage")
    yield Figure("peak memory of it", peak, "MB", memory, name, "120 MB")
    second, _ = _run([*ours, "import", "--yes", "--source", "claude_code"], environ)
    yield Figure("second import", second, "s", seconds, name, "1 s")
    report, _ = _run([*ours, "report", "--json"], environ)
    yield Figure("report after it", report, "s", seconds, name, "0.3 s")
    if not ccusage:
        yield Figure("ccusage is not installed here: no reference", 0, "")


def _run(command: Sequence[str], environ: Mapping[str, str]) -> tuple[float, float]:
    """Wall seconds and peak resident megabytes of one command and the processes it starts. Raises when it fails."""
    began = time.perf_counter()
    process = subprocess.Popen(command, env=dict(environ), stdout=subprocess.DEVNULL)
    peak = 0.0
    while process.poll() is None:
        peak = max(peak, _resident_mb(process.pid))
        time.sleep(0.05)
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with status {process.returncode}")
    return time.perf_counter() - began, peak


def _resident_mb(pid: int) -> float:
    """Of a process and its children, memory that they share counted once; 0 where the system does not tell."""
    total = 0
    for one in (str(pid), *_children(pid)):
        try:
            text = Path(f"/proc/{one}/smaps_rollup").read_text()
        except OSError:
            continue
        total += int(text.partition("\nPss:")[2].split()[0])
    return total / 1024


def _children(pid: int) -> list[str]:
    try:
        return [child for task in Path(f"/proc/{pid}/task").glob("*/children") for child in task.read_text().split()]
    except OSError:
        return []
