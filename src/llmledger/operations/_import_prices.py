"""Pricing a million alike requests: the plan of a sheet is made once, and each request is then a few multiplications.

Only for what a plan can hold: whole counts, a rate without windows, no selectors. All else is priced the ordinary way;
a test holds both to the same nano-dollar.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from operator import mul
from typing import Protocol, TypeAlias

from llmledger.core.money import share_whole
from llmledger.core.pricing import Sheet, sheet_for
from llmledger.core.rates import Rate
from llmledger.core.usage import OVERLAPS, UNIT_BY_NAME

HOUR_MS = 3_600_000
_MS = timedelta(milliseconds=1)
_REMEMBERED = 50_000


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
    codes: tuple[str, ...]
    """The names as they stand in a row's components."""
    inside: tuple[tuple[int, int], ...]
    """Places of a unit and of the whole that it is taken out of."""
    weights: tuple[int, ...]
    denominator: int

    def charge(self, counts: Mapping[str, int]) -> tuple[int, str | None] | None:
        """Cost, and components as a row stores them; None when a part is larger than its whole."""
        told = [counts[name] for name in self.names]
        rest = told.copy()
        for part, whole in self.inside:
            rest[whole] -= told[part]
        if min(rest) < 0:
            return None
        shares = list(map(mul, rest, self.weights))
        if self.denominator != 1:
            shares = share_whole(shares, self.denominator)
        parts = [f'"{code}":[{n},{share}]' for code, n, share in zip(self.codes, rest, shares, strict=True) if n]
        return sum(shares), f"{{{','.join(parts)}}}" if parts else None


_Key: TypeAlias = tuple[str, str, int, tuple[str, ...]]


class Plans:
    """Finds the plan of a request; remembers it by model, hour and units, since log after log asks for the same."""

    def __init__(self, book: RateBook) -> None:
        self._book = book
        self._hours: dict[_Key, tuple[Rate, dict[int, Plan | None]] | None] = {}
        self._plans: dict[tuple[int, int, tuple[str, ...]], Plan | None] = {}
        self._kept: list[object] = []

    def find(self, provider: str, model: str, started_ms: int, counts: Mapping[str, int]) -> Plan | None:
        """The plan for a request without selectors; None when it must be priced the ordinary way."""
        names = tuple(counts)
        key = (provider, model, started_ms // HOUR_MS, names)
        try:
            found = self._hours[key]
        except KeyError:
            found = self._remember(key)
        if found is None:
            return None
        rate, by_tier = found
        total = counts.get("input_tokens", 0)
        reached = sum([tier.is_reached(total) for tier in rate.tiers]) if rate.tiers else 0
        try:
            return by_tier[reached]
        except KeyError:
            sheet = sheet_for(rate, at=_hour(key[2]), total_input=total)
            plan = by_tier[reached] = self._plan(rate, sheet, names)
            return plan

    def _remember(self, key: _Key) -> "tuple[Rate, dict[int, Plan | None]] | None":
        """The rate of an hour, if one rate holds from its beginning to its end."""
        if len(self._hours) >= _REMEMBERED:
            self._hours.clear()
        provider, model, hour, _ = key
        rate = self._book.rate(provider, model, at=_hour(hour))
        is_one = rate is not None and rate is self._book.rate(provider, model, at=_hour(hour + 1) - _MS)
        if rate is None or not is_one or rate.free or rate.windows or rate.is_default or rate.least:
            self._hours[key] = None
            return None
        found = self._hours[key] = (rate, {})
        return found

    def _plan(self, rate: Rate, sheet: Sheet, names: tuple[str, ...]) -> Plan | None:
        key = (id(rate), id(sheet), names)
        if key not in self._plans:
            self._plans[key] = _plan(rate, sheet, names)
            self._kept.append((rate, sheet))
        return self._plans[key]


def _hour(number: int) -> datetime:
    return datetime.fromtimestamp(number * 3600, UTC)


def _plan(rate: Rate, sheet: Sheet, names: tuple[str, ...]) -> Plan | None:
    if "billed_requests" in sheet.weights or any(name in OVERLAPS for name in names):
        return None
    priced = [name for name in names if name in sheet.counted]
    ordered = tuple(name for name in UNIT_BY_NAME if name in priced)
    if any(_whole(name, priced) is None for name in names if name not in sheet.counted):
        return None
    wholes = [_whole(name, priced) for name in ordered]
    inside = tuple((place, ordered.index(whole)) for place, whole in enumerate(wholes) if whole is not None)
    return Plan(
        rate=rate,
        suffix=sheet.suffix,
        names=ordered,
        codes=tuple(UNIT_BY_NAME[name].code for name in ordered),
        inside=inside,
        weights=tuple(sheet.weights[name] for name in ordered),
        denominator=sheet.denominator,
    )


def _whole(name: str, priced: list[str]) -> str | None:
    """The nearest unit with a price that another is a part of."""
    parent = UNIT_BY_NAME[name].parent
    while parent is not None and parent not in priced:
        parent = UNIT_BY_NAME[parent].parent
    return parent
