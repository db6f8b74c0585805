"""List models with the prices that hold at a time."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from fnmatch import fnmatchcase

from llmledger.core.money import usd_from_nanousd
from llmledger.core.rates import Rate, rate_at
from llmledger.errors import UsageError
from llmledger.pricebook import Entry, PriceBook

SORTS = ("model", "input", "output", "since", "checked")


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedModel:
    """One model and the rate that holds for it, if one does."""

    provider: str
    model: str
    rate: Rate | None
    rates: int
    """How many dated rates it has."""
    retired: date | None

    @property
    def name(self) -> str:
        """`provider/model`."""
        return f"{self.provider}/{self.model}"

    def usd(self, unit: str) -> Decimal | None:
        """The price of a unit in USD per price unit, or None."""
        nanousd = self.rate.prices.get(unit) if self.rate is not None else None
        return None if nanousd is None else usd_from_nanousd(nanousd)


def list_prices(
    book: PriceBook, *, at: datetime, providers: Iterable[str] = (), search: str | None = None, sort: str = "model"
) -> list[ListedModel]:
    """Every model whose provider and name fit, sorted; prices sort the cheapest first, the unpriced last.

    Providers take globs; `search` is a part of a name, or a glob. Raises `UsageError` for what no provider fits.
    """
    if sort not in SORTS:
        raise UsageError(f"cannot sort by {sort!r}", hint=f"Sort by one of: {', '.join(SORTS)}")
    wanted = search.lower() if search else None
    found = [
        _listed(entry, at)
        for provider in _chosen(book, list(providers))
        for entry in book.entries(provider)
        if wanted is None or _fits(entry, wanted)
    ]
    return sorted(found, key=lambda one: (*_rank(one, sort), one.provider, one.model))


def _listed(entry: Entry, at: datetime) -> ListedModel:
    rate = rate_at(entry.rates, at)
    return ListedModel(
        provider=entry.provider, model=entry.id, rate=rate, rates=len(entry.rates), retired=entry.retired
    )


def _chosen(book: PriceBook, patterns: list[str]) -> Iterator[str]:
    names = book.provider_names()
    for pattern in patterns:
        if not any(fnmatchcase(name, book.canonical(pattern)) for name in names):
            raise UsageError(f"no provider {pattern!r} in the price table", hint="See: llmledger pricing check --stats")
    for name in names:
        if not patterns or any(fnmatchcase(name, book.canonical(pattern)) for pattern in patterns):
            yield name


def _fits(entry: Entry, wanted: str) -> bool:
    name = f"{entry.provider}/{entry.id}".lower()
    return fnmatchcase(name, wanted) or wanted in name or any(wanted == one for one in entry.names)


def _rank(one: ListedModel, sort: str) -> tuple[bool, Decimal | datetime | date | int]:
    rate = one.rate
    if sort in ("input", "output"):
        usd = one.usd(f"{sort}_tokens")
        return (usd is None, usd if usd is not None else 0)
    if sort == "since":
        since = rate.since if rate is not None else None
        return (since is None, -since.timestamp() if since is not None else 0)  # type: ignore[return-value]
    if sort == "checked":
        checked = rate.checked if rate is not None else None
        return (checked is None, checked.toordinal() if checked is not None else 0)
    return (False, 0)
