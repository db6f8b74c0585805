"""Compare two price tables: what one has more, less, or at another price."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from llmledger.core.money import usd_from_nanousd
from llmledger.core.rates import Rate, rate_at
from llmledger.pricebook import PriceBook


class ChangeKind(StrEnum):
    """How a table differs from the one before."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One model, or one price of it, that differs; USD per price unit."""

    kind: ChangeKind
    provider: str
    model: str
    unit: str | None = None
    before: Decimal | None = None
    after: Decimal | None = None

    @property
    def factor(self) -> Decimal | None:
        """How many times the old price the new one is; None where either is missing or zero."""
        return self.after / self.before if self.before and self.after else None


def compare_prices(old: PriceBook, new: PriceBook, *, at: datetime) -> list[Change]:
    """Every difference between the rates that two tables have in force at a time, by provider and model."""
    changes: list[Change] = []
    for provider in sorted({*old.provider_names(), *new.provider_names()}):
        before, after = _rates(old, provider, at), _rates(new, provider, at)
        for model in sorted({*before, *after}):
            changes += _model_changes(provider, model, before, after)
    return changes


def _rates(book: PriceBook, provider: str, at: datetime) -> dict[str, Rate | None]:
    return {entry.id: rate_at(entry.rates, at) for entry in book.entries(provider)}


def _model_changes(
    provider: str, model: str, before: Mapping[str, Rate | None], after: Mapping[str, Rate | None]
) -> Iterator[Change]:
    if model not in before:
        yield Change(kind=ChangeKind.ADDED, provider=provider, model=model)
    elif model not in after:
        yield Change(kind=ChangeKind.REMOVED, provider=provider, model=model)
    else:
        yield from price_changes(provider, model, before[model], after[model])


def price_changes(provider: str, model: str, before: Rate | None, after: Rate | None) -> Iterator[Change]:
    """The prices in which two rates of one model differ; a free rate has none."""
    old, new = _prices(before), _prices(after)
    for unit in dict.fromkeys([*old, *new]):
        if old.get(unit) != new.get(unit):
            yield Change(
                kind=ChangeKind.CHANGED,
                provider=provider,
                model=model,
                unit=unit,
                before=old.get(unit),
                after=new.get(unit),
            )


def _prices(rate: Rate | None) -> dict[str, Decimal]:
    return {unit: usd_from_nanousd(nano) for unit, nano in rate.prices.items()} if rate is not None else {}
