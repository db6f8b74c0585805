"""What the API looks up for a program that says nothing: the user's folders, price table, clock and request ids."""

import os
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache

from llmledger.config import load_config
from llmledger.core.request import request_id_at
from llmledger.core.window import unix_ms
from llmledger.home_zone import home_zone
from llmledger.paths import Paths, find_paths
from llmledger.pricebook import PriceBook, load, packaged_folder


def utc_now() -> datetime:
    """The present, aware, in UTC."""
    return datetime.now(UTC)


def new_request_id(at: datetime) -> bytes:
    """A request id that nobody has had before and that sorts by its time."""
    return request_id_at(unix_ms(at), secrets.token_bytes(10))


def user_paths(environ: Mapping[str, str] | None = None) -> Paths:
    """The folders of this user."""
    return find_paths(os.environ if environ is None else environ)


def new_home_zone(paths: Paths) -> str:
    """The zone of a ledger that this user makes now. Raises ConfigError for settings that cannot be used."""
    return home_zone(os.environ, load_config(paths.config_file).timezone)


@lru_cache(maxsize=8)
def price_book(paths: Paths) -> PriceBook:
    """The price table as this user has it: packaged, managed, their own."""
    layers = (packaged_folder(), paths.managed_pricing, paths.user_pricing)
    return load([folder for folder in layers if folder.is_dir()])
