"""The part of YAML that settings files are written in, changed line by line: comments and order stay as they are.

Block mappings, block lists and scalars on one line are understood. What is written otherwise (flow lists, block
scalars, anchors) is read as `OPAQUE` and never touched; a place inside it is Unclear.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from llmledger.clients._contract import Place, Unclear

OPAQUE = object()
"""A value that is there and is not looked into."""

_KEY = re.compile(
    r"""(?P<key>"(?:[^"\\]|\\.)*"|'(?:[^']|'')*'|[^\s#'"\[\]{},&*!|>%@`-][^#]*?|-[^\s#][^#]*?)\s*:(?=\s|$)"""
)
_ITEM = re.compile(r"-(?:\s+|$)")
_SAFE = re.compile(r"[A-Za-z](?:[\w.:/%=@~+-]*[\w/%=-])?")
_PLAIN_WORDS = {"true", "false", "yes", "no", "on", "off", "null", "y", "n"}


@dataclass(slots=True)
class _Node:
    """A value, the lines it stands on (the last one exclusive), and the columns of its text on the first line."""

    first: int
    last: int
    value: Any = None
    begin: int = -1
    end: int = -1
    indent: int = 0
    members: dict[str, "_Node"] = field(default_factory=dict)
    items: list["_Node"] = field(default_factory=list)
    kind: str = "scalar"
    lead: int = 0
    """The line on which the entry begins that holds this value."""


def read(text: str) -> Any:
    """The values, scalars as texts; an empty text is an empty mapping. Raises Unclear."""
    return _Reader(text).whole().value


def put(text: str, place: Place, value: str) -> str:
    """The text with one value set; a list takes one more entry at its end. Raises Unclear."""
    reader = _Reader(text)
    node = reader.whole()
    for depth, step in enumerate(place):
        known: Mapping[Any, _Node] = dict(enumerate(node.items)) if isinstance(step, int) else node.members
        if node.kind != ("list" if isinstance(step, int) else "mapping"):
            raise Unclear
        if step not in known:
            return reader.with_entry(node, step, place[depth + 1 :], value)
        node = known[step]
    return reader.with_scalar(node, value)


def drop(text: str, place: Place) -> str:
    """The text without one entry, its lines gone. Raises Unclear."""
    reader = _Reader(text)
    node = reader.whole()
    for step in place:
        known: Mapping[Any, _Node] = dict(enumerate(node.items)) if isinstance(step, int) else node.members
        if step not in known:
            raise Unclear
        node = known[step]
    if node.lead != node.first and node.kind == "scalar":
        raise Unclear
    lines = reader.lines
    if not isinstance(place[-1], int) and _ITEM.match(lines[node.lead].lstrip()):
        # The first key of a list entry stands behind its dash; the dash has to stay.
        raise Unclear
    return "".join(lines[: node.lead] + lines[node.last :])


class _Reader:
    """Walks over the lines of a text."""

    def __init__(self, text: str) -> None:
        self.lines = text.splitlines(keepends=True)
        self.newline = "\r\n" if "\r\n" in text else "\n"
        self._at = 0

    def whole(self) -> _Node:
        """The document. Raises Unclear for more than one, and for what cannot be followed."""
        self._to_content()
        if self._at < len(self.lines) and self.lines[self._at].startswith("---"):
            if self.lines[self._at].strip() != "---":
                raise Unclear
            self._at += 1
            self._to_content()
        if self._at >= len(self.lines):
            return _Node(0, len(self.lines), {}, kind="mapping")
        node = self._block(self._indent(self.lines[self._at]))
        self._to_content()
        if self._at < len(self.lines) or node.kind == "scalar":
            raise Unclear
        return node

    def with_scalar(self, node: _Node, value: str) -> str:
        """One scalar replaced on its line."""
        if node.kind != "scalar" or node.value is OPAQUE or node.begin < 0:
            raise Unclear
        line = self.lines[node.first]
        self.lines[node.first] = line[: node.begin] + _scalar(value) + line[node.end :]
        return "".join(self.lines)

    def with_entry(self, node: _Node, step: str | int, rest: Place, value: str) -> str:
        """One entry more at the end of a mapping or list."""
        if isinstance(step, int) and step != len(node.items):
            raise Unclear
        children = node.items if isinstance(step, int) else list(node.members.values())
        at = max((child.last for child in children), default=len(self.lines))
        if at and not self.lines[at - 1].endswith(("\n", "\r")):
            self.lines[at - 1] += self.newline
        pad = " " * node.indent
        made = [pad + line + self.newline for line in _rendered((step, *rest), value)]
        return "".join(self.lines[:at] + made + self.lines[at:])

    def _to_content(self) -> None:
        while self._at < len(self.lines):
            content = self.lines[self._at].strip("\ufeff \t\r\n")
            if content and not content.startswith("#"):
                return
            self._at += 1

    @staticmethod
    def _indent(line: str) -> int:
        blank = line[: len(line) - len(line.lstrip())]
        if "\t" in blank:
            raise Unclear
        return len(line.lstrip("\ufeff")) - len(line.lstrip("\ufeff").lstrip(" "))

    def _block(self, indent: int) -> _Node:
        is_list = bool(_ITEM.match(self.lines[self._at].lstrip("\ufeff")[indent:]))
        node = _Node(self._at, self._at, [] if is_list else {}, indent=indent, kind="list" if is_list else "mapping")
        while self._at < len(self.lines):
            line = self.lines[self._at].lstrip("\ufeff")
            if self._indent(line) != indent or bool(_ITEM.match(line[indent:])) != is_list:
                break
            (self._item if is_list else self._member)(node, indent, line)
            node.last = self._end()
            self._to_content()
        if self._at < len(self.lines) and self._indent(self.lines[self._at]) > indent:
            raise Unclear
        return node

    def _end(self) -> int:
        """Behind the last line that said something."""
        at = self._at
        while at and not self.lines[at - 1].strip():
            at -= 1
        return at

    def _item(self, node: _Node, indent: int, line: str) -> None:
        found = _ITEM.match(line[indent:])
        start = indent + (found.end() if found else 0)
        lead = self._at
        content = line[start:].rstrip("\r\n")
        if _KEY.match(content) or _ITEM.match(content):
            # The entry's own keys stand in the column behind the dash.
            self.lines[self._at] = " " * start + line[start:]
            child = self._block(start)
            self.lines[lead] = line
        else:
            child = self._value(line, start, indent)
        child.lead = lead
        child.last = self._end()
        node.items.append(child)
        node.value.append(child.value)

    def _member(self, node: _Node, indent: int, line: str) -> None:
        found = _KEY.match(line, indent)
        if found is None:
            raise Unclear
        key = _unquoted(found["key"])
        if key in node.members or key == "<<" or not isinstance(key, str):
            raise Unclear
        lead = self._at
        child = self._value(line, found.end(), indent)
        child.lead = lead
        child.last = self._end()
        node.members[key] = child
        node.value[key] = child.value

    def _value(self, line: str, start: int, indent: int) -> _Node:
        """What stands behind a key or a dash, on its line or below it."""
        begin, end = _without_comment(line, start)
        here = self._at
        self._at += 1
        if begin == end:
            return self._below(here, indent)
        content = line[begin:end]
        goes_on = self._skip_deeper(indent, is_literal=content[0] in "|>")
        if goes_on or content[0] in "|>[{&*!%@`" or content.startswith(("? ", "- ")):
            return _Node(here, self._at, OPAQUE, lead=here)
        return _Node(here, self._at, _unquoted(content), begin, end, lead=here)

    def _below(self, here: int, indent: int) -> _Node:
        self._to_content()
        if self._at < len(self.lines):
            line = self.lines[self._at]
            deeper = self._indent(line)
            if deeper > indent or (deeper == indent and _ITEM.match(line[indent:])):
                return self._nested(deeper)
        self._at = max(here + 1, self._end())
        return _Node(here, self._at, None, lead=here)

    def _nested(self, deeper: int) -> _Node:
        line = self.lines[self._at]
        if _ITEM.match(line[deeper:]) or _KEY.match(line, deeper):
            return self._block(deeper)
        raise Unclear

    def _skip_deeper(self, indent: int, *, is_literal: bool) -> bool:
        """Pass over the lines that go on with a value; whether there were any."""
        start = self._at
        while self._at < len(self.lines):
            line = self.lines[self._at]
            content = line.strip()
            if content and (len(line) - len(line.lstrip())) <= indent:
                break
            if not is_literal and (not content or content.startswith("#")):
                break
            self._at += 1
        return self._at > start


def _without_comment(line: str, start: int) -> tuple[int, int]:
    """Where a value begins and ends on its line."""
    text = line.rstrip("\r\n")
    begin = start + len(text[start:]) - len(text[start:].lstrip())
    if begin >= len(text) or text[begin] == "#":
        return begin, begin
    if text[begin] in "\"'":
        quoted = re.compile(r'"(?:[^"\\]|\\.)*"' if text[begin] == '"' else r"'(?:[^']|'')*'").match(text, begin)
        if quoted is None or not re.fullmatch(r"\s*(#.*)?", text[quoted.end() :]):
            raise Unclear
        return begin, quoted.end()
    comment = re.search(r"\s#", text[begin:])
    end = begin + comment.start() if comment else len(text)
    return begin, len(text[:end].rstrip())


def _unquoted(content: str) -> Any:
    if content.startswith('"'):
        try:
            return json.loads(content, strict=False)
        except ValueError:
            return OPAQUE
    if content.startswith("'"):
        return content[1:-1].replace("''", "'")
    return content


def _scalar(value: str) -> str:
    is_plain = _SAFE.fullmatch(value) and value.casefold() not in _PLAIN_WORDS
    return value if is_plain else json.dumps(value, ensure_ascii=False)


def _rendered(place: Place, value: str) -> list[str]:
    step, *rest = place
    head = "-" if isinstance(step, int) else f"{_scalar(step)}:"
    if not rest:
        return [f"{head} {_scalar(value)}"]
    return [head, *("  " + line for line in _rendered(tuple(rest), value))]
