"""`llmledger proxy` as a process of its own, whose OpenAI and Anthropic are the scripted provider."""

import os
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from tests.support.upstream import DEADLINE, Upstream


class Program:
    """`llmledger proxy` as a process of its own."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        until(lambda: any("Listening on " in line for line in self.lines) or process.poll() is not None)
        self.url = (
            self.lines[0].split("Listening on ")[1].split(". Give")[0] if "Listening" in "".join(self.lines) else ""
        )

    def end(self, number: int) -> int:
        """Send a signal and wait for the end."""
        self.process.send_signal(number)
        code = self.process.wait(DEADLINE)
        self._reader.join(DEADLINE)
        return code

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.lines.append(line)


@contextmanager
def program(
    home: Path, upstream: Upstream, *args: str, env: Mapping[str, str] | None = None, settings: str = ""
) -> Iterator[Program]:
    """A proxy whose OpenAI and Anthropic are the scripted provider; `settings` are further lines of its file."""
    folder = home / ".config" / "llmledger"
    folder.mkdir(parents=True, exist_ok=True)
    named = "".join(f'[providers.{name}]\nbase_url = "{upstream.url}"\n' for name in ("openai", "anthropic"))
    (folder / "config.toml").write_text(named + settings)
    command = [sys.executable, "-m", "llmledger", "proxy", "--port", "0", *args]
    environ = {**os.environ, "HOME": str(home), **(env or {})}
    process = subprocess.Popen(command, env=environ, stderr=subprocess.PIPE, text=True, cwd=home)
    try:
        yield Program(process)
    finally:
        process.kill()
        process.wait(DEADLINE)
        assert process.stderr is not None
        process.stderr.close()


def until(condition: Callable[[], object]) -> None:
    """Wait for a condition, with a deadline."""
    deadline = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def query(path: Path, sql: str) -> list[tuple[Any, ...]]:
    """Rows of a ledger."""
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(sql).fetchall()
