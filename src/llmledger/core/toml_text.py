"""TOML as its author wrote it: one line set or taken out, everything else left as it is.

What a line means is not looked at, so the caller reads the result and compares.
"""

import re
from collections.abc import Sequence


def with_line(text: str, section: str, key: str, line: str) -> str:
    """The text with `line` for `key` in a section (`a.b`; empty before all headers), replaced or added at its end."""
    newline = "\r\n" if "\r\n" in text else "\n"
    lines = text.splitlines(keepends=True)
    start, end = _section(lines, section)
    if start is None:
        gap = [newline] if lines else []
        return "".join([*_ended(lines, newline), *gap, f"[{section}]{newline}", line + newline])
    number = _number(lines, start, end, key)
    if number is not None:
        ending = lines[number][len(lines[number].rstrip("\r\n")) :]
        lines[number] = line + (ending or newline)
        return "".join(lines)
    while start < end < len(lines) and lines[end - 1].startswith("#"):
        end -= 1  # a comment right above a header belongs to that header
    while end > start and not lines[end - 1].strip():
        end -= 1
    gap = [newline] if lines[end:] and lines[end].strip() else []
    return "".join([*_ended(lines[:end], newline), line + newline, *gap, *lines[end:]])


def _ended(lines: list[str], newline: str) -> list[str]:
    """Lines of which the last one has its end."""
    return [*lines[:-1], lines[-1] + newline] if lines and not lines[-1].endswith("\n") else lines


def without_line(text: str, section: str, key: str) -> str:
    """The text without the line of a key; as it was when there is none."""
    lines = text.splitlines(keepends=True)
    start, end = _section(lines, section)
    number = None if start is None else _number(lines, start, end, key)
    return text if number is None else "".join([*lines[:number], *lines[number + 1 :]])


def _number(lines: Sequence[str], start: int, end: int, key: str) -> int | None:
    return next((number for number in range(start, end) if re.match(rf"\s*{re.escape(key)}\s*=", lines[number])), None)


def _section(lines: Sequence[str], name: str) -> tuple[int | None, int]:
    """First line and end of a section's body; the unnamed one stands before all headers."""
    headers = [number for number, line in enumerate(lines) if re.match(r"\s*\[", line)]
    if not name:
        return 0, headers[0] if headers else len(lines)
    for place, number in enumerate(headers):
        if re.match(rf"\s*\[\s*{re.escape(name)}\s*\]\s*(#.*)?$", lines[number]):
            return number + 1, headers[place + 1] if place + 1 < len(headers) else len(lines)
    return None, len(lines)
