"""Wire formats, one file each: what a request asks, what a response says it used, how a prompt is put."""

import re
from collections.abc import Callable
from fnmatch import fnmatchcase
from functools import cache, lru_cache
from importlib import import_module
from importlib.resources import files
from typing import Protocol, cast

from llmledger.dialects._contract import BuiltRequest, Meter, Prompt, RequestFacts
from llmledger.dialects._encoding import can_decode, decoded, unpacked

__all__ = ["Dialect", "can_decode", "decoded", "from_path", "load", "names", "unpacked"]


class ReadRequest(Protocol):
    """Reads a request body."""

    def __call__(self, body: bytes, *, path: str = "") -> RequestFacts:
        """The facts that the body states; never raises."""


class NewMeter(Protocol):
    """Makes a meter for one response."""

    def __call__(self, *, provider: str = "", streamed: bool | None = None, asked: RequestFacts | None = None) -> Meter:
        """A meter that has seen nothing yet."""


class Dialect(Protocol):
    """A module of this folder, as the contract describes it; formats only for metering lack `build_request`."""

    SUMMARY: str
    PATHS: tuple[str, ...]
    read_request: ReadRequest
    meter: NewMeter
    build_request: Callable[[Prompt], BuiltRequest]


@cache
def names() -> tuple[str, ...]:
    """The names of all wire formats, without importing any."""
    listed = (entry.name for entry in files(__name__).iterdir())
    return tuple(sorted(name.removesuffix(".py") for name in listed if re.fullmatch(r"[a-z]\w*\.py", name)))


@cache
def load(name: str) -> Dialect:
    """The module of one wire format; raises KeyError when there is none of that name."""
    if name not in names():
        raise KeyError(name)
    return cast(Dialect, import_module(f"{__name__}.{name}"))


@cache
def _patterns() -> tuple[tuple[tuple[str, ...], str], ...]:
    found = [(tuple(path.strip("/").split("/")), name) for name in names() for path in load(name).PATHS]
    return tuple(sorted(found, key=lambda pair: len(pair[0]), reverse=True))


@lru_cache(maxsize=1024)
def from_path(path: str) -> str | None:
    """The wire format that an endpoint's path carries, known by how the path ends; None when no format claims it.

    >>> from_path("/openai/deployments/x/chat/completions"), from_path("/v1/models")
    ('openai_chat', None)
    """
    segments = path.partition("?")[0].strip("/").split("/")
    for pattern, name in _patterns():
        end = segments[-len(pattern) :]
        if len(end) == len(pattern) and all(map(fnmatchcase, end, pattern)):
            return name
    return None
