"""What a command may know of the world around it: environment, clock, folders, settings and streams.

Commands ask `surroundings()` and nothing else, so that a test can run the whole program with a clock, an environment
and streams of its own.
"""

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from llmledger.errors import UsageError
from llmledger.paths import Paths, find_paths, find_project_file

if TYPE_CHECKING:
    from llmledger.config import Config


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Surroundings:
    """The world that one command line runs in; everything is looked up once and only when asked for."""

    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    now: Callable[[], datetime] = _utc_now
    """The present, aware, in UTC."""
    folder: Path = field(default_factory=Path.cwd)
    """The working folder."""

    @property
    def color(self) -> str:
        """`auto`, `always` or `never`: what `--color` said."""
        return _color.get()

    @property
    def stdin(self) -> TextIO:
        """Where a piped prompt or file comes from."""
        return sys.stdin

    @property
    def stdout(self) -> TextIO:
        """Where data goes; use `_render.out` for text."""
        return sys.stdout

    @property
    def stderr(self) -> TextIO:
        """Where all that is no data goes; use `_render.note` for text."""
        return sys.stderr

    @cached_property
    def paths(self) -> Paths:
        """The folders and files of this user."""
        return find_paths(self.environ)

    @cached_property
    def config(self) -> "Config":
        """The settings of user and project; raises ConfigError when a file cannot be used."""
        from llmledger.config import load_config

        return load_config(self.paths.config_file, project=find_project_file(self.folder))

    def ledger_path(self, option: Path | None = None) -> Path:
        """The ledger a command works on: `--ledger`, else the user's own."""
        return option.expanduser() if option is not None else self.paths.ledger

    def zone_name(self, option: str | None = None) -> str | None:
        """The time zone asked for: `--timezone`, else LLMLEDGER_TZ, else the settings; None leaves it to the ledger."""
        return option or self.environ.get("LLMLEDGER_TZ") or self.config.timezone

    def pricing_folders(self) -> tuple[Path, ...]:
        """The price tables that exist here: packaged, managed, user's own; later ones win."""
        from llmledger.pricebook import packaged_folder

        layers = (packaged_folder(), self.paths.managed_pricing, self.paths.user_pricing)
        return tuple(folder for folder in layers if folder.is_dir())

    def stdin_is_piped(self) -> bool:
        """Whether something other than a person stands at the other end of standard input."""
        return not self.stdin.closed and not self.stdin.isatty()

    def read_stdin(self) -> str:
        """All of standard input as text; raises UsageError when it is no UTF-8 text."""
        try:
            text = self.stdin.buffer.read().decode()
        except UnicodeDecodeError as problem:
            raise UsageError("standard input is no text (not UTF-8)", hint="Attach files with -a FILE.") from problem
        if "\0" in text:
            raise UsageError("standard input is no text (it has NUL bytes)", hint="Attach files with -a FILE.")
        return text


_current: ContextVar[Surroundings] = ContextVar("surroundings")
_color: ContextVar[str] = ContextVar("color", default="auto")


def surroundings() -> Surroundings:
    """The world of the command line that is running now; the real one when none was given."""
    try:
        return _current.get()
    except LookupError:
        real = Surroundings()
        _current.set(real)
        return real


@contextmanager
def inside(world: Surroundings) -> Iterator[None]:
    """Run what follows in a given world."""
    token, color = _current.set(world), _color.set("auto")
    try:
        yield
    finally:
        _color.reset(color)
        _current.reset(token)


def choose_color(choice: str) -> None:
    """Take the word of `--color` for the command line that is running; raises UsageError."""
    if choice not in ("auto", "always", "never"):
        raise UsageError(f"--color {choice!r} is unknown", hint="Give auto, always or never.")
    _color.set(choice)
