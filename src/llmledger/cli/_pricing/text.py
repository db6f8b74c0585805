"""Prices as people read them: per 1M tokens, short, with the unit said where it is another."""

from collections.abc import Mapping
from decimal import Decimal

from llmledger.core.money import UNPRICED, price_text, usd_from_nanousd
from llmledger.core.rates import Mode, Prices, Rate, Tier, Window, period_text
from llmledger.core.usage import UNIT_BY_NAME

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def usd(amount: Decimal | None) -> str:
    """A price: two decimals at least, all that it has at most; a dash when there is none."""
    return UNPRICED if amount is None else price_text(amount)


def price_label(unit: str) -> str:
    """What a price is for: `input`, `cache read`, `1k web searches`, `hour audio`."""
    return UNIT_BY_NAME[unit].price_key.removeprefix("per_").replace("_", " ")


def prices_text(prices: Prices) -> str:
    """Prices in one line, in the registry's order."""
    ordered = [unit for unit in UNIT_BY_NAME if unit in prices]
    return " · ".join(f"{price_label(unit)} {usd(usd_from_nanousd(prices[unit]))}" for unit in ordered)


def rate_lines(rate: Rate) -> list[str]:
    """A rate in full: period, prices, tiers, windows, modes, evidence."""
    head = period_text(rate) + (" (day it was seen)" if rate.observed else "")
    lines = [head, f"  {'free' if rate.free else prices_text(rate.prices)}"]
    lines += [f"  {_tier(tier)}" for tier in rate.tiers]
    lines += [f"  {_window(window)}" for window in rate.windows]
    for mode in rate.modes:
        lines.append(f"  {_selectors(mode.when)}: {_change(mode.prices, mode)}")
        lines += [f"    {_tier(tier)}" for tier in mode.tiers]
    if rate.least:
        lines.append("  billed at least: " + ", ".join(f"{count} {unit}" for unit, count in rate.least.items()))
    evidence = [rate.source or "no source", f"read {rate.checked}" if rate.checked else "never checked"]
    return [*lines, f"  {', '.join([*evidence, *([rate.evidence] if rate.evidence else [])])}"]


def _tier(tier: Tier) -> str:
    return f"{'from' if tier.inclusive else 'above'} {tier.threshold:,} input tokens: {prices_text(tier.prices)}"


def _window(window: Window) -> str:
    hours = ", ".join(f"{_clock(start)}-{_clock(end)}" for start, end in window.hours)
    days = "" if window.days is None else " ".join(_DAYS[day] for day in sorted(window.days)) + " "
    return f"{days}{hours} {window.zone.tzname(None) or window.zone}: {_change(window.prices, window)}"


def _change(prices: Prices, one: Mode | Window) -> str:
    parts = [prices_text(prices)] if prices else []
    if one.multiply is not None:
        which = "" if one.only is None else " for " + ", ".join(price_label(unit) for unit in sorted(one.only))
        parts.append(f"times {one.multiply}{which}")
    return " · ".join(parts) or "see its tiers"


def _selectors(when: Mapping[str, str]) -> str:
    return " and ".join(f"{key}={value}" for key, value in when.items()) or "always"


def _clock(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"
