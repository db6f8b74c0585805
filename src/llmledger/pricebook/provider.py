"""Who bills: a provider's address, dialects and keys. Data of the price table, not code."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """How to reach one provider, and how its models are spelled."""

    name: str
    title: str
    base_url: str | None = None
    """What a request path is appended to: `https://api.openai.com` for `/v1/chat/completions`."""
    dialects: Mapping[str, str] = field(default_factory=dict)
    """Request path to dialect, the preferred one first. A path may hold `{model}`."""
    key_variables: tuple[str, ...] = ()
    """Environment variables that hold an API key, the usual one first."""
    auth_header: str = "authorization"
    auth_scheme: str = "Bearer"
    """Word before the key; empty when the header is the bare key."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Further headers that every request needs, such as an API version."""
    hosts: tuple[str, ...] = ()
    """Regular expressions for the hosts of the provider's API."""
    local: bool = False
    """Whether it runs on this machine and costs nothing."""
    default_port: int | None = None
    address_variable: str | None = None
    """Environment variable that moves the base URL, such as `OLLAMA_HOST`."""
    routes: tuple[str, ...] = ()
    """Prefixes that may stand before a model's name without changing its price, such as `models/`."""
    fallback: tuple[str, ...] = ()
    """Providers whose prices stand in when this one has none; a cost that used it says so."""
    sources: tuple[str, ...] = ()
    """The provider's own price pages."""
    checked: date | None = None

    def auth(self, key: str) -> tuple[str, str]:
        """The header, name and value, that carries a key."""
        return self.auth_header, f"{self.auth_scheme} {key}" if self.auth_scheme else key
