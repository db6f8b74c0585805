"""Google Cloud billing Cost table CSV (the invoice view): a preamble of key,value lines.

Then costs per project and SKU.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from llmledger.core.statement import Format, LineKind, StatementLine
from llmledger.errors import InputFileError
from llmledger.statements._contract import Head, Part
from llmledger.statements._google import counted, currency_of, sku
from llmledger.statements._table import Row, rows

SUMMARY = "Google Cloud Cost table (CSV): one invoice month per project and SKU"
FORMAT = Format(provider="gemini", zone="America/Los_Angeles", late_days=5)

_ZONE = ZoneInfo("America/Los_Angeles")
_HEADER = ("service description", "sku description", "usage start date", "usage end date")
_KINDS = {
    "": LineKind.USAGE,
    "usage": LineKind.USAGE,
    "regular": LineKind.USAGE,
    "tax": LineKind.TAX,
    "adjustment": LineKind.DISCOUNT,
}


def recognises(head: Head) -> bool:
    """By the preamble's invoice number and the header below it."""
    if not head.rows or head.rows[0][0] != "invoice number":
        return False
    return any(set(_HEADER).issubset(row) for row in head.rows)


def read(parts: Sequence[Part]) -> Iterator[StatementLine]:
    """Yield one line per row with an SKU; rounding and total rows restate what the unrounded column adds up to."""
    for part in parts:
        header = next(row for row in part.head.rows if set(_HEADER).issubset(row))
        column = _money(part.name, header)
        currency = _currency(part.head) or currency_of(column)
        for row in rows(part, (*_HEADER, column), header=_HEADER):
            if row.text("sku description") and row.text("usage start date"):
                yield _line(row, column, currency)


def _currency(head: Head) -> str:
    """The preamble's currency; a sign in the column's name alone may be that of several."""
    told = next((row[1] for row in head.rows if row[0] == "currency" and len(row) > 1), "")
    return told.upper() if len(told) == 3 and told.isalpha() else ""


def _money(file: str, header: Sequence[str]) -> str:
    columns = [name for name in header if "cost (" in name]
    if not columns:
        raise InputFileError(f"{file} lacks the column cost", hint="The file was cut; download it again.")
    return max(columns, key=lambda name: name.startswith("unrounded"))


def _line(row: Row, column: str, currency: str) -> StatementLine:
    described = sku(row.text("sku description"))
    credit = row.text("credit type")
    kind = LineKind.CREDIT if credit else _KINDS.get(row.text("cost type").casefold(), LineKind.UNKNOWN)
    if kind is LineKind.USAGE and described.meter is None:
        kind = LineKind.UNKNOWN
    since = row.day("usage start date").replace(tzinfo=_ZONE)
    last = row.day("usage end date").replace(tzinfo=_ZONE)
    return StatementLine(
        number=row.number,
        since=since,
        until=datetime.combine(last.date() + timedelta(days=1), last.time(), _ZONE),
        provider="gemini",
        model=described.model,
        meter=described.meter,
        quantities={} if credit else counted(row, described.meter),
        amount=row.money(column),
        currency=currency,
        kind=kind,
        label=credit or row.text("sku description"),
        project=row.text("project id") or None,
        context=described.context,
    )
