"""`llmledger proxy` as a process of its own, before one provider that stands for OpenAI."""

import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

DEADLINE_S = 60.0
CHAT = "/openai/v1/chat/completions"


class ProxyProcess:
    """A proxy that listens; what it says is kept."""

    def __init__(self, process: "subprocess.Popen[str]", ledger: Path) -> None:
        """Wait until it listens."""
        self.process = process
        self.ledger = ledger
        self.said: list[str] = []
        assert process.stderr is not None
        while "Listening on http://" not in (line := process.stderr.readline()):
            self.said.append(line)
            assert line, "".join(self.said)
        self.url = line.split("Listening on ")[1].split(". Give")[0]
        self.address = ("127.0.0.1", int(self.url.rpartition(":")[2]))
        self._listener = threading.Thread(target=self._listen, args=(process.stderr,))
        self._listener.start()

    def end(self, number: int) -> int:
        """Send a signal, wait for the end, and return the exit code."""
        self.process.send_signal(number)
        return self.process.wait(DEADLINE_S)

    def processes(self) -> list[int]:
        """Its process ids: its own first, then its workers'."""
        own = self.process.pid
        with contextlib.suppress(OSError):
            return [own, *map(int, Path(f"/proc/{own}/task/{own}/children").read_text().split())]
        return [own]

    def kill(self) -> None:
        """SIGKILL to all its processes, before any hears of another's end."""
        for process_id in self.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(process_id, signal.SIGKILL)

    def close(self) -> None:
        """The process has ended: hear the rest of what it said."""
        self._listener.join()
        assert self.process.stderr is not None
        self.process.stderr.close()

    def health(self) -> dict[str, Any]:
        """What `/healthz` tells."""
        with urllib.request.urlopen(f"{self.url}/healthz", timeout=DEADLINE_S) as answer:
            told: dict[str, Any] = json.load(answer)
        return told

    def wait_until_well(self) -> None:
        """Until it says that its ledger can be written."""
        deadline = time.monotonic() + DEADLINE_S
        while self.health()["ledger"] != "ok":
            assert time.monotonic() < deadline, self.health()
            time.sleep(0.05)

    def memory_mb(self) -> float:
        """Memory that is resident, of all its processes."""
        return sum(map(memory_mb, self.processes()))

    def handles(self) -> int:
        """Files and sockets that are open."""
        return sum(1 for _ in Path(f"/proc/{self.process.pid}/fd").iterdir())

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """An answer of the ledger."""
        with contextlib.closing(sqlite3.connect(self.ledger, timeout=DEADLINE_S)) as connection:
            return connection.execute(sql).fetchall()

    def wait_for(self, sql: str, wanted: int) -> int:
        """The number that a query answers, once it is so large; rows are written after clients were served."""
        deadline, found = time.monotonic() + DEADLINE_S, -1
        while found < wanted and time.monotonic() < deadline:
            ((found,),) = self.rows(sql)
            time.sleep(0.02)
        return found

    def _listen(self, stream: Iterable[str]) -> None:
        self.said.extend(stream)


@contextmanager
def proxy_process(home: Path, provider_port: int, *args: str) -> Iterator[ProxyProcess]:
    """A proxy in this home; killed at the end, if it still runs then."""
    settings = home / ".config" / "llmledger"
    settings.mkdir(parents=True, exist_ok=True)
    (settings / "config.toml").write_text(f'[providers.openai]\nbase_url = "http://127.0.0.1:{provider_port}"\n')
    command = [sys.executable, "-m", "llmledger", "proxy", "--port", "0", *args]
    environ = {**os.environ, "HOME": str(home), "USERPROFILE": str(home)}
    process = subprocess.Popen(command, env=environ, stderr=subprocess.PIPE, text=True, cwd=home)
    with contextlib.ExitStack() as ends:
        ends.callback(process.wait)
        ends.callback(process.kill)
        proxy = ProxyProcess(process, home / ".local" / "share" / "llmledger" / "ledger.db")
        ends.pop_all()
    try:
        yield proxy
    finally:
        proxy.kill()
        process.wait()
        proxy.close()


def memory_mb(pid: int) -> float:
    """Resident memory of a process; 0 when it has ended."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def cpu_s(pid: int) -> float:
    """Seconds of processor time that a process has used; 0 when it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
