"""Azure cost details (ActualCost export, CSV): UTC day, resource and meter; column names vary in case by agreement.

https://learn.microsoft.com/azure/cost-management-billing/dataset-schema/cost-usage-details
"""

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal

from llmledger.core.statement import Format, LineKind, StatementLine
from llmledger.core.usage import Quantity
from llmledger.statements._contract import Head, Part
from llmledger.statements._table import DAY, Row, rows, whole

SUMMARY = "Azure cost details (CSV): cost per UTC day, resource and meter"
FORMAT = Format(provider="azure", late_days=5)

_KINDS = {
    "usage": LineKind.USAGE,
    "purchase": LineKind.FEE,
    "refund": LineKind.CREDIT,
    "tax": LineKind.TAX,
    "roundingadjustment": LineKind.ROUNDING,
}
_MAKERS = ("anthropic", "claude", "mistral", "cohere", "llama", "deepseek", "grok", "xai", "openai")
"""Whose models the Marketplace sells under units of the vendor's own."""
_UNIT = re.compile(r"(\d+)(k|m)?(?: tokens?)?\Z", re.ASCII)
_SCALES = {None: 1, "k": 1000, "m": 1_000_000}
_WAY = re.compile(
    r"(?P<model>.+?) (?P<cached>cached |cchd |cd )?(?P<way>input|inp|inpt|output|outp|opt)\b(?P<tail>.*)\Z"
)


def recognises(head: Head) -> bool:
    """By the meter's sub-category beside the cost in billing currency."""
    return head.has("metersubcategory", "costinbillingcurrency")


def read(parts: Sequence[Part]) -> Iterator[StatementLine]:
    """Yield one line per row of an AI meter, whatever the agreement calls its columns; other services are passed over."""
    for part in parts:
        for row in rows(part, ("date", "metercategory", "metersubcategory", "costinbillingcurrency")):
            if _is_ai(row):
                yield _line(row)


def _is_ai(row: Row) -> bool:
    words = f"{row.text('metercategory')} {row.text('metersubcategory')} {row.text('productname')}".casefold()
    if _is_sold(row):
        words += f" {row.text('metername')} {row.text('publishername')}".casefold()
        return any(word in words for word in _MAKERS)
    return any(word in words for word in ("openai", "foundry", "cognitive services", "azure ai"))


def _is_sold(row: Row) -> bool:
    return row.text("publishertype").casefold() == "marketplace"


def _line(row: Row) -> StatementLine:
    sold = _is_sold(row)
    model, meter, context = ("", None, {}) if sold else meter_of(row.text("metername"))
    kind = _KINDS.get(row.text("chargetype").casefold(), LineKind.UNKNOWN)
    if kind is LineKind.USAGE and meter is None:
        kind = LineKind.UNKNOWN
    day = _day(row)
    amount, currency = _money(row)
    return StatementLine(
        number=row.number,
        since=day,
        until=day + DAY,
        provider="azure",
        model=model,
        meter=meter,
        quantities=_quantities(row, meter),
        amount=amount,
        currency=currency,
        kind=kind,
        label=row.first("productname", "metername") if sold else row.text("metername"),
        project=row.text("resourceid").rpartition("/")[2] or None,
        context=context,
    )


def meter_of(name: str) -> tuple[str, str | None, dict[str, str]]:
    """Model, meter and price selectors of a meter's name; one of another grammar names no meter.

    >>> meter_of("demo cached Input Global 1M Tokens")
    ('demo', 'cache_read_tokens', {})
    """
    found = _WAY.match(name.casefold())
    if found is None:
        return "", None, {}
    output = found["way"].startswith("o")
    context = {"processing": "batch"} if "batch" in found["tail"] or "batch" in found["model"] else {}
    return (
        found["model"].replace(" ", "-"),
        "output_tokens" if output else "cache_read_tokens" if found["cached"] else "input_tokens",
        context,
    )


def _money(row: Row) -> tuple[Decimal, str]:
    """The cost in the currency of the prices: in that of the bill it holds Azure's exchange rate of the month."""
    billed = row.first("billingcurrencycode", "billingcurrency").upper() or "USD"
    priced = row.first("pricingcurrencycode", "pricingcurrency").upper()
    if priced not in ("", billed) and row.text("costinpricingcurrency"):
        return row.money("costinpricingcurrency"), priced
    return row.money("costinbillingcurrency"), billed


def _day(row: Row) -> datetime:
    text = row.text("date")
    if "/" not in text:
        return row.day("date")
    try:
        return datetime.strptime(text, "%m/%d/%Y").replace(tzinfo=UTC)
    except ValueError:
        raise row.error("Date", f"{text[:40]!r} is not a date") from None


def _quantities(row: Row, meter: str | None) -> dict[str, Quantity]:
    quantity = row.decimal("quantity")
    scale = _UNIT.match(row.text("unitofmeasure").casefold())
    if meter is None or quantity is None or scale is None:
        return {}
    return {meter: whole((quantity * int(scale[1]) * _SCALES[scale[2]]).to_integral_value())}
