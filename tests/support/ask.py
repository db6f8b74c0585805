"""Running a prompt against the scripted provider, with a key that must be found nowhere afterwards."""

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from tests.support.cli import CliResult
from tests.support.upstream import Upstream

KEY = "sk-canary-0123456789abcdef"


class _RunCli(Protocol):
    def __call__(
        self,
        *args: object,
        input: str | bytes | None = None,
        env: Mapping[str, str] | None = None,
        folder: Path | None = None,
    ) -> CliResult: ...


class Ask:
    """Runs a prompt on `openai/gpt-5-mini`, whose address is the scripted provider's."""

    def __init__(self, run_cli: _RunCli, upstream: Upstream) -> None:
        self._run_cli = run_cli
        self._upstream = upstream

    def __call__(
        self,
        *args: object,
        model: str = "openai/gpt-5-mini",
        env: Mapping[str, str] | None = None,
        input: str | bytes | None = None,
        folder: Path | None = None,
    ) -> CliResult:
        """Run `llmledger run -m MODEL ARGS`."""
        given = {"OPENAI_API_KEY": KEY, **(env or {})}
        where = ("run", "-m", model, "--base-url", self._upstream.url)
        return self._run_cli(*where, *args, env=given, input=input, folder=folder)
