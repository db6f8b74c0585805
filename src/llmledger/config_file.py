"""Change one setting of the user's file and leave the rest, comments too, as it was written."""

import re
import tomllib
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from llmledger.config import parse_config, read_settings
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
    line = tomli_w.dumps({leaf: value}).rstrip("\n")
    lines = text.splitlines()
    start, end = _section(lines, ".".join(section))
    if start is None:
        return "\n".join([*lines, *([""] if lines else []), f"[{'.'.join(section)}]", line]) + "\n"
    for number in range(start, end):
        if re.match(rf"\s*{re.escape(leaf)}\s*=", lines[number]):
            lines[number] = line
            return "\n".join(lines) + "\n"
    while end > start and not lines[end - 1].strip():
        end -= 1
    return "\n".join([*lines[:end], line, *lines[end:]]) + "\n"


def _section(lines: Sequence[str], name: str) -> tuple[int | None, int]:
    """First line and end of a section's body; the unnamed one stands before all headers."""
    headers = [number for number, line in enumerate(lines) if re.match(r"\s*\[", line)]
    if not name:
        return 0, headers[0] if headers else len(lines)
    for place, number in enumerate(headers):
        if re.match(rf"\s*\[\s*{re.escape(name)}\s*\]\s*(#.*)?$", lines[number]):
            return number + 1, headers[place + 1] if place + 1 < len(headers) else len(lines)
    return None, len(lines)


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
