"""JSON with comments and trailing commas, changed in one place: everything else stays byte for byte."""

import json
import re
from dataclasses import dataclass, field
from typing import Any

from llmledger.clients._contract import Place, Unclear

_BLANK = re.compile(r"(?:\s|//[^\n]*|/\*.*?\*/|\ufeff)*", re.DOTALL)
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
_PLAIN = re.compile(r"[-+.\w]+")
_REST_OF_LINE = re.compile(r"[ \t]*,?[ \t]*(?://[^\n]*|/\*[^\n]*?\*/)?")
DEPTH = 100


@dataclass(slots=True)
class _Node:
    """A value and where it stands in the text."""

    start: int
    end: int
    value: Any = None
    members: dict[str, tuple[int, "_Node"]] = field(default_factory=dict)
    """Of an object: where each key begins, and its value."""
    items: list["_Node"] = field(default_factory=list)
    is_object: bool = False


def read(text: str) -> Any:
    """The values; an empty text is an empty object. Raises Unclear."""
    return _parsed(text).value if text.strip("\ufeff \t\r\n") else {}


def put(text: str, place: Place, value: str) -> str:
    """The text with one value set; objects on the way to it are made. Raises Unclear."""
    if not text.strip("\ufeff \t\r\n"):
        text += "{}\n"
    node = _parsed(text)
    for depth, step in enumerate(place):
        if isinstance(step, int):
            if step >= len(node.items):
                raise Unclear
            node = node.items[step]
        elif not node.is_object:
            raise Unclear
        elif step in node.members:
            node = node.members[step][1]
        else:
            return _with_member(text, node, step, _nested(place[depth + 1 :], value))
    if isinstance(node.value, dict | list):
        raise Unclear
    return text[: node.start] + json.dumps(value, ensure_ascii=False) + text[node.end :]


def drop(text: str, place: Place) -> str:
    """The text without one member of an object, its comma and its line. Raises Unclear."""
    node = _parsed(text)
    for step in place[:-1]:
        known = node.items if isinstance(step, int) else node.members
        if isinstance(step, int):
            if step >= len(known):
                raise Unclear
            node = node.items[step]
        else:
            if step not in known:
                raise Unclear
            node = node.members[step][1]
    key = place[-1]
    if not isinstance(key, str) or key not in node.members:
        raise Unclear
    return _without_member(text, node, key)


def _parsed(text: str) -> _Node:
    try:
        at = _skip(text, 0)
        node = _value(text, at, 0)
    except (IndexError, ValueError) as problem:
        raise Unclear from problem
    if _skip(text, node.end) != len(text):
        raise Unclear
    return node


def _skip(text: str, at: int) -> int:
    found = _BLANK.match(text, at)
    return found.end() if found else at


def _value(text: str, at: int, depth: int) -> _Node:
    if depth > DEPTH:
        raise Unclear
    if text[at] == "{":
        return _object(text, at, depth)
    if text[at] == "[":
        return _list(text, at, depth)
    found = (_STRING if text[at] == '"' else _PLAIN).match(text, at)
    if found is None:
        raise Unclear
    return _Node(at, found.end(), json.loads(found[0], strict=False))


def _object(text: str, at: int, depth: int) -> _Node:
    node = _Node(at, at, {}, is_object=True)
    at = _skip(text, at + 1)
    while text[at] != "}":
        key = _STRING.match(text, at)
        if key is None:
            raise Unclear
        colon = _skip(text, key.end())
        name = json.loads(key[0], strict=False)
        if text[colon] != ":" or name in node.members:
            raise Unclear
        child = _value(text, _skip(text, colon + 1), depth + 1)
        node.members[name] = (at, child)
        node.value[name] = child.value
        at = _after_comma(text, child.end, "}")
    node.end = at + 1
    return node


def _list(text: str, at: int, depth: int) -> _Node:
    node = _Node(at, at, [])
    at = _skip(text, at + 1)
    while text[at] != "]":
        child = _value(text, at, depth + 1)
        node.items.append(child)
        node.value.append(child.value)
        at = _after_comma(text, child.end, "]")
    node.end = at + 1
    return node


def _after_comma(text: str, at: int, closing: str) -> int:
    at = _skip(text, at)
    if text[at] == ",":
        return _skip(text, at + 1)
    if text[at] != closing:
        raise Unclear
    return at


def _nested(place: Place, value: str) -> Any:
    made: Any = value
    for step in reversed(place):
        if isinstance(step, int):
            raise Unclear
        made = {step: made}
    return made


def _with_member(text: str, node: _Node, key: str, value: Any) -> str:
    newline = "\r\n" if "\r\n" in text else "\n"
    outer = _indent_at(text, node.start)
    if not node.members:
        indent = outer + _unit(text)
        member = _rendered(key, value, indent, _unit(text), newline)
        inside = text[node.start + 1 : node.end - 1]
        rest = newline + outer if not inside.strip() else inside
        return text[: node.start + 1] + newline + indent + member + rest + text[node.end - 1 :]
    keys = [start for start, _ in node.members.values()]
    last = max(child.end for _, child in node.members.values())
    if "\n" not in text[node.start : keys[0]]:
        return text[:last] + f", {json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}" + text[last:]
    indent = _indent_at(text, keys[-1])
    member = _rendered(key, value, indent, _unit(text), newline)
    has_comma = text[_skip(text, last)] == ","
    found = _REST_OF_LINE.match(text, last)
    line_end = found.end() if found else last
    comma = "" if has_comma else ","
    return text[:last] + comma + text[last:line_end] + newline + indent + member + has_comma * "," + text[line_end:]


def _rendered(key: str, value: Any, indent: str, unit: str, newline: str) -> str:
    shown = json.dumps(value, ensure_ascii=False, indent=unit)
    return f"{json.dumps(key)}: " + shown.replace("\n", newline + indent)


def _indent_at(text: str, at: int) -> str:
    line = text[text.rfind("\n", 0, at) + 1 : at]
    return line[: len(line) - len(line.lstrip())]


def _unit(text: str) -> str:
    """One step of indentation, as the file has it."""
    found = re.search(r"\n([ \t]+)\S", text)
    return found[1] if found else "  "


def _without_member(text: str, node: _Node, key: str) -> str:
    start, child = node.members[key]
    end = child.end
    after = _skip(text, end)
    if text[after] == ",":
        end = after + 1
    else:
        ends = [other.end for _, other in node.members.values() if other.end <= start]
        if ends:
            comma = text.index(",", _skip(text, max(ends)))
            text = text[:comma] + text[comma + 1 :]
            start, end = start - 1, end - 1
    line = text.rfind("\n", 0, start) + 1
    following = re.compile(r"[ \t]*\r?\n").match(text, end)
    if not text[line:start].strip() and following:
        return text[:line] + text[following.end() :]
    return text[:start].rstrip(" ") + text[end:] if text[:start].endswith(" ") else text[:start] + text[end:]
