"""Where a proxied request goes: only to addresses of the price table or the settings, never to one a client names."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from llmledger.dialects import from_path
from llmledger.operations.wire import Place

ALIASES: Mapping[str, str] = {"genai": "gemini", "google": "gemini", "llama.cpp": "llamacpp", "lm-studio": "lmstudio"}
"""Names under which other gateways offer a provider."""

DOORS: Mapping[str, str] = {"chatgpt": "openai"}
"""Addresses that lead to another provider's models for those with a plan: their requests are rows of that provider."""

BY_MODEL = ("openai", "anthropic", "gemini", "mistral", "deepseek", "xai", "groq", "cerebras", "openrouter")
"""Providers that are asked in this order whether they know the model of a request to `/v1/...`."""

_WORDS = {"p": "project", "u": "user"}
_DOT = re.compile("%2e", re.IGNORECASE)
_PREFIX = re.compile(r"/(?P<kind>[pu])/(?P<value>[^/]+)(?=/)")


class Book(Protocol):
    """What routing needs of a price table."""

    def canonical(self, provider: str) -> str:
        """The table's name of a provider that is also known under others."""

    def resolve(self, provider: str, model: str, *, at: datetime | None = None) -> str | None:
        """The table's own id of a model, or None."""


@dataclass(frozen=True, slots=True)
class Split:
    """A path without the prefixes that only say for whom it is."""

    path: str
    words: Mapping[str, str]
    """`project` and `user`, as they are spelled in the path."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route(Place):
    """Where one request goes."""

    url: str
    """Absolute, without the query."""

    @property
    def is_embedded(self) -> bool:
        """Whether a model of our own answers, which has no address until it runs."""
        return self.url == self.endpoint


@dataclass(frozen=True, slots=True)
class Target:
    """A provider that can be reached."""

    name: str
    base_url: str
    """Empty for our own models."""
    is_local: bool = False


@dataclass(frozen=True, slots=True)
class Routes:
    """All places that requests may go to."""

    find: Callable[[str], Target | None]
    """The provider of that name, if it can be reached."""
    book: Book

    def named(self, path: str) -> Route | None:
        """The route of `/{provider}/...`; None when the first segment names no provider that can be reached."""
        head, _, rest = path.lstrip("/").partition("/")
        name = ALIASES.get(head, head)
        target = self.find(name) or self.find(self.book.canonical(name))
        return None if target is None else _route(target, f"/{rest}")

    def guessed(
        self, path: str, headers: Mapping[str, str], query: str, model: Callable[[], str | None]
    ) -> Route | None:
        """The route of a path that names no provider: by its wire format, its credential, then its model.

        A model that nobody knows goes to OpenAI, whose paths these are. None for paths of nobody.
        """
        name = _by_format(path, headers, query) or (self._by_model(model()) if path.startswith("/v1/") else None)
        target = self.find(name) if name else None
        return None if target is None else _route(target, path)

    def _by_model(self, model: str | None) -> str:
        if model:
            for name in BY_MODEL:
                if self.book.resolve(name, model) is not None:
                    return name
        return "openai"


def split(path: str) -> Split:
    """Take `/p/{project}` and `/u/{user}` off the front of a path, in any order."""
    found: dict[str, str] = {}
    while (prefix := _PREFIX.match(path)) is not None:
        found[_WORDS[prefix["kind"]]] = prefix["value"]
        path = path[prefix.end() :]
    return Split(path, found)


def is_safe(path: str) -> bool:
    """Whether a path stays below the address it is appended to, and cannot be read as another host."""
    plain = _DOT.sub(".", path)
    return path.startswith("/") and "//" not in path and ".." not in plain and "\\" not in path and path.isprintable()


def _by_format(path: str, headers: Mapping[str, str], query: str) -> str | None:
    if "x-goog-api-key" in headers or path.startswith("/v1beta/") or re.search(r"(^|&)key=", query):
        return "gemini"
    if "anthropic-version" in headers or from_path(path) == "anthropic_messages":
        return "anthropic"
    return "ollama" if path.startswith("/api/") else None


def _route(target: Target, path: str) -> Route:
    return Route(
        provider=DOORS.get(target.name, target.name),
        url=target.base_url.rstrip("/") + path,
        endpoint=path,
        dialect=from_path(path),
        is_local=target.is_local,
    )
