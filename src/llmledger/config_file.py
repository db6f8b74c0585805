"""Change one setting of the user's file and leave the rest, comments too, as it was written."""

import re
import tomllib
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from llmledger.config import parse_config, read_settings
from llmledger.core.toml_text import with_line
from llmledger.errors import ConfigError, UsageError


def set_value(path: Path, name: str, text: str) -> None:
    """Set `section.key` to a TOML value (or a bare text) after checking the whole file. Raises ConfigError."""
    keys = split_name(name)
    settings = read_settings(path)
    value, problem = _first_valid(path, settings, keys, text)
    if problem is not None:
        raise problem
    wanted = _with(settings, keys, value)
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    edited = _edited(before, keys, value)
    if _parsed(edited) != wanted:
        import tomli_w

        edited = tomli_w.dumps(wanted)
    _replace(path, edited)


def value_at(settings: Mapping[str, Any], name: str) -> Any:
    """The value at `section.key`; None when it is not set."""
    found: Any = settings
    for key in split_name(name):
        found = found.get(key) if isinstance(found, Mapping) else None
    return found


def split_name(name: str) -> list[str]:
    """The keys of a dotted name; raises UsageError."""
    keys = name.split(".")
    if not all(re.fullmatch(r"[A-Za-z0-9_:-]+", key) for key in keys):
        raise UsageError(f"{name!r} is no name of a setting", hint="Write it as section.key, such as run.model")
    return keys


def _first_valid(
    path: Path, settings: Mapping[str, Any], keys: Sequence[str], text: str
) -> tuple[Any, ConfigError | None]:
    """The text as TOML if the settings accept that, else as a plain text; with the complaint when neither is."""
    problem = None
    for value in _readings(text):
        try:
            parse_config(_with(settings, keys, value), path)
        except ConfigError as complaint:
            problem = problem or complaint
        else:
            return value, None
    return None, problem


def _readings(text: str) -> list[Any]:
    try:
        value = tomllib.loads(f"value = {text}", parse_float=Decimal)["value"]
    except tomllib.TOMLDecodeError:
        return [text]
    return [value] if isinstance(value, str) else [value, text]


def _with(settings: Mapping[str, Any], keys: Sequence[str], value: Any) -> dict[str, Any]:
    first, *rest = keys
    if not rest:
        return {**settings, first: value}
    inner = settings.get(first, {})
    if not isinstance(inner, Mapping):
        raise UsageError(f"{first} has no settings inside it")
    return {**settings, first: _with(inner, rest, value)}


def _edited(text: str, keys: Sequence[str], value: Any) -> str:
    """The text with one line replaced or added, in the section it belongs to."""
    import tomli_w

    *section, leaf = keys
    return with_line(text, ".".join(section), leaf, tomli_w.dumps({leaf: value}).rstrip("\n"))


def _parsed(text: str) -> dict[str, Any] | None:
    try:
        return tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError:
        return None


def _replace(path: Path, text: str) -> None:
    temporary = path.with_name(f"{path.name}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    except OSError as problem:
        raise ConfigError(f"{path} cannot be written: {problem.strerror}") from problem
