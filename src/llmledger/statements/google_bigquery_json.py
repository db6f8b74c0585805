"""Google Cloud billing export out of BigQuery (`gcp_billing_export_v1_...`, standard or detailed) as JSON or JSON lines.

https://docs.cloud.google.com/billing/docs/how-to/export-data-bigquery-tables/standard-usage
"""

from collections.abc import Iterator, Mapping, Sequence
from zoneinfo import ZoneInfo

from llmledger.core.statement import Format, LineKind, StatementLine
from llmledger.core.usage import Quantity
from llmledger.errors import InputFileError
from llmledger.statements._contract import Head, Part
from llmledger.statements._google import sku
from llmledger.statements._pages import Item
from llmledger.statements._table import whole

SUMMARY = "Google Cloud billing export from BigQuery (JSON lines): cost and credits per hour and SKU"
FORMAT = Format(provider="gemini", zone="America/Los_Angeles", late_days=5)

_ZONE = ZoneInfo("America/Los_Angeles")
_KINDS = {
    "": LineKind.USAGE,
    "regular": LineKind.USAGE,
    "tax": LineKind.TAX,
    "adjustment": LineKind.DISCOUNT,
    "rounding_error": LineKind.ROUNDING,
}


def recognises(head: Head) -> bool:
    """By the times of usage beside SKU, service and cost."""
    return head.keys >= {"usage_start_time", "usage_end_time", "sku", "service", "cost"}


def read(parts: Sequence[Part]) -> Iterator[StatementLine]:
    """Yield one line per row and one per credit in it; what is charged is the cost plus the credits, which are negative."""
    for part in parts:
        for number, row in enumerate(part.documents(), start=1):
            if not isinstance(row, Mapping):
                raise InputFileError(f"{part.name}, item {number} is not an object", hint="Export the table again.")
            yield from _lines(Item(part.name, number, row))


def _lines(item: Item) -> Iterator[StatementLine]:
    description = item.item("sku").text("description")
    described = sku(description)
    kind = _KINDS.get(item.text("cost_type").casefold(), LineKind.UNKNOWN)
    if kind is LineKind.USAGE and described.meter is None:
        kind = LineKind.UNKNOWN
    cost = item.decimal("cost")
    if cost is None:
        raise item.error("cost", "there is no amount")
    line = StatementLine(
        number=item.number,
        since=item.instant("usage_start_time").astimezone(_ZONE),
        until=item.instant("usage_end_time").astimezone(_ZONE),
        provider="gemini",
        model=described.model,
        meter=described.meter,
        quantities=_counted(item.item("usage"), described.meter),
        amount=cost,
        currency=item.text("currency").upper() or "USD",
        kind=kind,
        label=description,
        project=item.item("project").text("id") or None,
        context=described.context,
    )
    yield line
    for credit in _credits(item):
        yield line._replace(
            quantities={}, amount=credit.decimal("amount"), kind=LineKind.CREDIT, label=credit.text("name")
        )


def _counted(usage: Item, meter: str | None) -> dict[str, Quantity]:
    amount = usage.decimal("amount")
    return {} if meter is None or not amount else {meter: whole(amount.to_integral_value())}


def _credits(item: Item) -> Iterator[Item]:
    told = item.values.get("credits") or []
    if not isinstance(told, list) or not all(isinstance(credit, Mapping) for credit in told):
        raise item.error("credits", "is not a list of objects")
    for credit in told:
        found = Item(item.name, item.number, credit)
        if found.decimal("amount") is None:
            raise item.error("credits", "there is one without an amount")
        yield found
