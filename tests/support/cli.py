"""Run the whole program inside the test: real argument parsing, real error boundary, captured streams."""

import io
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from llmledger.cli import run
from llmledger.cli._context import Surroundings


@dataclass(frozen=True, slots=True)
class CliResult:
    """What a command line did."""

    exit_code: int
    stdout: str
    stderr: str
    stdout_bytes: bytes


def run_command(
    args: tuple[str, ...],
    *,
    environ: Mapping[str, str],
    now: Callable[[], datetime],
    folder: Path,
    input: str | bytes | None = None,
) -> CliResult:
    """Run `llmledger ARGS` in this process; `input` is piped in, None is an empty pipe."""
    world = Surroundings(environ=dict(environ), now=now, folder=folder)
    stdin = io.TextIOWrapper(io.BytesIO(input.encode() if isinstance(input, str) else input or b""), encoding="utf-8")
    stdout, stderr = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="\n") for _ in range(2))
    with _streams(stdin, stdout, stderr):
        code = run([str(arg) for arg in args], world)
    raw = _written(stdout)
    return CliResult(code, raw.decode(), _written(stderr).decode(), raw)


def _written(stream: io.TextIOWrapper) -> bytes:
    stream.flush()
    buffer: Any = stream.buffer
    return bytes(buffer.getvalue())


@contextmanager
def _streams(stdin: io.TextIOWrapper, stdout: io.TextIOWrapper, stderr: io.TextIOWrapper) -> Iterator[None]:
    kept = sys.stdin, sys.stdout, sys.stderr
    sys.stdin, sys.stdout, sys.stderr = stdin, stdout, stderr
    try:
        yield
    finally:
        sys.stdin, sys.stdout, sys.stderr = kept
