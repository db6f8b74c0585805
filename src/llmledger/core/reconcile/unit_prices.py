"""Unit prices in words: as price tables write them, for so many of the unit, exact as long as they are short."""

from decimal import Decimal, localcontext

from llmledger.core.money import price_text
from llmledger.core.reconcile.booked import TOKENS
from llmledger.core.statement import EXACT
from llmledger.core.usage import UNIT_BY_NAME

_DIGITS = 6
"""More digits than a price has: an implied one that has more was made of rounded amounts."""
_PLAIN = {"1k": "1,000", "1m": "1M", "hour": "hour of"}


def amount_text(usd_per_unit: Decimal, meter: str) -> str:
    """A price for as many as the price table prices: `$0.50`; with more than six digits rounded, and said so."""
    with localcontext(EXACT):
        price = usd_per_unit * UNIT_BY_NAME[meter].per
        short = price.quantize(Decimal(1).scaleb(price.adjusted() - _DIGITS + 1)) if price else price
        return price_text(short) if short == price else f"about {price_text(short)}"


def per_text(meter: str) -> str:
    """For what a price of a meter is.

    >>> per_text("input_tokens"), per_text("web_searches"), per_text("audio_seconds")
    ('per 1M tokens', 'per 1,000 web searches', 'per hour of audio')
    """
    if meter in TOKENS:
        return "per 1M tokens"
    per, count, *name = UNIT_BY_NAME[meter].price_key.split("_")
    return " ".join((per, _PLAIN.get(count, count), *name))
