"""Check price tables, count what they hold, and list what their sources do not agree on."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

from llmledger.core.rates import Rate
from llmledger.errors import UsageError
from llmledger.pricebook import Entry, PriceBook
from llmledger.pricebook.checking import Problem, check_path

PEERS: dict[str, tuple[int, int, int]] = {
    "genai-prices 0.2.3": (2_151, 47, 233),
    "litellm 1.109.1": (3_521, 152, 0),
    "llm-prices 2026-08-05": (142, 11, 6),
    "models.dev 2026-07-01": (4_894, 147, 0),
}
"""Other open price tables: priced models, providers, models with dated history. Counted in their own files."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TableStatistics:
    """What a price table holds."""

    pairs: int
    """Distinct (provider, model) with a rate; spellings of one model do not count."""
    names: int
    """Exact names that resolve to them."""
    providers: int
    histories: int
    """Models with more than one dated rate, or one that begins at a date."""
    rates: int
    tiers: int
    """Models with a context tier."""
    modes: int
    """Models with a batch, flex, priority, fast, region or search price."""
    windows: int
    free: int
    without_rate: int
    sourced: int
    """Rates with a source and the day it was read."""
    disputed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispute:
    """A price on which two sources differ: ours, and what the other says."""

    provider: str
    model: str
    rate_id: str
    other: str
    """Source and prices of the other."""


def check_prices(paths: list[Path], *, today: date) -> list[Problem]:
    """Every problem of some price files and folders. Raises `UsageError` for a path that is not there."""
    for path in paths:
        if not path.exists():
            raise UsageError(f"{path} does not exist", hint="Give a price file or a folder of them.")
    return [problem for path in paths for problem in check_path(path, today=today)]


def statistics(book: PriceBook) -> TableStatistics:
    """Count what a price book holds."""
    entries = list(_entries(book))
    priced = [entry for entry in entries if entry.rates]
    rates = [rate for entry in entries for rate in entry.rates]
    return TableStatistics(
        pairs=sum(not entry.any for entry in priced),
        names=sum(len(entry.names) for entry in priced if not entry.any),
        providers=len(book.provider_names()),
        histories=sum(len(entry.rates) > 1 or entry.rates[0].since is not None for entry in priced),
        rates=len(rates),
        tiers=sum(any(rate.tiers or any(mode.tiers for mode in rate.modes) for rate in one.rates) for one in priced),
        modes=sum(any(rate.modes for rate in entry.rates) for entry in priced),
        windows=sum(any(rate.windows for rate in entry.rates) for entry in priced),
        free=sum(any(rate.free for rate in entry.rates) for entry in priced),
        without_rate=sum(not entry.rates for entry in entries),
        sourced=sum(rate.source is not None and rate.checked is not None for rate in rates),
        disputed=sum(_is_disputed(rate) for rate in rates),
    )


def disputes(book: PriceBook) -> list[Dispute]:
    """Every rate on which the sources differ, by provider and model."""
    return [
        Dispute(provider=entry.provider, model=entry.id, rate_id=rate.id, other=str(rate.body["disputed"]))
        for entry in _entries(book)
        for rate in entry.rates
        if _is_disputed(rate)
    ]


def as_json(counted: TableStatistics) -> dict[str, object]:
    """The counts beside those of other tables."""
    peers = {
        name: {"pairs": pairs, "providers": providers, "histories": histories}
        for name, (pairs, providers, histories) in PEERS.items()
    }
    return {**asdict(counted), "peers": peers}


def _is_disputed(rate: Rate) -> bool:
    return "disputed" in rate.body


def _entries(book: PriceBook) -> Iterator[Entry]:
    return (entry for provider in book.provider_names() for entry in book.entries(provider))
