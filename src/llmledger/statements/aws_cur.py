"""AWS Cost and Usage Report (CUR 1 and 2.0, CSV): Bedrock's usage types per hour or day.

https://docs.aws.amazon.com/cur/latest/userguide/data-dictionary.html
"""

import re
from collections.abc import Iterator, Sequence

from llmledger.core.statement import Format, LineKind, StatementLine
from llmledger.core.usage import Quantity
from llmledger.statements._contract import Head, Part
from llmledger.statements._table import Row, rows, whole

SUMMARY = "AWS Cost and Usage Report (CSV): Bedrock usage per hour or day"
FORMAT = Format(provider="aws", late_days=5)

_KINDS = {
    "usage": LineKind.USAGE,
    "discountedusage": LineKind.USAGE,
    "tax": LineKind.TAX,
    "credit": LineKind.CREDIT,
    "refund": LineKind.CREDIT,
    "fee": LineKind.FEE,
}
_TOKENS = re.compile(
    r"[A-Z0-9]+-(?P<model>.+?)-(?P<way>cache-read-input|cache-write-input|cache-read|cache-write|input|output)-tokens?(?P<tail>.*)\Z"
)
_MANTLE = "-mantle"
_METERS = {
    "input": "input_tokens",
    "output": "output_tokens",
    "cache-read": "cache_read_tokens",
    "cache-write": "cache_write_tokens",
}
_MARKETPLACE = re.compile(
    r"[A-Z0-9]+-MP:[A-Z0-9]+_(?P<way>Input|Output)TokenCount(?P<tail>(?:_Global|_Batch)*)-Units\Z"
)
"""Models sold through the Marketplace: a unit is a million tokens, and only the service's name tells which model."""
_SCALE = re.compile(r"(?:(\d+)(k|m)? *)?tokens?\Z", re.ASCII)
_SCALES = {None: 1, "k": 1000, "m": 1_000_000}


def recognises(head: Head) -> bool:
    """By usage type and unblended cost, in either spelling."""
    names = {column.replace("_", "").replace("/", "") for column in head.columns}
    return {"lineitemusagetype", "lineitemunblendedcost"} <= names


def read(parts: Sequence[Part]) -> Iterator[StatementLine]:
    """Yield one line per Bedrock row, and the account's taxes and credits; other products are passed over."""
    for part in parts:
        for row in rows(part, ()):
            row.cells = {
                name.replace("/", "_").replace("lineitem_", "line_item_"): cell for name, cell in row.cells.items()
            }
            product = _cell(row, "productcode").casefold()
            if "bedrock" in product or "claude" in product:
                yield _line(row)


def _cell(row: Row, name: str) -> str:
    return row.text(_column(row, name))


def _column(row: Row, name: str) -> str:
    return next((column for column in row.cells if column.replace("_", "") == "lineitem" + name), name)


def _line(row: Row) -> StatementLine:
    kind = _KINDS.get(
        _cell(row, "lineitemtype").casefold(),
        LineKind.DISCOUNT if "discount" in _cell(row, "lineitemtype").casefold() else LineKind.UNKNOWN,
    )
    usage_type = _cell(row, "usagetype")
    model, meter, context = _sold(row, usage_type) or usage_of(usage_type)
    if kind is LineKind.USAGE and meter is None:
        kind = LineKind.UNKNOWN
    return StatementLine(
        number=row.number,
        since=row.instant(_column(row, "usagestartdate")),
        until=row.instant(_column(row, "usageenddate")),
        provider="aws",
        model=model,
        meter=meter,
        quantities=_quantities(row, meter),
        amount=row.money(_column(row, "unblendedcost")),
        currency=_cell(row, "currencycode").upper() or "USD",
        kind=kind,
        label=usage_type,
        key=_cell(row, "iamprincipal") or None,
        project=_cell(row, "usageaccountid") or None,
        context=context,
    )


def _sold(row: Row, usage_type: str) -> tuple[str, str | None, dict[str, str]] | None:
    """What a Marketplace line bills, when the service's name is there to tell the model; without one its kind is unknown."""
    sold = _MARKETPLACE.match(usage_type)
    service = row.first("product_productname", "product_product_name", "product_servicename")
    if sold is None or not service:
        return None
    context = {"processing": "batch"} if "_Batch" in sold["tail"] else {}
    return service.partition(" (")[0], _METERS[sold["way"].casefold()], context


def usage_of(usage_type: str) -> tuple[str, str | None, dict[str, str]]:
    """Model, meter and price selectors of a usage type; a type of another grammar names no meter.

    >>> usage_of("USE1-DemoLite-input-tokens-batch")
    ('DemoLite', 'input_tokens', {'processing': 'batch'})
    """
    found = _TOKENS.match(usage_type)
    if found is None:
        return "", None, {}
    context: dict[str, str] = {}
    tail = found["tail"]
    if "batch" in tail:
        context["processing"] = "batch"
    for tier in ("flex", "priority"):
        if tier in tail:
            context["service_tier"] = tier
    return found["model"].removesuffix(_MANTLE), _METERS[found["way"].removesuffix("-input") or "input"], context


def _quantities(row: Row, meter: str | None) -> dict[str, Quantity]:
    amount = row.decimal(_column(row, "usageamount"))
    scale = _scale(row)
    if meter is None or amount is None or scale is None:
        return {}
    return {meter: whole((amount * scale).to_integral_value())}


def _scale(row: Row) -> int | None:
    if _MARKETPLACE.match(_cell(row, "usagetype")):
        return _SCALES["m"]
    unit = _SCALE.match(row.first("pricing_unit", "pricingunit").casefold())
    return int(unit[1] or 1) * _SCALES[unit[2]] if unit else None
