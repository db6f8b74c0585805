"""Request bodies, as far as a ledger needs them: facts that most wire formats state under the same names."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from llmledger.dialects._values import EMPTY, Flags, Json, count, mapping, name, parse

_TOKENS = re.compile(rb'"(?:[^"\\]|\\.)*"|[{}\[\]]|-?\d+|true|false', re.DOTALL)
_ENCODED = frozenset({"data", "b64_json", "file_data", "bytes", "images", "signature", "encrypted_content"})
_WALK_BOUND = 200_000


def read_body(body: bytes) -> Json:
    """A request body as an object; of one that is cut or broken, the plain values seen on its outermost level."""
    whole = parse(body)
    if isinstance(whole, dict):
        return whole
    return _outermost(body) if body.lstrip()[:1] == b"{" else EMPTY


def _outermost(body: bytes) -> Json:
    values: dict[str, Any] = {}
    depth, key = 0, ""
    for token in _TOKENS.finditer(body):
        text = token[0]
        if text in b"{[":
            depth, key = depth + 1, ""
        elif text in b"}]":
            depth, key = depth - 1, ""
        elif depth == 1:
            value = parse(text)
            if key:
                values[key], key = value, ""
            elif isinstance(value, str) and body[token.end() : token.end() + 8].lstrip()[:1] == b":":
                key = value
    return values


def dump_body(body: Mapping[str, object]) -> bytes:
    """A request body as bytes."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def limit(body: Json, *keys: str) -> int | None:
    """The first of several names for the greatest allowed output that is there."""
    flags = Flags()
    return next((told for key in keys if (told := count(body.get(key), flags)) is not None), None)


def context(body: Json, *keys: str) -> dict[str, str]:
    """Price selectors that the body asks for."""
    return {key: told for key in keys if (told := name(body.get(key), bound=64)) is not None}


def tags(metadata: Json) -> dict[str, str]:
    """Tags of a metadata object: its plain values, and its `tags` list (`key=value` or a bare word)."""
    listed = metadata.get("tags")
    found = dict(tag_pairs(item for item in listed if isinstance(item, str))) if isinstance(listed, list) else {}
    for key, value in list(metadata.items())[:32]:
        if key not in {"user_id", "session_id", "tags"} and isinstance(value, str) and value:
            found[key[:64]] = value[:200]
    return found


def tag_pairs(words: Iterable[str]) -> list[tuple[str, str]]:
    """Split `key=value` or `key:value` words; a bare word is a key without a value."""
    pairs = (re.split("[=:]", word.strip(), maxsplit=1) for word in words if word.strip())
    return [(pair[0].strip()[:64], pair[1].strip()[:200] if len(pair) == 2 else "") for pair in pairs]


def session(body: Json) -> str | None:
    """The session that a metadata object names."""
    return name(mapping(body.get("metadata")).get("session_id"))


def characters(*values: Any) -> int:
    """Characters of text in a piece of a request: what a tokenizer would read, without binary data."""
    return sum(len(text) for text in _strings(list(values)))


def texts(body: bytes) -> tuple[str, ...]:
    """Every text of a request body, for keeping them out of elsewhere; a body that is no JSON is one text."""
    whole = parse(body)
    if isinstance(whole, (dict, list)):
        return tuple(_strings([whole]))
    return (body.decode("utf-8", "replace"),) if body else ()


def _strings(stack: list[Any]) -> Iterator[str]:
    """The strings in a piece of JSON, but for binary data."""
    seen = 0
    while stack and seen < _WALK_BOUND:
        value = stack.pop()
        seen += 1
        if isinstance(value, str):
            if not value.startswith("data:"):
                yield value
        elif isinstance(value, dict):
            stack.extend(
                item for key, item in value.items() if key not in _ENCODED or not isinstance(item, (str, list))
            )
        elif isinstance(value, list):
            stack.extend(value)
