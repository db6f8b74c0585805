"""Where providers are reached from here: by the settings, by variables, never through a proxy of ours."""

from typing import TYPE_CHECKING

from llmledger.cli._context import Surroundings, surroundings
from llmledger.core.address import is_address, parts_of

if TYPE_CHECKING:
    from llmledger.pricebook import Provider

SDK_VARIABLES = {
    "openai": "OPENAI_BASE_URL",
    "anthropic": "ANTHROPIC_BASE_URL",
    "gemini": "GOOGLE_GEMINI_BASE_URL",
}
"""What the official SDKs read; nothing but `run` goes there, since the proxy may be what it names."""


def address_of(provider: "Provider") -> str | None:
    """Where a provider is reached from here, by the settings, its variable, or its price file."""
    from llmledger.operations.backends import address

    world = surroundings()
    environ, name = world.environ, provider.address_variable
    if name and leads_to_a_proxy(world, environ.get(name, "")):
        # Its clients are to come to us; we would count twice, and the proxy would ask itself for ever.
        environ = {key: value for key, value in environ.items() if key != name}
    return address(provider, environ, _configured(provider))


def address_for_run(provider: "Provider") -> tuple[str | None, str | None]:
    """Where a prompt goes, and the SDK's variable that said so, if one did.

    One that leads to a proxy of ours is passed over: `run` keeps its own record, and there would be two.
    """
    world = surroundings()
    name = SDK_VARIABLES.get(provider.name)
    told = world.environ.get(name, "").strip() if name else ""
    if _configured(provider) or not is_address(told) or _is_a_proxy(world, told):
        return address_of(provider), None
    return told.rstrip("/"), name


def leads_to_a_proxy(world: Surroundings, address: str) -> bool:
    """Whether an address of this machine is meant for a proxy of ours; other local servers have no provider's path."""
    from llmledger.operations.connect import LOOPBACK, door

    parts = parts_of(address)
    if parts.hostname not in LOOPBACK:
        return False
    from llmledger.cli._machine import open_book

    return parts.port == world.config.proxy.port or door(address) in open_book(world).provider_names()


def _is_a_proxy(world: Surroundings, address: str) -> bool:
    """Whether a proxy of ours is meant, or answers there: one may listen anywhere, and take `/v1/...` as it is."""
    if leads_to_a_proxy(world, address):
        return True
    from llmledger.cli._proxy.health import health
    from llmledger.operations.connect import LOOPBACK

    return parts_of(address).hostname in LOOPBACK and health(address) is not None


def _configured(provider: "Provider") -> str | None:
    settings = surroundings().config.providers.get(provider.name)
    return settings.base_url if settings else None
