"""Files of `NAME=value` lines, as dotenv readers take them: one line changes, the rest stays."""

import re
from collections.abc import Iterator
from typing import Any

from llmledger.clients._contract import Place, Unclear

_LINE = re.compile(r"\s*(?:export\s+)?(?P<name>[A-Za-z_]\w*)\s*=\s*(?P<value>.*?)\s*")


def read(text: str) -> Any:
    """The variables; of a name that is set twice the last one counts."""
    return {name: value for _, name, value in _variables(text.splitlines())}


def put(text: str, place: Place, value: str) -> str:
    """The text with one variable set. Raises Unclear."""
    name = _name(place)
    newline = "\r\n" if "\r\n" in text else "\n"
    lines = text.splitlines(keepends=True)
    numbers = [number for number, found, _ in _variables(text.splitlines()) if found == name]
    if numbers:
        export = "export " if lines[numbers[-1]].lstrip().startswith("export ") else ""
        lines[numbers[-1]] = f"{export}{name}={value}{newline}"
    else:
        if lines and not lines[-1].endswith("\n"):
            lines[-1] += newline
        lines.append(f"{name}={value}{newline}")
    return "".join(lines)


def drop(text: str, place: Place) -> str:
    """The text without the lines that set a variable. Raises Unclear."""
    name = _name(place)
    numbers = {number for number, found, _ in _variables(text.splitlines()) if found == name}
    if not numbers:
        raise Unclear
    return "".join(line for number, line in enumerate(text.splitlines(keepends=True)) if number not in numbers)


def _name(place: Place) -> str:
    (name,) = place
    if not isinstance(name, str):
        raise Unclear
    return name


def _variables(lines: list[str]) -> Iterator[tuple[int, str, str]]:
    for number, line in enumerate(lines):
        found = _LINE.fullmatch(line)
        if found is not None:
            value = found["value"]
            is_quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "\"'"
            yield number, found["name"], value[1:-1] if is_quoted else value
