"""What a program's requests are metered with, and who is asked by an address."""

import os
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from re import match
from typing import Any
from warnings import warn

from llmledger.config import load_config
from llmledger.core.redaction import fingerprint
from llmledger.core.request import Attribution, request_id_at
from llmledger.core.window import unix_ms
from llmledger.home_zone import home_zone
from llmledger.ledger import Ledger, Manners, open_ledger
from llmledger.operations.attribute import Rule, Told, attribute
from llmledger.operations.record import Recorder
from llmledger.operations.request_headers import NOBODY
from llmledger.operations.wire import Keeper
from llmledger.paths import find_paths
from llmledger.pricebook import PriceBook, load, packaged_folder
from llmledger.pricebook.provider import Provider

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


def _utc_now() -> datetime:
    return datetime.now(UTC)


def _new_id(at: datetime) -> bytes:
    return request_id_at(unix_ms(at), secrets.token_bytes(10))


def _warned(trouble: str) -> None:
    warn(trouble, RuntimeWarning, stacklevel=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Metering:
    """What requests are metered with: a ledger, prices, a clock, and for whom they are."""

    ledger: Ledger
    book: PriceBook
    attribution: Attribution = NOBODY
    rules: Sequence[Rule] = ()
    """For whom requests of an app or a key are, where nothing else says it."""
    billing: Mapping[str, str] = field(default_factory=dict)
    """How a provider is paid, where its credential does not tell."""
    provider: str | None = None
    """Who is asked, where the address does not say so, such as a gateway of your own."""
    addresses: Mapping[str, str] = field(default_factory=dict)
    """Providers by addresses of the user's own, as the settings name them."""
    now: Callable[[], datetime] = _utc_now
    on_trouble: Callable[[str], None] = _warned
    """Told in one line of what could not be written; the program's answers do not suffer."""

    @classmethod
    def of_user(cls, *, attribution: Attribution = NOBODY, provider: str | None = None) -> "Metering":
        """The user's own ledger, prices and settings; what `attribution` leaves open, variables and settings say.

        Raises StorageError for a ledger, ConfigError for settings that cannot be used, UsageError for the zone of a new
        ledger when there is none of that name.
        """
        paths = find_paths(os.environ)
        config = load_config(paths.config_file)
        layers = (packaged_folder(), paths.managed_pricing, paths.user_pricing)
        ledger = open_ledger(
            paths.ledger,
            now=_utc_now,
            home_zone="UTC" if paths.ledger.exists() else home_zone(os.environ, config.timezone),
            manners=Manners(pass_on=config.on_ledger_failure == "pass", warn=_warned),
        )
        return cls(
            ledger=ledger,
            book=load([folder for folder in layers if folder.is_dir()]),
            attribution=attribution.over(attribute(Told(environ=os.environ, configured=config.attribution), None)),
            rules=config.map,
            billing=config.billing,
            provider=provider,
            addresses={one.base_url: name for name, one in config.providers.items() if one.base_url},
        )

    @property
    def keeper(self) -> Keeper:
        """What is known of every request of this program."""
        return Keeper(
            source="api",
            fingerprint=lambda key: fingerprint(key, ledger_id=self.ledger.ledger_id),
            billing=self.billing,
            attribution=self.attribution,
            rules=self.rules,
        )

    @property
    def recorder(self) -> Recorder:
        """The way into the ledger."""
        return Recorder(store=self.ledger, prices=self.book, now=self.now, new_id=_new_id)

    def provider_of(self, url: Any) -> str:
        """The provider whose address, host or own port it is; else the host itself: the row tells where it went."""
        own = (name for address, name in self.addresses.items() if f"{url}/".startswith(f"{address}/"))
        return self.provider or next(own, None) or _provider_of(self.book, url)


@cache
def _providers(book: PriceBook) -> tuple[Provider, ...]:
    return tuple(known for name in book.provider_names() if (known := book.provider(name)) is not None)


def _provider_of(book: PriceBook, url: Any) -> str:
    address = f"{url.scheme}://{url.netloc.decode('latin-1')}"
    for provider in _providers(book):
        if any(match(host, address) for host in provider.hosts):
            return provider.name
        if provider.local and url.port == provider.default_port and url.host in LOOPBACK:
            return provider.name
    return str(url.host) or "unknown"
