"""Pricing: usage and a rate to an exact cost. Pure functions; the one place where tokens become money.

Each priced unit is charged for its own count less its priced parts, so nothing is charged twice and a part without a
price of its own is charged as its whole. Amounts are exact until the end and rounded once per request, half even, to
nano-USD.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from math import lcm

from llmledger.core.cost import Component, Cost
from llmledger.core.money import share_whole
from llmledger.core.rates import Mode, Rate, Tier
from llmledger.core.usage import ANCESTORS, OVERLAPS, UNIT_BY_NAME, Quantity, Usage, leaves_of
from llmledger.core.words import Outcome

NO_CONTEXT: Mapping[str, str] = {}

NOT_CHARGED_BY_ITSELF = frozenset({"billed_requests"})
"""Told by every response; without a price of its own it is no gap in a rate."""


@dataclass(frozen=True, slots=True, eq=False)
class Sheet:
    """What each unit costs for one request: a rate after its tier, window and modes were applied."""

    weights: Mapping[str, int]
    """Unit name to nano-USD for one of it, as numerator over `denominator`."""
    denominator: int
    counted: frozenset[str]
    """Units that count for themselves when a usage is taken apart."""
    suffix: str
    """What to append to the rate's name for the modes that took part."""
    note: str | None
    """Which tier, window or modes applied; one phrase for people."""


def price(
    usage: Usage, rate: Rate, *, at: datetime, context: Mapping[str, str] = NO_CONTEXT, version: str | None = None
) -> Cost:
    """Price a usage by a rate, exactly.

    `at` is when the request started (aware); `context` holds selectors as served, such as `service_tier`. Total
    input, cached parts included, decides the context tier. A per-request price counts one request unless the usage
    tells how many. The components sum to the cost. Never raises: what cannot be priced comes back as unpriced, with
    the reason.
    """
    if rate.free:
        return Cost(Outcome.FREE, 0, rate_id=rate.id, price_version=version, rate=rate.body, is_default=rate.is_default)
    told = usage.told()
    if rate.least:
        told.update((unit, max(told[unit], least)) for unit, least in rate.least.items() if told.get(unit))
    sheet = sheet_for(rate, at=at, context=context, total_input=int(told.get("input_tokens", 0)))
    if not told:
        return _unpriced(rate, version, "no usage was told")
    quantities, missing, overfull = _take_apart(told, sheet)
    rate_id = rate.id + sheet.suffix
    if missing and not any(quantities.values()):
        reason = f"{rate_id} has no price for {', '.join(missing)}"
        return Cost(Outcome.UNPRICED, None, (), missing, rate_id, version, rate.body, reason, rate.is_default)
    if "billed_requests" in sheet.weights and "billed_requests" not in quantities:
        quantities["billed_requests"] = 1
    components = _charge(quantities, sheet)
    return Cost(
        outcome=Outcome.PARTIAL if missing else Outcome.PRICED,
        nanousd=sum([part.nanousd for part in components]),
        components=components,
        unpriced_units=missing,
        rate_id=rate_id,
        price_version=version,
        rate=rate.body,
        reason=_reason(sheet, missing, overfull),
        is_default=rate.is_default,
    )


def unpriced(reason: str, *, version: str | None = None) -> Cost:
    """The cost of a request for which there is no rate."""
    return Cost(Outcome.UNPRICED, None, price_version=version, reason=reason)


def sheet_for(rate: Rate, *, at: datetime, context: Mapping[str, str] = NO_CONTEXT, total_input: int = 0) -> Sheet:
    """The prices of one request: the rate's, then tier, time window, modes and multipliers, in that order."""
    window = next((i for i, one in enumerate(rate.windows) if one.is_open(at)), None) if rate.windows else None
    modes = _matching(rate, tuple(context.items())) if rate.modes else ()
    if not modes:
        return _sheet(rate, window, modes, (_reached(rate.tiers, total_input),))
    steps = (_reached(rate.tiers, total_input), *(_reached(rate.modes[i].tiers, total_input) for i in modes))
    return _sheet(rate, window, modes, steps)


@lru_cache(maxsize=4096)
def _matching(rate: Rate, context: tuple[tuple[str, str], ...]) -> tuple[int, ...]:
    selectors = dict(context)
    return tuple(i for i, mode in enumerate(rate.modes) if mode.matches(selectors))


def _reached(tiers: Sequence[Tier], total_input: int) -> int:
    return sum([tier.is_reached(total_input) for tier in tiers]) if tiers else 0


@lru_cache(maxsize=4096)
def _sheet(rate: Rate, window: int | None, modes: tuple[int, ...], steps: tuple[int, ...]) -> Sheet:
    prices: dict[str, Fraction] = {unit: Fraction(nano) for unit, nano in rate.prices.items()}
    _overlay(prices, rate.tiers[: steps[0]])
    if window is not None:
        opened = rate.windows[window]
        prices.update((unit, Fraction(nano)) for unit, nano in opened.prices.items())
        _multiply(prices, opened.multiply, opened.only)
    matching = [rate.modes[i] for i in modes]
    for mode, reached in reversed(list(zip(matching, steps[1:], strict=True))):
        prices.update((unit, Fraction(nano)) for unit, nano in mode.prices.items())
        _overlay(prices, mode.tiers[:reached])
    for mode in matching:
        _multiply(prices, mode.multiply, mode.only)
    each = {unit: nano / UNIT_BY_NAME[unit].per for unit, nano in prices.items()}
    denominator = lcm(*(amount.denominator for amount in each.values()))
    return Sheet(
        weights={unit: amount.numerator * (denominator // amount.denominator) for unit, amount in each.items()},
        denominator=denominator,
        counted=frozenset(each),
        suffix="".join(f"#{mode.name}" for mode in matching if mode.name),
        note=_note(rate, window, matching, steps[0]),
    )


def _overlay(prices: dict[str, Fraction], tiers: Sequence[Tier]) -> None:
    for tier in tiers:
        prices.update((unit, Fraction(nano)) for unit, nano in tier.prices.items())


def _multiply(prices: dict[str, Fraction], factor: Decimal | None, only: frozenset[str] | None) -> None:
    if factor is not None:
        for unit in prices if only is None else only & prices.keys():
            prices[unit] *= Fraction(factor)


def _note(rate: Rate, window: int | None, modes: Sequence[Mode], step: int) -> str | None:
    notes = []
    if step:
        tier = rate.tiers[step - 1]
        notes.append(f"{'from' if tier.inclusive else 'above'} {tier.threshold:,} input tokens")
    if window is not None:
        notes.append("in a time window")
    notes.extend(", ".join(f"{key}={value}" for key, value in mode.when.items()) for mode in modes if mode.when)
    return "; ".join(notes) or None


def _take_apart(
    told: Mapping[str, Quantity], sheet: Sheet
) -> tuple[dict[str, Quantity], tuple[str, ...], tuple[str, ...]]:
    """Disjoint quantities of priced units, told units without any price, and the wholes smaller than their parts."""
    alone, stray, counted = _parts(sheet.counted, tuple(told))
    apart = leaves_of(told, counted)
    quantities = dict(apart.quantities)
    missing = tuple(name for name in alone if quantities.pop(name) and name not in NOT_CHARGED_BY_ITSELF)
    for name, whole in stray:
        quantities[whole] = quantities.get(whole, 0) + quantities.pop(name)
    return quantities, missing, apart.overfull


@lru_cache(maxsize=4096)
def _parts(
    priced: frozenset[str], told: tuple[str, ...]
) -> tuple[tuple[str, ...], tuple[tuple[str, str], ...], frozenset[str]]:
    """Of the told units, those without any price, those charged as another unit, and all that count for themselves."""
    orphans = {name for name in told if name not in priced and not ANCESTORS[name] & priced}
    alone = tuple(name for name in told if name in orphans and not ANCESTORS[name] & orphans)
    counted = priced.union(alone)
    stray = [name for name in told if name not in counted and name not in orphans and _is_stray(name, told, counted)]
    return alone, tuple((name, _charged_as(name, priced)) for name in stray), counted.union(stray)


def _is_stray(name: str, told: Collection[str], counted: frozenset[str]) -> bool:
    """Whether a part without a price counts by itself: it overlaps two wholes, or no counted whole was told."""
    return name in OVERLAPS or not any(whole in told and whole in counted for whole in ANCESTORS[name])


def _charged_as(name: str, priced: frozenset[str]) -> str:
    """The unit whose price a part without one takes: its nearest priced whole, the parent before the other."""
    return max(ANCESTORS[name] & priced, key=lambda whole: (len(ANCESTORS[whole]), whole != OVERLAPS.get(name)))


def _charge(quantities: Mapping[str, Quantity], sheet: Sheet) -> tuple[Component, ...]:
    units = [unit for unit, quantity in quantities.items() if quantity]
    ratios = [quantities[unit].as_integer_ratio() for unit in units]
    common = lcm(*[ratio[1] for ratio in ratios])
    weights = [
        count * (common // parts) * sheet.weights[unit] for unit, (count, parts) in zip(units, ratios, strict=True)
    ]
    shares = share_whole(weights, common * sheet.denominator)
    return tuple([Component(unit, quantities[unit], share) for unit, share in zip(units, shares, strict=True)])


def _unpriced(rate: Rate, version: str | None, reason: str) -> Cost:
    return Cost(Outcome.UNPRICED, None, (), (), rate.id, version, rate.body, reason, rate.is_default)


def _reason(sheet: Sheet, missing: tuple[str, ...], overfull: tuple[str, ...]) -> str | None:
    notes = [sheet.note] if sheet.note else []
    if missing:
        notes.append(f"no price for {', '.join(missing)}")
    if overfull:
        notes.append(f"parts exceed {', '.join(overfull)}")
    return "; ".join(notes) or None
