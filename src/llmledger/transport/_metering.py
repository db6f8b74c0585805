"""What a program's requests are metered with, and who is asked by an address."""

import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from re import match
from typing import Any
from warnings import warn

from llmledger.core.request import Attribution, request_id_at
from llmledger.core.window import unix_ms
from llmledger.ledger import Ledger, open_ledger
from llmledger.operations.record import Recorder
from llmledger.operations.request_headers import NOBODY
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
    provider: str | None = None
    """Who is asked, where the address does not say so, such as a gateway of your own."""
    now: Callable[[], datetime] = _utc_now
    on_trouble: Callable[[str], None] = _warned
    """Told in one line of what could not be written; the program's answers do not suffer."""

    @classmethod
    def of_user(cls, *, attribution: Attribution = NOBODY, provider: str | None = None) -> "Metering":
        """The user's own ledger and prices. Raises StorageError."""
        paths = find_paths(os.environ)
        layers = (packaged_folder(), paths.managed_pricing, paths.user_pricing)
        book = load([folder for folder in layers if folder.is_dir()])
        return cls(
            ledger=open_ledger(paths.ledger, now=_utc_now), book=book, attribution=attribution, provider=provider
        )

    @property
    def recorder(self) -> Recorder:
        """The way into the ledger."""
        return Recorder(store=self.ledger, prices=self.book, now=self.now, new_id=_new_id)

    def provider_of(self, url: Any) -> str:
        """The provider whose host or own port an address names; else the host itself: the row tells where it went."""
        return self.provider or _provider_of(self.book, url)


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
