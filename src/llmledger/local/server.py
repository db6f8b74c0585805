"""The embedded server: llama.cpp in a process of its own, on a free port of loopback, for as long as it is needed.

A process of its own, because a damaged model can abort llama.cpp, and because its log would otherwise land on the
terminal. It has a session of its own too, so Ctrl-C reaches only us; it ends when its stdin ends, so it cannot
outlive us.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from llmledger.errors import BackendMissing, InputFileError

PACKAGE = "xllamacpp"
END_S = 5
_CHILD = Path(__file__).with_name("_child.py")
_LOAD_ERROR = "error loading model: "


def is_available(package: str = PACKAGE) -> bool:
    """Whether the extra that runs local models is installed; nothing is imported."""
    return find_spec(package) is not None


def require_available(package: str = PACKAGE) -> None:
    """Raise BackendMissing, with what to install, when local models cannot be run."""
    if not is_available(package):
        raise BackendMissing(
            "Local models need llama.cpp, which is not installed", hint="Install it: pip install 'llmledger[local]'"
        )


class LocalServer:
    """One running server. Starting it returns at once; `address` waits until the model is loaded."""

    def __init__(self, process: "subprocess.Popen[bytes]", log: IO[bytes], model: Path) -> None:
        self._process = process
        self._log = log
        self._model = model
        self._address: str | None = None

    @classmethod
    def start(
        cls, model: Path, name: str, *, environ: Mapping[str, str], sampling: Mapping[str, float] | None = None
    ) -> Self:
        """Begin to load a model; `name` is what the server calls it. Raises BackendMissing without the extra."""
        require_available()
        log = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the server
        process = subprocess.Popen(
            [sys.executable, "-P", str(_CHILD), str(model.absolute()), name, json.dumps(dict(sampling or {}))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            env=dict(environ),
            start_new_session=True,
        )
        return cls(process, log, model)

    @property
    def address(self) -> str:
        """`http://127.0.0.1:PORT`, once the model is loaded. Raises InputFileError when it cannot be."""
        if self._address is None:
            assert self._process.stdout is not None
            line = self._process.stdout.readline().decode().strip()
            if not line.startswith("http"):
                raise self._failure()
            self._address = line
        return self._address

    @property
    def is_running(self) -> bool:
        """Whether the server's process is there."""
        return self._process.poll() is None

    @property
    def process_id(self) -> int:
        """Of the server's process."""
        return self._process.pid

    def close(self) -> None:
        """End the server; it is gone when this returns."""
        with self._log, self._process as process:
            assert process.stdin is not None
            with suppress(OSError):
                process.stdin.close()
            try:
                process.wait(END_S)
            except subprocess.TimeoutExpired:
                process.kill()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _failure(self) -> InputFileError:
        self._process.wait()
        self._log.seek(0)
        lines = [line.strip() for line in self._log.read().decode(errors="replace").splitlines() if line.strip()]
        causes = [line.partition(_LOAD_ERROR)[2] for line in lines if _LOAD_ERROR in line]
        cause = causes[0] if causes else lines[-1] if lines else f"llama.cpp ended with code {self._process.returncode}"
        return InputFileError(
            f"{self._model.name} cannot be loaded: {cause[:300]}", hint="Fetch it again, or try another model."
        )
