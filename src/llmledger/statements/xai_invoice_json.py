"""xAI's invoice of a billing cycle (management API, `/postpaid/invoice/preview`): whole cents per month, model and unit.

https://docs.x.ai/developers/rest-api-reference/management/billing
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal

from llmledger.core.statement import EXACT, Format, LineKind, StatementLine
from llmledger.errors import InputFileError
from llmledger.statements._contract import Head, Part
from llmledger.statements._pages import Item

SUMMARY = "xAI invoice preview (JSON, management API): whole cents per month, model and unit"
FORMAT = Format(provider="xai", rounded_to=Decimal("0.01"))

_CENTS = Decimal(100)
_METERS = {
    "prompt text tokens": "input_tokens",
    "prompt image tokens": "input_tokens",
    "cached prompt text tokens": "cache_read_tokens",
    "completion text tokens": "output_tokens",
    "reasoning text tokens": "output_tokens",
    "reasoning tokens": "output_tokens",
    "generated image": "output_images",
    "web searches": "web_searches",
}
"""Units of its bills; reasoning is billed beside completion, and both are output."""


def recognises(head: Head) -> bool:
    """By the core invoice beside its billing cycle."""
    return head.keys >= {"coreInvoice", "billingCycle", "lines"}


def read(parts: Sequence[Part]) -> Iterator[StatementLine]:
    """Yield the invoice's lines and its tax; prepaid credits are how it is paid, and no line of it."""
    number = 0
    for part in parts:
        for document in part.documents():
            if not isinstance(document, Mapping):
                raise InputFileError(f"{part.name} holds something else than invoices", hint="Fetch it again.")
            whole = Item(part.name, number + 1, document)
            for item in _items(whole.item("coreInvoice")):
                number += 1
                yield _line(Item(part.name, number, item), *_month(whole.item("billingCycle")))


def _items(invoice: Item) -> Iterator[Mapping[str, object]]:
    lines = invoice.values.get("lines")
    if not isinstance(lines, list) or not all(isinstance(line, Mapping) for line in lines):
        raise invoice.error("lines", "is not a list of objects")
    yield from lines
    if invoice.decimal("vatCost"):
        yield {"amount": invoice.values["vatCost"], "description": "", "unitType": "VAT"}


def _month(cycle: Item) -> tuple[datetime, datetime]:
    year, month = cycle.whole("year"), cycle.whole("month")
    try:
        since = datetime(year, month, 1, tzinfo=UTC)
        return since, datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC)
    except (ValueError, OverflowError):
        raise cycle.error("billingCycle", "is not a month") from None


def _line(item: Item, since: datetime, until: datetime) -> StatementLine:
    unit = item.text("unitType")
    meter = _METERS.get(unit.casefold())
    cents = item.decimal("amount")
    if cents is None:
        raise item.error("amount", "there is no amount")
    kind = LineKind.USAGE if meter else LineKind.TAX if unit == "VAT" else LineKind.UNKNOWN
    count = item.whole("numUnits")
    return StatementLine(
        number=item.number,
        since=since,
        until=until,
        provider="xai",
        model=item.text("description").removeprefix("API ").removeprefix("Chat "),
        meter=meter,
        quantities={meter: count} if meter and count else {},
        amount=EXACT.divide(cents, _CENTS),
        kind=kind,
        label=unit,
    )
