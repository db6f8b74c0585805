"""TOML, changed in one line: comments, order and everything else stay as they are."""

import json
import tomllib
from typing import Any

from llmledger.clients._contract import Place, Unclear, inner
from llmledger.core.toml_text import with_line, without_line


def read(text: str) -> Any:
    """The values. Raises Unclear."""
    try:
        return tomllib.loads(text.removeprefix("\ufeff"))
    except tomllib.TOMLDecodeError as problem:
        raise Unclear from problem


def put(text: str, place: Place, value: str) -> str:
    """The text with one value set; its section is made when it is not there. Raises Unclear."""
    section, key = _names(place)
    edited = with_line(text, section, key, f"{key} = {json.dumps(value, ensure_ascii=False)}")
    return _checked(edited, place, value)


def drop(text: str, place: Place) -> str:
    """The text without one line. Raises Unclear."""
    section, key = _names(place)
    return _checked(without_line(text, section, key), place, None)


def _names(place: Place) -> tuple[str, str]:
    names = [step for step in place if isinstance(step, str) and step.replace("_", "").replace("-", "").isalnum()]
    if len(names) != len(place):
        raise Unclear
    return ".".join(names[:-1]), names[-1]


def _checked(text: str, place: Place, value: str | None) -> str:
    if inner(read(text), place) != value:
        raise Unclear
    return text
