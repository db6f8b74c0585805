"""Rates: what a model costs over one period, with its tiers, modes and time windows, as exact integers.

A price is an integer of nano-USD per price unit: per 1M tokens, per 1,000 requests, per hour, as the unit's registry
entry says (`core.usage.Unit.per`). Nine decimals of a dollar are exact that way, and a price per token need not be a
whole number.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, tzinfo
from decimal import Decimal
from typing import TypeAlias

Prices: TypeAlias = Mapping[str, int]
"""Unit name to nano-USD per price unit."""

NO_PRICES: Prices = {}


@dataclass(frozen=True, slots=True, eq=False)
class Tier:
    """Prices of the *whole* request once its total input, cached parts included, passes a threshold.

    A unit that the tier does not name keeps the price of the tier below.
    """

    threshold: int
    prices: Prices
    inclusive: bool = False
    """True for vendors whose tier begins when the threshold is reached (`at_least`), False for `above`."""

    def is_reached(self, total_input: int) -> bool:
        """Whether a request with so much input is in this tier."""
        return total_input >= self.threshold if self.inclusive else total_input > self.threshold


@dataclass(frozen=True, slots=True, eq=False)
class Mode:
    """Prices for requests with certain selectors, such as `processing = batch` or `service_tier = flex`.

    All selectors must equal the context's. The first matching mode that names a unit sets its price; every matching
    mode's multiplier then applies, to the units in `only` or to all.
    """

    when: Mapping[str, str]
    prices: Prices = field(default_factory=dict)
    tiers: tuple[Tier, ...] = ()
    multiply: Decimal | None = None
    only: frozenset[str] | None = None

    def matches(self, context: Mapping[str, str]) -> bool:
        """Whether a request with this context is priced by the mode."""
        return all(context.get(selector) == value for selector, value in self.when.items())

    @property
    def name(self) -> str:
        """The selected values, for a rate's name; an unconditional mode has none."""
        return "+".join(self.when.values())


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """Prices that hold at certain hours of certain days in one time zone. The first open window counts."""

    hours: tuple[tuple[int, int], ...]
    """Half-open ranges in minutes of the day; a range that ends before it starts passes midnight."""
    zone: tzinfo
    days: frozenset[int] | None = None
    """Weekdays on which a range starts, Monday is 0; None is every day."""
    prices: Prices = field(default_factory=dict)
    multiply: Decimal | None = None
    only: frozenset[str] | None = None

    def is_open(self, at: datetime) -> bool:
        """Whether the instant lies in the window."""
        local = at.astimezone(self.zone)
        minute, day = local.hour * 60 + local.minute, local.weekday()
        return any(self._covers(start, end, minute, day) for start, end in self.hours)

    def _covers(self, start: int, end: int, minute: int, day: int) -> bool:
        if start < end:
            return start <= minute < end and self._starts_on(day)
        return (minute >= start and self._starts_on(day)) or (minute < end and self._starts_on((day - 1) % 7))

    def _starts_on(self, day: int) -> bool:
        return self.days is None or day in self.days


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Rate:
    """What one model costs from `since` (inclusive) until `until` (exclusive), by the request's start."""

    id: str
    """Names the rate for people: `anthropic/claude-sonnet-4-5@2025-09-29`."""
    prices: Prices = field(default_factory=dict)
    since: datetime | None = None
    until: datetime | None = None
    free: bool = False
    """An explicit zero; it has no prices."""
    tiers: tuple[Tier, ...] = ()
    """In ascending order of their thresholds."""
    modes: tuple[Mode, ...] = ()
    windows: tuple[Window, ...] = ()
    least: Mapping[str, int] = field(default_factory=dict)
    """Units of which a request that uses any is billed at least so many: ten seconds of audio."""
    source: str | None = None
    """Where the prices were read."""
    checked: date | None = None
    """The day on which that source was read."""
    evidence: str | None = None
    """`secondary` unless the vendor's own page was read."""
    observed: bool = False
    """Whether `since` is the day somebody saw the price, not the vendor's date."""
    is_default: bool = False
    """Whether this is an opt-in default price of the provider, an estimate for models without one."""
    body: Mapping[str, object] = field(default_factory=dict)
    """The rate verbatim: plain JSON values, prices as decimal strings."""

    def holds_at(self, at: datetime) -> bool:
        """Whether the instant lies in the rate's period."""
        return (self.since is None or self.since <= at) and (self.until is None or at < self.until)


def rate_at(rates: Sequence[Rate], at: datetime) -> Rate | None:
    """The rate that holds at an instant, or None in a gap."""
    for rate in rates:
        if rate.holds_at(at):
            return rate
    return None


def period_text(rate: Rate) -> str:
    """A rate's period for people: `2026-07-30 .. now`, `.. 2026-03-13`, `always`."""
    if rate.since is None and rate.until is None:
        return "always"
    since = instant_text(rate.since) + " " if rate.since else ""
    return f"{since}.. {instant_text(rate.until) if rate.until else 'now'}"


def instant_text(at: datetime) -> str:
    """An instant as price tables write it: a date at midnight UTC, else the full time."""
    utc = at.astimezone(UTC)
    return utc.date().isoformat() if utc.time() == utc.min.time() else utc.strftime("%Y-%m-%dT%H:%M:%SZ")
