"""FOCUS cost and usage, versions 1.0 to 1.3, from any issuer: https://focus.finops.org/focus-specification/"""

import json
import re
from collections.abc import Iterator, Sequence
from decimal import Decimal

from llmledger.core.statement import Format, LineKind, StatementLine
from llmledger.core.usage import UNIT_BY_NAME, Quantity
from llmledger.statements._contract import Head, Part
from llmledger.statements._table import Row, rows, whole

SUMMARY = "FOCUS 1.0 to 1.3 (CSV): any provider's or cloud's cost and usage"
FORMAT = Format()

_CATEGORIES = {
    "usage": LineKind.USAGE,
    "purchase": LineKind.FEE,
    "tax": LineKind.TAX,
    "credit": LineKind.CREDIT,
    "adjustment": LineKind.DISCOUNT,
}
_PROVIDERS = {
    "google": "gemini",
    "google cloud": "gemini",
    "aws": "bedrock",
    "amazon web services": "bedrock",
    "microsoft": "azure",
}
_METERS = {
    "input": "input_tokens",
    "cached input": "cache_read_tokens",
    "cache read": "cache_read_tokens",
    "cache write": "cache_write_tokens",
    "cache write 1h": "cache_write_1h_tokens",
    "output": "output_tokens",
    "web search": "web_searches",
    "web searches": "web_searches",
    "requests": "billed_requests",
}
_OTHER_SERVICES = frozenset(
    {
        "analytics",
        "business applications",
        "compute",
        "databases",
        "developer tools",
        "identity",
        "integration",
        "internet of things",
        "management and governance",
        "media",
        "migration",
        "mobile",
        "multicloud",
        "networking",
        "security",
        "storage",
        "web",
    }
)
"""Categories that have nothing of a model in them; a cloud's export holds them all. `Other` stays: taxes and fees are there."""
_SCALE = re.compile(r"(\d+)\s+(.+)\Z", re.ASCII)
_CONTEXT = {
    "x_servicetier": "service_tier",
    "x_processing": "processing",
    "x_speed": "speed",
    "x_inferencegeo": "inference_geo",
}


def recognises(head: Head) -> bool:
    """By three columns that every version has."""
    return head.has("billedcost", "chargeperiodstart", "servicecategory")


def read(parts: Sequence[Part]) -> Iterator[StatementLine]:
    """Yield one line per row of AI or of no service's own; `BilledCost` counts, and `ChargeCategory` says what it is."""
    for part in parts:
        for row in rows(
            part, ("billedcost", "billingcurrency", "chargecategory", "chargeperiodstart", "chargeperiodend")
        ):
            if row.text("servicecategory").casefold() not in _OTHER_SERVICES:
                yield _line(row)


def _line(row: Row) -> StatementLine:
    category = row.text("chargecategory").casefold()
    kind = _CATEGORIES.get(category, LineKind.UNKNOWN)
    meter = meter_of(row.first("x_tokentype", "skumeter"))
    provider = row.first("serviceprovidername", "providername", "invoiceissuername").casefold()
    return StatementLine(
        number=row.number,
        since=row.instant("chargeperiodstart"),
        until=row.instant("chargeperiodend"),
        provider=_PROVIDERS.get(provider, provider.replace(" ", "-")),
        model=row.first("x_model", "skuid") if kind is LineKind.USAGE else "",
        meter=meter,
        quantities=_quantities(row, meter),
        amount=row.money("billedcost"),
        list_amount=row.decimal("listcost"),
        currency=row.text("billingcurrency").upper() or "USD",
        kind=kind,
        label=row.first("chargedescription", "skumeter"),
        key=row.text("x_apikeyid") or None,
        project=row.first("subaccountid", "subaccountname") or None,
        context=_context(row),
    )


def meter_of(text: str) -> str | None:
    """Our unit for a meter's name, None when there is none.

    >>> meter_of("Input Tokens"), meter_of("cache_write_1h_tokens"), meter_of("Storage")
    ('input_tokens', 'cache_write_1h_tokens', None)
    """
    plain = text.casefold().strip()
    snake = plain.replace(" ", "_")
    if snake in UNIT_BY_NAME:
        return snake
    return _METERS.get(plain.replace("_", " ").removesuffix(" tokens"))


def _quantities(row: Row, meter: str | None) -> dict[str, Quantity]:
    told, unit = (
        ("consumedquantity", "consumedunit") if row.text("consumedquantity") else ("pricingquantity", "pricingunit")
    )
    quantity = row.decimal(told)
    if quantity is None or meter is None:
        return {}
    scaled = _SCALE.match(row.text(unit))
    counted = quantity * (Decimal(scaled[1]) if scaled else 1)
    try:
        return {meter: counted if meter.endswith("_seconds") else whole(counted)}
    except ValueError as reason:
        raise row.error(told, str(reason)) from None


def _context(row: Row) -> dict[str, str]:
    text = row.text("skupricedetails")
    if not text:
        return {}
    try:
        details = json.loads(text)
    except (ValueError, RecursionError):
        raise row.error("skupricedetails", "is not JSON") from None
    if not isinstance(details, dict):
        raise row.error("skupricedetails", "is not a JSON object")
    named = {_CONTEXT.get(str(key).casefold(), ""): str(value).casefold() for key, value in details.items()}
    return {name: value for name, value in named.items() if name and value not in ("", "standard", "default")}
