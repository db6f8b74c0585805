"""FOCUS: the FinOps Open Cost and Usage Specification 1.2, with the provider columns of 1.3 beside the old ones.

One row per meter (input, cached input, output ...) of each request, from the stored components; costs add up to the
ledger's. Requests without a price have no row, since the specification has no unknown cost. Its strings are ASCII, so
names are written without their accents and ids with escapes; the tags have every name as it is.
Source: https://focus.finops.org/focus-specification/v1-2/
"""

import csv
import io
import json
import unicodedata
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Literal

from llmledger.core.export import Table
from llmledger.core.money import round_half_even, usd_from_nanousd
from llmledger.core.usage import UNIT_BY_CODE, Unit
from llmledger.exporters._contract import cells, pieces

SUMMARY = "FOCUS 1.2 (with 1.3's provider columns), for FinOps tools."
ROWS: Literal["view", "records"] = "view"

_REQUESTS = UNIT_BY_CODE["rq"]
_PICO = 1_000_000_000_000


def write(table: Table) -> Iterator[str]:
    """The text of a table, in pieces."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(COLUMNS)
    for piece in pieces(table.rows):
        for row in piece:
            request = dict(zip(table.columns, row, strict=True))
            writer.writerows(cells([meter[name] for name in COLUMNS]) for meter in _meters(request))
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()
    yield buffer.getvalue()


def _meters(request: Mapping[str, object]) -> Iterator[dict[str, object]]:
    nanousd = request["cost_nanousd"]
    if not isinstance(nanousd, int) or request["requests"] == 0:
        return
    shared = _shared(request)
    for unit, quantity, part in _components(request, nanousd):
        yield {**shared, **_meter(request, unit, quantity, part)}


def _components(request: Mapping[str, object], nanousd: int) -> list[tuple[Unit, Fraction, int]]:
    """The stored components; where they do not make up the cost (none, or a stated one), the request as one meter."""
    stored = json.loads(str(request["components"] or "{}"), parse_float=Decimal)
    parts = [(UNIT_BY_CODE[code], Fraction(quantity), int(part)) for code, (quantity, part) in stored.items()]
    if not parts or sum(part for _, _, part in parts) != nanousd:
        return [(_REQUESTS, Fraction(1), nanousd)]
    return parts


def _shared(request: Mapping[str, object]) -> dict[str, object]:
    started = datetime.fromisoformat(str(request["started_at"])).astimezone(UTC)
    day = started.replace(hour=0, minute=0, second=0, microsecond=0)
    month = day.replace(day=1)
    after = (month + timedelta(days=32)).replace(day=1)
    provider, model = _ascii_id(str(request["provider"])), _model(request)
    # A key's fingerprint ends after an ellipsis.
    account = f"{provider}:{request['key'] or 'unknown'}".replace("…", "...")
    project = None if request["project"] is None else str(request["project"])
    return {
        "BillingAccountId": _ascii_id(account),
        "BillingAccountName": _ascii_name(account),
        "BillingAccountType": "API key",
        "BillingCurrency": "USD",
        "BillingPeriodStart": _time(month),
        "BillingPeriodEnd": _time(after),
        "ChargeCategory": "Usage",
        "ChargeFrequency": "Usage-Based",
        "ChargePeriodStart": _time(day),
        "ChargePeriodEnd": _time(day + timedelta(days=1)),
        "InvoiceIssuerName": provider,
        "PricingCategory": "Standard",
        "PricingCurrency": "USD",
        "ProviderName": provider,
        "PublisherName": provider,
        "ServiceProviderName": provider,
        "HostProviderName": provider,
        "ServiceCategory": "AI and Machine Learning",
        "ServiceSubcategory": "Generative AI",
        "ServiceName": f"{provider} API",
        "SkuId": model,
        "SubAccountId": None if project is None else _ascii_id(project),
        "SubAccountName": None if project is None else _ascii_name(project),
        "SubAccountType": None if project is None else "Project",
        "Tags": json.dumps(_tags(request)),
        "x_RequestId": request["request_id"],
        **dict.fromkeys(_EMPTY),
    }


def _tags(request: Mapping[str, object]) -> dict[str, object]:
    own = {
        f"llmledger/{name}": request[name]
        for name in ("client", "user", "team", "project", "operation", "app", "host")
        if request[name] is not None
    }
    return {**json.loads(str(request["tags"] or "{}")), **own}


def _meter(request: Mapping[str, object], unit: Unit, quantity: Fraction, nanousd: int) -> dict[str, object]:
    name = unit.name.replace("_", " ").title()
    listed = usd_from_nanousd(nanousd)
    # What a subscription covers has a list cost, and is billed by nobody.
    is_plan = request["billing"] == "subscription"
    billed = Decimal(0) if is_plan else listed
    amount = quantity / unit.per
    price = _decimal(Fraction(listed) / amount) if amount else "0.0"
    contracted = "0.0" if is_plan else price
    measure = "Tokens" if unit.name.endswith("_tokens") else unit.name.rpartition("_")[2].capitalize()
    context = json.loads(str(request["price_context"] or "{}"))
    model = _model(request)
    return {
        "ChargeDescription": f"{model} {name}",
        "SkuMeter": name,
        "SkuPriceId": _ascii_id(f"{request['rate'] or model}/{unit.name}"),
        "SkuPriceDetails": json.dumps({f"x_{key}": value for key, value in context.items()}),
        "ConsumedQuantity": _decimal(quantity),
        "ConsumedUnit": measure,
        "PricingQuantity": _decimal(amount),
        "PricingUnit": measure if unit.per == 1 else f"{unit.per} {measure}",
        "ListUnitPrice": price,
        "ContractedUnitPrice": contracted,
        "PricingCurrencyListUnitPrice": price,
        "PricingCurrencyContractedUnitPrice": contracted,
        "ListCost": _plain(listed),
        "ContractedCost": _plain(billed),
        "BilledCost": _plain(billed),
        "EffectiveCost": _plain(billed),
        "PricingCurrencyEffectiveCost": _plain(billed),
        "x_TokenType": unit.name,
    }


def _model(request: Mapping[str, object]) -> str:
    return _ascii_id(str(request["model"] or "unnamed"))


def _ascii_id(text: str) -> str:
    """Different ids stay different."""
    return text.encode("ascii", "backslashreplace").decode()


def _ascii_name(text: str) -> str:
    """What a person still reads: Zürich is Zurich."""
    plain = (character for character in unicodedata.normalize("NFKD", text) if not unicodedata.combining(character))
    return _ascii_id("".join(plain))


def _decimal(exact: Fraction) -> str:
    """Exact to twelve places; readers take a number without a point for no decimal."""
    return _plain(Decimal(round_half_even(exact * _PICO)) / _PICO)


def _plain(amount: Decimal) -> str:
    text = f"{amount.normalize():f}"
    return text if "." in text else f"{text}.0"


def _time(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"


_EMPTY = (
    *("ChargeClass", "CommitmentDiscountStatus", "InvoiceId", "RegionId", "RegionName", "ResourceId", "ResourceName"),
    "ResourceType",
)
COLUMNS = (
    *("BilledCost", "BillingAccountId", "BillingAccountName", "BillingAccountType", "BillingCurrency"),
    *("BillingPeriodEnd", "BillingPeriodStart", "ChargeCategory", "ChargeClass", "ChargeDescription"),
    *("ChargeFrequency", "ChargePeriodEnd", "ChargePeriodStart", "CommitmentDiscountStatus", "ConsumedQuantity"),
    *("ConsumedUnit", "ContractedCost", "ContractedUnitPrice", "EffectiveCost", "HostProviderName", "InvoiceId"),
    *("InvoiceIssuerName", "ListCost", "ListUnitPrice", "PricingCategory", "PricingCurrency"),
    *("PricingCurrencyContractedUnitPrice", "PricingCurrencyEffectiveCost", "PricingCurrencyListUnitPrice"),
    *("PricingQuantity", "PricingUnit", "ProviderName", "PublisherName", "RegionId", "RegionName", "ResourceId"),
    *("ResourceName", "ResourceType", "ServiceCategory", "ServiceName", "ServiceProviderName"),
    *("ServiceSubcategory", "SkuId", "SkuMeter", "SkuPriceDetails", "SkuPriceId", "SubAccountId"),
    *("SubAccountName", "SubAccountType", "Tags", "x_RequestId", "x_TokenType"),
)
