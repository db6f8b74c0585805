"""Pricing a million alike requests: the plan of a sheet is made once, and each request is then a few multiplications.

Only for what a plan can hold: whole counts, a rate without windows, no selectors. All else is priced the ordinary way;
a test holds both to the same nano-dollar.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from llmledger.core.money import share_whole
from llmledger.core.pricing import Sheet, sheet_for
from llmledger.core.rates import Rate
from llmledger.core.usage import OVERLAPS, UNIT_BY_NAME


class RateBook(Protocol):
    """A price book that tells which rate holds."""

    def rate(self, provider: str, model: str, *, at: datetime) -> Rate | None:
        """The rate of a model at an instant."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How the counts of certain units become money by one sheet."""

    rate: Rate
    suffix: str
    names: tuple[str, ...]
    wholes: tuple[int | None, ...]
    """For each unit the place of the whole that it is taken out of."""
    weights: tuple[int, ...]
    denominator: int

    def charge(self, counts: Mapping[str, int]) -> tuple[int, tuple[tuple[str, int, int], ...]] | None:
        """Cost and components (unit, quantity, nano-USD); None when a part is larger than its whole."""
        told = [counts[name] for name in self.names]
        rest = told.copy()
        for place, whole in enumerate(self.wholes):
            if whole is not None:
                rest[whole] -= told[place]
        if min(rest) < 0:
            return None
        exact = [quantity * weight for quantity, weight in zip(rest, self.weights, strict=True)]
        shares = exact if self.denominator == 1 else share_whole(exact, self.denominator)
        parts = [part for part in zip(self.names, rest, shares, strict=True) if part[1]]
        return sum(shares), tuple(parts)


class Plans:
    """Finds the plan of a request; remembers by sheet and units."""

    def __init__(self, book: RateBook) -> None:
        self._book = book
        self._known: dict[tuple[int, int, tuple[str, ...]], Plan | None] = {}
        self._kept: list[object] = []

    def find(self, provider: str, model: str, at: datetime, counts: Mapping[str, int]) -> Plan | None:
        """The plan for a request without selectors; None when it must be priced the ordinary way."""
        rate = self._book.rate(provider, model, at=at)
        if rate is None or rate.free or rate.windows or rate.is_default:
            return None
        sheet = sheet_for(rate, at=at, total_input=counts.get("input_tokens", 0))
        key = (id(rate), id(sheet), tuple(counts))
        try:
            return self._known[key]
        except KeyError:
            plan = self._known[key] = _plan(rate, sheet, tuple(counts))
            self._kept.append((rate, sheet))
            return plan


def _plan(rate: Rate, sheet: Sheet, names: tuple[str, ...]) -> Plan | None:
    if "billed_requests" in sheet.weights or any(name in OVERLAPS for name in names):
        return None
    priced = [name for name in names if name in sheet.counted]
    ordered = tuple(name for name in UNIT_BY_NAME if name in priced)
    if any(_whole(name, priced) is None for name in names if name not in sheet.counted):
        return None
    wholes = [_whole(name, priced) for name in ordered]
    return Plan(
        rate=rate,
        suffix=sheet.suffix,
        names=ordered,
        wholes=tuple(None if whole is None else ordered.index(whole) for whole in wholes),
        weights=tuple(sheet.weights[name] for name in ordered),
        denominator=sheet.denominator,
    )


def _whole(name: str, priced: list[str]) -> str | None:
    """The nearest unit with a price that another is a part of."""
    parent = UNIT_BY_NAME[name].parent
    while parent is not None and parent not in priced:
        parent = UNIT_BY_NAME[parent].parent
    return parent
