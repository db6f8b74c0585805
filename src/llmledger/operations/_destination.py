"""Where a prompt goes, and how that address is put together."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from llmledger.dialects._contract import BuiltRequest
from llmledger.pricebook.provider import Provider


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """Where a prompt goes: the provider, what it calls the model, the wire format, the address, and the key."""

    provider: Provider
    model: str
    dialect: str
    base_url: str
    key: str | None = None
    key_source: str = ""
    """Where the key was found, for people."""
    known_models: Callable[[], Iterable[str]] = tuple
    """Names to suggest when the provider knows no such model."""
    start_hint: str | None = None
    """How to start it, when it is a program on this machine."""

    @property
    def name(self) -> str:
        """`provider/model`."""
        return f"{self.provider.name}/{self.model}"


def request_url(to: Destination, built: BuiltRequest) -> str:
    """The address of a built request at a provider, whose own path for the wire format wins over the usual one.

    Gemini has `/v1beta/openai/chat/completions` where the format says `/v1/chat/completions`. A base
    URL may end in `/v1`, as the official SDKs want it.
    """
    path, _, query = built.path.partition("?")
    *usual, last = path.strip("/").split("/")
    for place, dialect in to.provider.dialects.items():
        *theirs, their_last = place.strip("/").split("/")
        if dialect == to.dialect and their_last.rpartition(":")[2] == last.rpartition(":")[2]:
            usual = theirs
            break
    base = to.base_url.rstrip("/")
    if usual and base.endswith(f"/{usual[0]}"):
        usual = usual[1:]
    return f"{base}/{'/'.join([*usual, last])}" + (f"?{query}" if query else "")


def key_hint(provider: Provider) -> str:
    """How to give the key of a provider."""
    variable = f"Set {provider.key_variables[0]}, or store it" if provider.key_variables else "Store it"
    return f"{variable}: llmledger config set-key {provider.name}"
