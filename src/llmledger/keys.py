"""API keys of providers: found in their usual variables, else in a file that only its owner may read.

A key is never printed, logged or put into an error; what people see is where it was found.
"""

import os
import stat
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from llmledger.errors import ConfigError, UsageError


@dataclass(frozen=True, slots=True)
class FoundKey:
    """A key, and where it was found."""

    key: str = field(repr=False)
    source: str
    """The variable's name, or the path of the file."""


def find_key(provider: str, variables: Sequence[str], environ: Mapping[str, str], keys_file: Path) -> FoundKey | None:
    """The key of a provider: from its variables in their order, else from the keys file. Raises ConfigError."""
    for name in variables:
        value = environ.get(name, "").strip()
        if value:
            return FoundKey(value, name)
    stored = read_keys(keys_file).get(provider)
    return FoundKey(stored, str(keys_file)) if stored else None


def read_keys(path: Path) -> dict[str, str]:
    """The stored keys by provider; none when there is no file. Raises ConfigError."""
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as problem:
        # Without the parser's own words: they may quote a key.
        raise ConfigError(f"{path} cannot be read", hint="Store the keys again: llmledger config set-key") from problem
    return {name: key for name, key in found.items() if isinstance(key, str)}


def store_key(path: Path, provider: str, key: str) -> None:
    """Keep a key in the file, readable by its owner alone from the first byte on. Raises UsageError, ConfigError."""
    if not key or not key.isascii() or not key.isprintable() or " " in key:
        raise UsageError("that is no API key: it is empty, or has blanks or odd characters in it")
    import tomli_w

    _replace(path, tomli_w.dumps({**read_keys(path), provider: key}))


def remove_key(path: Path, provider: str) -> bool:
    """Forget a stored key; False when there was none."""
    import tomli_w

    keys = read_keys(path)
    if provider not in keys:
        return False
    del keys[provider]
    _replace(path, tomli_w.dumps(keys))
    return True


def is_private(path: Path) -> bool:
    """Whether nobody but the owner may read a file; true where the system has no such permissions."""
    return os.name == "nt" or not stat.S_IMODE(path.stat().st_mode) & 0o077


def _replace(path: Path, text: str) -> None:
    temporary = path.with_name(f"{path.name}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        temporary.unlink(missing_ok=True)
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as problem:
        raise ConfigError(f"{path} cannot be written: {problem.strerror}") from problem
