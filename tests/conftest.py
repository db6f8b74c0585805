"""What every test has: an empty home, a fixed clock, a ledger path, a loopback server, the whole program to run."""

import os
import shutil
import socket
import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

import httpx
import pytest
from hypothesis import HealthCheck, settings
from tests.support.ask import Ask
from tests.support.builders import NOON
from tests.support.cli import CliResult, run_command
from tests.support.llamacpp import llamacpp, smollm2_file
from tests.support.upstream import DEADLINE, Upstream

__all__ = ["llamacpp", "smollm2_file"]
"""Fixtures of the whole run that live in files of their own."""

# Five seconds are too few for an answer on a machine that others keep busy, and nobody names a limit at each call.
for _part in ("connect", "read", "write", "pool"):
    setattr(httpx._config.DEFAULT_TIMEOUT_CONFIG, _part, DEADLINE)

# The gate of a change tries the same examples every day, so that only the change can break it; `.ci/full` tries new ones.
settings.register_profile("house", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
settings.register_profile("thorough", settings.get_profile("house"), derandomize=False)
settings.load_profile("house")

_OF_THE_USER = (
    "LLMLEDGER_",
    "XDG_",
    "LLM_",
    "OLLAMA_",
    "CODEX_",
    "CLAUDE_",
    "NO_COLOR",
    "FORCE_COLOR",
    "COLUMNS",
    "TERM",
)
_SECRET_ENDINGS = ("_API_KEY", "_TOKEN", "_BASE_URL", "_PROXY", "_proxy")


_MEMORY = Path("/dev/shm")
_ROOM = 2 * 1024**3


def pytest_configure(config: pytest.Config) -> None:
    """Put the temporary folders into memory where there is room: what dies here is a process and never the machine.

    A disk that others keep busy once let a test wait 20 s for an `fsync`, and most of the suite's time was such waiting.
    """
    _compile_once(config)
    if os.access(_MEMORY, os.W_OK) and shutil.disk_usage(_MEMORY).free >= _ROOM:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(_MEMORY))


def _compile_once(config: pytest.Config) -> None:
    """Keep compiled modules in pytest's own cache where none may be written beside the sources.

    Hundreds of processes are started, and each would compile everything that it imports: half of its time.
    """
    if os.environ.pop("PYTHONDONTWRITEBYTECODE", None) and config.pluginmanager.has_plugin("cacheprovider"):
        os.environ["PYTHONPYCACHEPREFIX"] = sys.pycache_prefix = str(config.cache.mkdir("compiled"))
        sys.dont_write_bytecode = False


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whatever is shown by examples that Hypothesis finds is a law."""
    for item in items:
        if getattr(getattr(item, "obj", None), "is_hypothesis_test", False):
            item.add_marker("law")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Measure no coverage where a test proves by sheer number what others cover: it would take three times as long."""
    if not item.get_closest_marker("unmeasured"):
        return (yield)
    tracer = sys.gettrace()
    sys.settrace(None)
    try:
        return (yield)
    finally:
        sys.settrace(tracer)


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty home folder; nothing of the person who runs the tests is seen."""
    folder = tmp_path_factory.mktemp("home")
    for name in list(os.environ):
        if name.startswith(_OF_THE_USER) or name.endswith(_SECRET_ENDINGS):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("USERPROFILE", str(folder))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(autouse=True)
def only_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test talks to another machine."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        host = address[0] if isinstance(address, tuple) else address
        if isinstance(address, tuple) and host not in ("127.0.0.1", "::1", "localhost"):
            raise OSError(f"a test tried to reach {host}")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture
def now() -> datetime:
    """The present."""
    return NOON


@pytest.fixture
def clock(now: datetime) -> Callable[[], datetime]:
    """A clock that stands still."""
    return lambda: now


@pytest.fixture
def ledger_path(home: Path) -> Path:
    """Where the ledger of this home is; nothing is there yet."""
    return home / ".local" / "share" / "llmledger" / "ledger.db"


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    """A provider on loopback."""
    server = Upstream()
    yield server
    server.close()


class RunCli(Protocol):
    """Runs `llmledger ARGS` in the test's home."""

    def __call__(
        self,
        *args: object,
        input: str | bytes | None = None,
        env: Mapping[str, str] | None = None,
        now: datetime | None = None,
        folder: Path | None = None,
    ) -> CliResult: ...


@pytest.fixture
def run_cli(home: Path, now: datetime) -> RunCli:
    """Run the whole program in process: `run_cli("report", "--json", env={...})`."""
    present = now

    def run(
        *args: object,
        input: str | bytes | None = None,
        env: Mapping[str, str] | None = None,
        now: datetime | None = None,
        folder: Path | None = None,
    ) -> CliResult:
        environ = {"HOME": str(home), "PATH": "/usr/bin:/bin", **(env or {})}
        return run_command(
            tuple(str(arg) for arg in args),
            environ=environ,
            now=lambda: now or present,
            folder=folder or home,
            input=input,
        )

    return run


@pytest.fixture
def ask(run_cli: RunCli, upstream: Upstream) -> Ask:
    """Run a prompt against the scripted provider: `ask("hi", "--json")`."""
    return Ask(run_cli, upstream)
