"""One request in full: as plain JSON, and how its price came about."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from llmledger.core.adjustment import Adjustment, Standing
from llmledger.core.cost import Component
from llmledger.core.money import NANOUSD_PER_USD, round_half_even, usd_text
from llmledger.core.request import Finished, id_text
from llmledger.core.usage import UNIT_BY_NAME, Quantity


@dataclass(frozen=True, slots=True)
class PriceLine:
    """One line of a price formula: so many of a unit, at a price for so many of them, make so much."""

    unit: str
    quantity: Quantity
    usd: str | None
    """The price as the rate writes it; None when it is made of several (a multiplier, a stated cost)."""
    per: int
    nanousd: int


def price_lines(components: Sequence[Component], rate: Mapping[str, object] | None) -> tuple[PriceLine, ...]:
    """The formula of a cost: each component with the price of its rate that gives exactly this amount."""
    return tuple(_price_line(part, rate or {}) for part in components)


def _price_line(part: Component, rate: Mapping[str, object]) -> PriceLine:
    unit = UNIT_BY_NAME[part.unit]
    keys = [unit.price_key]
    while unit.parent is not None:
        unit = UNIT_BY_NAME[unit.parent]
        keys.append(unit.price_key)
    per = UNIT_BY_NAME[part.unit].per
    fitting = (
        text
        for key in keys
        for text in _prices(rate, key)
        if abs(Fraction(Decimal(text)) * NANOUSD_PER_USD * Fraction(part.quantity) / per - part.nanousd) < 1
    )
    return PriceLine(part.unit, part.quantity, next(fitting, None), per, part.nanousd)


def _prices(body: Mapping[str, object], key: str) -> Iterator[str]:
    """Every price that a rate names for a key: its own, then those of its tiers and modes."""
    if key in body:
        yield str(body[key])
    for value in body.values():
        parts = value if isinstance(value, list) else [value]
        for part in parts:
            if isinstance(part, Mapping):
                yield from _prices(part, key)


def effective_usd(line: PriceLine) -> Decimal:
    """The price that a line amounts to, per price unit, to nano-USD."""
    if not line.quantity:
        return Decimal(0)
    return Decimal(round_half_even(Fraction(line.nanousd * line.per) / Fraction(line.quantity))) / NANOUSD_PER_USD


def request_json(finished: Finished, standing: Standing, adjustments: Sequence[Adjustment] = ()) -> dict[str, object]:
    """A request as it stands now, with the names of the public view; its corrections are listed under their own key."""
    return {
        **_identity(finished, standing),
        **_ending(finished),
        **_usage(standing),
        **_money(finished, standing),
        "adjustments": [_adjustment(entry) for entry in adjustments],
    }


def _identity(finished: Finished, standing: Standing) -> dict[str, object]:
    begun, place = finished.begun, standing.place
    who = place.attribution
    return {
        "request_id": id_text(begun.request_id),
        "started_at": begun.started_at,
        "provider": place.provider,
        "model": place.model,
        "served_model": finished.served_model,
        "source": place.source,
        "dialect": place.dialect,
        "endpoint": place.endpoint,
        "status": place.status,
        "billing": place.billing,
        **{name: getattr(who, name) for name in ("client", "user", "team", "project", "operation", "app", "key")},
        **{name: getattr(who, name) for name in ("host", "session", "branch")},
        "tags": dict(who.tags),
    }


def _ending(finished: Finished) -> dict[str, object]:
    return {
        "provider_request_id": finished.provider_request_id,
        "client_request_id": finished.begun.client_request_id,
        "http_status": finished.http_status,
        "error_type": finished.error_type,
        "error_message": finished.error_message,
        "finish_reason": finished.finish_reason,
        "attempts": finished.attempts,
        "cache_hit": finished.cache_hit,
        "latency_ms": finished.latency_ms,
        "first_token_ms": finished.first_token_ms,
        "timeline": [{"event": event, "ms": ms} for event, ms in finished.timeline],
    }


def _usage(standing: Standing) -> dict[str, object]:
    return {
        "usage": standing.measures.usage.told(),
        "usage_quality": standing.place.usage_quality,
    }


def _money(finished: Finished, standing: Standing) -> dict[str, object]:
    charged, measures = finished.charged, standing.measures
    return {
        "cost_usd": usd_text(standing_cost(standing)),
        "cost_high_usd": usd_text(charged.cost_high_nanousd),
        "cost_source": standing.place.cost_source,
        "computed_cost_usd": usd_text(charged.computed_nanousd),
        "reported_cost_usd": usd_text(charged.reported_nanousd),
        "components": [
            {"unit": part.unit, "quantity": part.quantity, "usd": usd_text(part.nanousd)}
            for part in measures.components
        ],
        "unpriced_units": list(charged.unpriced_units),
        "rate": charged.rate_id,
        "rate_body": charged.rate,
        "price_version": charged.price_version,
        "price_context": dict(finished.price_context),
        "flags": list(finished.flags),
        "raw_usage": finished.raw_usage,
    }


def standing_cost(standing: Standing) -> int | None:
    """What a request costs as it stands now; None when it is unpriced."""
    measures = standing.measures
    return None if measures.unpriced > 0 else measures.cost_nanousd


def _adjustment(entry: Adjustment) -> dict[str, object]:
    return {
        "kind": entry.kind,
        "booked_at": entry.booked_at,
        "reason": entry.reason,
        "requests": entry.measures.requests,
        "cost_usd": usd_text(entry.measures.cost_nanousd),
        "rate": entry.rate_id,
        "price_version": entry.price_version,
    }
