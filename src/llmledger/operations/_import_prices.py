"""Pricing a million alike requests: the plan of a sheet is made once, and each request is then a few multiplications.

Only for what a plan can hold: whole counts, a rate without windows, no selectors. All else is priced the ordinary way;
a test holds both to the same nano-dollar.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from operator import itemgetter, mul
from typing import Protocol, TypeAlias

from llmledger.core.money import share_whole
from llmledger.core.pricing import Sheet, sheet_for
from llmledger.core.rates import Rate
from llmledger.core.usage import OVERLAPS, UNIT_BY_NAME
from llmledger.core.window import HOUR_MS, MS
from llmledger.ledger.rows import USAGE_COLUMNS

_REMEMBERED = 50_000


class RateBook(Protocol):
    """A price book that tells which rate holds."""

    def rate(self, provider: str, model: str, *, at: datetime) -> Rate | None:
        """The rate of a model at an instant."""


Charged: TypeAlias = tuple[int, str | None]
"""Cost, and components as a row stores them."""
Charge: TypeAlias = Callable[[Sequence[int | None]], Charged | None]
"""From a row's usage columns to what it costs; None when a part is larger than its whole."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How the counts of certain units become money by one sheet."""

    rate: Rate
    suffix: str
    charge: Charge


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
        is_one = rate is not None and rate is self._book.rate(provider, model, at=_hour(hour + 1) - MS)
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
    if "billed_requests" in sheet.weights or any(name in OVERLAPS or name not in USAGE_COLUMNS for name in names):
        return None
    priced = [name for name in names if name in sheet.counted]
    ordered = tuple(name for name in UNIT_BY_NAME if name in priced)
    if any(_whole(name, priced) is None for name in names if name not in sheet.counted):
        return None
    weights = [sheet.weights[name] for name in ordered]
    charge = _charge(ordered, weights, sheet.denominator)
    if ordered == _CACHED and sheet.denominator == 1:
        charge = _cached_charge(weights, charge)
    return Plan(rate, sheet.suffix, charge)


def _charge(names: tuple[str, ...], weights: Sequence[int], denominator: int) -> Charge:
    """The charge of any units: of each what its parts leave of it."""
    codes = [UNIT_BY_NAME[name].code for name in names]
    places = [USAGE_COLUMNS.index(name) for name in names]
    wholes = [_whole(name, names) for name in names]
    inside = [(place, names.index(whole)) for place, whole in enumerate(wholes) if whole is not None]

    def charge(columns: Sequence[int | None]) -> Charged | None:
        told = [columns[place] or 0 for place in places]
        rest = told.copy()
        for part, whole in inside:
            rest[whole] -= told[part]
        if min(rest) < 0:
            return None
        shares = list(map(mul, rest, weights))
        if denominator != 1:
            shares = share_whole(shares, denominator)
        parts = [f'"{code}":[{n},{share}]' for code, n, share in zip(codes, rest, shares, strict=True) if n]
        return sum(shares), f"{{{','.join(parts)}}}" if parts else None

    return charge


_CACHED = ("input_tokens", "cache_read_tokens", "cache_write_tokens", "cache_write_1h_tokens", "output_tokens")
"""What Anthropic's answers count, in the order of columns; the bulk of all logs."""
_TAKE_CACHED = itemgetter(*[USAGE_COLUMNS.index(name) for name in _CACHED])


def _cached_charge(weights: Sequence[int], otherwise: Charge) -> Charge:
    """The same of `_CACHED` at whole nano-USD a token, in a third of the time when all but one kind of write is there."""
    fresh_nano, read_nano, written_nano, hour_nano, output_nano = weights
    codes = [UNIT_BY_NAME[name].code for name in _CACHED]
    parts = f'{{"{codes[0]}":[%d,%d],"{codes[1]}":[%d,%d],"%s":[%d,%d],"{codes[4]}":[%d,%d]}}'

    def charge(columns: Sequence[int | None]) -> Charged | None:
        fresh, read, written, hour, output = _TAKE_CACHED(columns)
        fresh -= read + written
        if fresh <= 0 or not read or not output or not written or (hour and hour != written):
            return otherwise(columns)
        write, nano = (codes[3], hour_nano) if hour else (codes[2], written_nano)
        shares = fresh * fresh_nano, read * read_nano, written * nano, output * output_nano
        told = (fresh, shares[0], read, shares[1], write, written, shares[2], output, shares[3])
        return sum(shares), parts % told

    return charge


def _whole(name: str, priced: Collection[str]) -> str | None:
    """The nearest unit with a price that another is a part of."""
    parent = UNIT_BY_NAME[name].parent
    while parent is not None and parent not in priced:
        parent = UNIT_BY_NAME[parent].parent
    return parent
