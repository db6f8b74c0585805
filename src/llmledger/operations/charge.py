"""Charge: decide what one request costs, from its usage, its price and what the provider said."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from fractions import Fraction
from typing import Protocol

from llmledger.core.cost import Component, Cost
from llmledger.core.money import nanousd_from_usd, share_out
from llmledger.core.request import Begun, Charged, Estimate, Part
from llmledger.core.usage import Usage
from llmledger.core.words import CostSource, Outcome, Status, UsageQuality
from llmledger.dialects._contract import Reading

CHARACTERS_PER_TOKEN = 4
"""For text whose tokens nobody counted. Prose and code measure 4.3 to 4.8 characters a token: this errs high."""

NEVER_SENT = frozenset({"connect", "credentials"})
"""Error types of requests that cannot have reached a model."""


class Prices(Protocol):
    """A price table that answers for any model, any usage and any time."""

    @property
    def version(self) -> str:
        """Date version and content hash."""

    def price(self, provider: str, model: str, usage: Usage, *, at: datetime, context: Mapping[str, str] = ...) -> Cost:
        """Price a usage; never raises for what it does not know."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcomes:
    """What is known of a request when its money is decided."""

    begun: Begun
    reading: Reading
    status: Status
    http_status: int | None = None
    error_type: str | None = None
    cache_hit: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """Usage, its quality and its money, as one row will hold them."""

    usage: Usage
    quality: UsageQuality
    charged: Charged
    context: Mapping[str, str]
    parts: tuple[Part, ...] = ()
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Bill:
    """A usage with its cost, before anybody decided whether it counts."""

    usage: Usage
    cost: Cost
    parts: tuple[Part, ...] = ()
    flags: tuple[str, ...] = field(default=())


def settle(outcomes: Outcomes, prices: Prices) -> Settled:
    """Decide usage and money of a request that has ended, whatever way it ended.

    Not billed (0): rejected before inference, or never sent. Cached by us: 0. Otherwise the provider's own cost wins
    over the computed one, and both are kept. Usage that broke off or never came is filled up by estimates and flagged,
    with an upper bound beside the cost; an unknown price gives None, never 0.
    """
    reading = outcomes.reading
    context = {**outcomes.begun.price_context, **reading.price_context}
    if outcomes.cache_hit:
        return Settled(
            usage=reading.usage, quality=reading.quality, charged=_nothing(CostSource.CACHE, prices), context=context
        )
    if _is_not_billed(outcomes):
        charged = _nothing(CostSource.NOT_BILLED, prices)
        return Settled(usage=reading.usage, quality=reading.quality, charged=charged, context=context)
    usage, quality, flags = _completed_usage(outcomes)
    bill = _bill(outcomes, usage, context, prices)
    high = _high_bound(outcomes, usage, quality, context, prices)
    charged = _charged(bill.cost, reading, high=high)
    return Settled(
        usage=usage,
        quality=quality,
        charged=replace(charged, price_version=charged.price_version or prices.version),
        context=context,
        parts=bill.parts,
        flags=(*reading.flags, *flags, *bill.flags),
    )


def estimate(begun: Begun, prices: Prices) -> Estimate:
    """Bound the cost of a request before it is sent: its input alone, and its input with all the output it may have.

    What is free needs no bound of its output to be known.
    """
    known = begun.estimate
    low = high = None
    if known.input_tokens is not None:
        low = _priced(begun, Usage(input_tokens=known.input_tokens), begun.price_context, prices)
        if known.max_output_tokens is not None:
            full = Usage(input_tokens=known.input_tokens, output_tokens=known.max_output_tokens)
            high = _priced(begun, full, begun.price_context, prices)
        elif low == 0 and _is_free(begun, prices):
            high = 0
    return replace(known, low_nanousd=low, high_nanousd=high)


def _priced(begun: Begun, usage: Usage, context: Mapping[str, str], prices: Prices) -> int | None:
    return prices.price(begun.provider, begun.model, usage, at=begun.started_at, context=context).nanousd


def _is_free(begun: Begun, prices: Prices) -> bool:
    usage = Usage(input_tokens=1, output_tokens=1)
    cost = prices.price(begun.provider, begun.model, usage, at=begun.started_at, context=begun.price_context)
    return cost.outcome is Outcome.FREE


def _nothing(source: CostSource, prices: Prices) -> Charged:
    return Charged(cost_nanousd=0, cost_source=source, price_version=prices.version)


def _is_not_billed(outcomes: Outcomes) -> bool:
    if outcomes.status is not Status.FAILED or outcomes.reading.has_output or outcomes.reading.usage.is_told:
        return False
    if outcomes.error_type in NEVER_SENT:
        return True
    return outcomes.http_status is not None and outcomes.http_status >= 400


def _completed_usage(outcomes: Outcomes) -> tuple[Usage, UsageQuality, tuple[str, ...]]:
    """The usage as told, with estimates where it broke off, its quality, and which counts are estimates."""
    reading = outcomes.reading
    if reading.quality is UsageQuality.EXACT:
        return reading.usage, reading.quality, ()
    usage, flags = reading.usage, []
    known = outcomes.begun.estimate.input_tokens
    if usage.input_tokens is None and known is not None:
        usage = replace(usage, input_tokens=known)
        flags.append("input_estimated")
    seen = -(-reading.output_characters // CHARACTERS_PER_TOKEN)
    if seen > (usage.output_tokens or 0):
        usage = replace(usage, output_tokens=seen)
        flags.append("output_estimated")
    if reading.quality is UsageQuality.MISSING and flags:
        return usage, UsageQuality.ESTIMATED, tuple(flags)
    return usage, reading.quality, tuple(flags)


def _bill(outcomes: Outcomes, usage: Usage, context: Mapping[str, str], prices: Prices) -> _Bill:
    begun, reading = outcomes.begun, outcomes.reading
    if not reading.parts:
        cost, flags = by_served_model(begun, reading.model, usage, context=context, prices=prices)
        return _Bill(usage, cost, (), flags)
    costs = [
        prices.price(begun.provider, part.model, part.usage, at=begun.started_at, context=context)
        for part in reading.parts
    ]
    parts = tuple(
        Part(
            provider=begun.provider,
            model=part.model,
            usage=part.usage,
            nanousd=cost.nanousd,
            components=cost.components,
            rate_id=cost.rate_id,
        )
        for part, cost in zip(reading.parts, costs, strict=True)
    )
    return _Bill(usage, sum_costs(parts, costs), parts)


def by_served_model(
    begun: Begun, served: str | None, usage: Usage, *, context: Mapping[str, str], prices: Prices
) -> tuple[Cost, tuple[str, ...]]:
    """Price the model that answered; when it has no price, the one asked for stands in, and the row says so.

    A name that is free here because everything of that provider is (a model on this machine) makes nothing free that was
    asked for under a name that is not: `gpt-oss:120b-cloud` is passed on to a paid cloud and may be answered without it.
    """
    asked = prices.price(begun.provider, begun.model, usage, at=begun.started_at, context=context)
    if served is None or served == begun.model:
        return asked, ()
    cost = prices.price(begun.provider, served, usage, at=begun.started_at, context=context)
    if cost.outcome is Outcome.UNPRICED and asked.outcome is not Outcome.UNPRICED:
        return asked, ("priced_as_requested",)
    if cost.outcome is Outcome.FREE and asked.outcome is not Outcome.FREE:
        return asked, ("priced_as_requested",)
    return cost, ()


def sum_costs(parts: Sequence[Part], costs: Sequence[Cost]) -> Cost:
    """One cost for several parts: components of the same unit are merged, and what has no price is listed."""
    known = [cost for cost in costs if cost.nanousd is not None]
    if not known:
        return costs[0]
    merged: dict[str, Component] = {}
    for line in (line for cost in known for line in cost.components):
        have = merged.get(line.unit)
        merged[line.unit] = (
            line if have is None else Component(line.unit, have.quantity + line.quantity, have.nanousd + line.nanousd)
        )
    unpriced = {unit for cost in known for unit in cost.unpriced_units}
    for part, cost in zip(parts, costs, strict=True):
        if cost.nanousd is None:
            unpriced.update(part.usage.told())
    first = known[0]
    return replace(
        first,
        outcome=Outcome.PARTIAL if unpriced else first.outcome,
        nanousd=sum(line.nanousd for line in merged.values()),
        components=tuple(merged.values()),
        unpriced_units=tuple(sorted(unpriced)),
    )


def _high_bound(
    outcomes: Outcomes, usage: Usage, quality: UsageQuality, context: Mapping[str, str], prices: Prices
) -> int | None:
    allowed = outcomes.begun.estimate.max_output_tokens
    if quality is UsageQuality.EXACT or allowed is None or usage.input_tokens is None:
        return None
    full = replace(usage, output_tokens=max(allowed, usage.output_tokens or 0))
    return _priced(outcomes.begun, full, context, prices)


def _charged(cost: Cost, reading: Reading, *, high: int | None) -> Charged:
    computed = Charged(
        cost_nanousd=cost.nanousd,
        cost_source=_source(cost),
        cost_high_nanousd=high,
        computed_nanousd=cost.nanousd,
        components=cost.components,
        unpriced_units=cost.unpriced_units,
        rate_id=cost.rate_id,
        rate=cost.rate,
        price_version=cost.price_version,
    )
    if reading.reported_usd is None:
        return computed
    reported = nanousd_from_usd(reading.reported_usd)
    return replace(
        computed,
        cost_nanousd=reported,
        cost_source=CostSource.REPORTED,
        cost_high_nanousd=None,
        reported_nanousd=reported,
        components=_stretched(cost.components, reported),
    )


def _source(cost: Cost) -> CostSource:
    if cost.nanousd is None:
        return CostSource.NONE
    return CostSource.DEFAULT if cost.is_default else CostSource.COMPUTED


def _stretched(components: tuple[Component, ...], total: int) -> tuple[Component, ...]:
    """Share a stated cost over the computed components in their proportion, so that they still add up to it."""
    computed = sum(line.nanousd for line in components)
    if computed <= 0 or total < 0:
        return (Component("billed_requests", 1, total),)
    weights = [Fraction(line.nanousd * total, computed) for line in components]
    return tuple(
        replace(line, nanousd=share) for line, share in zip(components, share_out(total, weights), strict=True)
    )
