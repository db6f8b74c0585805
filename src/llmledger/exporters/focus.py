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
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from typing import Any, Literal, NamedTuple

from llmledger.core.export import Chunk, Table
from llmledger.core.money import round_half_even
from llmledger.core.usage import UNIT_BY_CODE, Unit
from llmledger.exporters._contract import cells, pieces

SUMMARY = "FOCUS 1.2 (with 1.3's provider columns), for FinOps tools."
ROWS: Literal["view", "records"] = "view"

MOST_REMEMBERED = 20_000
"""Forms of rows, and tags, that are kept."""
_REQUESTS = UNIT_BY_CODE["rq"]
_POWERS_OF_TEN = frozenset(10**power for power in range(10))
_NANO, _PICO = 1_000_000_000, 1_000_000_000_000
_COMPONENTS = json.JSONDecoder(parse_float=Decimal).decode


class _Place(NamedTuple):
    """What the meters of many requests have in common."""

    provider: str
    model: str | None
    billing: str
    key: str | None
    project: str | None
    rate: str | None
    price_context: str | None


_NAMED = ("client", "user", "team", "project", "operation", "app", "host")
"""What the tags say beside the request's own."""
_OWN = ("cost_nanousd", "requests", "components", "started_at", "request_id", "tags")
_NEEDED = (*_Place._fields, *_NAMED, *_OWN)
_PLACES, _NAMES = len(_Place._fields), len(_NAMED)


def write(table: Table) -> Iterator[str]:
    """The text of a table, in pieces."""
    yield _line(COLUMNS)
    # A table without these columns is an empty one.
    places = [table.columns.index(name) for name in _NEEDED if name in table.columns]
    for chunk in table.chunks():
        yield from map("".join, pieces(line for row in _rows(chunk, places) for line in _lines(row)))


def _rows(chunk: Chunk, places: Sequence[int]) -> Iterator[Sequence[Any]]:
    """The values of `_NEEDED`, row by row."""
    rows = zip(*(chunk.columns[place] for place in places), strict=True)
    for number, row in enumerate(rows):
        other = chunk.instead.get(number)
        yield row if other is None else [other[place] for place in places]


def _lines(row: Sequence[Any]) -> Iterator[str]:
    """A line for each meter of a request."""
    nanousd, requests, components, started_at, request_id, tags = row[_PLACES + _NAMES :]
    if nanousd is None or requests == 0:
        return
    place = row[:_PLACES]
    day = _day(started_at[:10])
    tags = _tags(tags, *row[_PLACES : _PLACES + _NAMES])
    is_plan = row[2] == "subscription"
    for unit, quantity, part in _meters(components, nanousd):
        listed = _scaled(part, _NANO)
        # What a subscription covers has a list cost, and is billed by nobody.
        billed = "0.0" if is_plan else listed
        price = _price(part, quantity, unit.per)
        contracted = "0.0" if is_plan else price
        yield _form(unit.code, *place) % (
            *(
                billed,
                *day,
                _quantity(quantity, 1),
                billed,
                contracted,
                billed,
                listed,
                price,
                contracted,
                billed,
                price,
            ),
            *(_quantity(quantity, unit.per), tags, request_id),
        )


def _meters(components: str | None, nanousd: int) -> list[tuple[Unit, int | Decimal, int]]:
    """The stored components; where they do not make up the cost (none, or a stated one), the request as one meter."""
    parts = [
        (UNIT_BY_CODE[code], quantity if type(quantity) is int else Decimal(quantity), part)
        for code, (quantity, part) in _COMPONENTS(components or "{}").items()
    ]
    if not parts or sum([part for _, _, part in parts]) != nanousd:
        return [(_REQUESTS, 1, nanousd)]
    return parts


@lru_cache(MOST_REMEMBERED)
def _form(code: str, *values: Any) -> str:
    """A line with everything but the values of `_OF_METER`."""
    fields = {**_shared(_Place(*values)), **_of_unit(_Place(*values), UNIT_BY_CODE[code])}
    row = cells([fields.get(name) for name in COLUMNS])
    return _line(
        [
            "%s" if name in _OF_METER else str(value or "").replace("%", "%%")
            for name, value in zip(COLUMNS, row, strict=True)
        ]
    )


def _shared(place: _Place) -> dict[str, object]:
    provider, project = _ascii_id(place.provider), place.project
    # A key's fingerprint ends after an ellipsis.
    account = f"{provider}:{place.key or 'unknown'}".replace("…", "...")
    return {
        "BillingAccountId": _ascii_id(account),
        "BillingAccountName": _ascii_name(account),
        "BillingAccountType": "API key",
        "BillingCurrency": "USD",
        "ChargeCategory": "Usage",
        "ChargeFrequency": "Usage-Based",
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
        "SkuId": _model(place),
        "SubAccountId": None if project is None else _ascii_id(project),
        "SubAccountName": None if project is None else _ascii_name(project),
        "SubAccountType": None if project is None else "Project",
    }


def _of_unit(place: _Place, unit: Unit) -> dict[str, object]:
    name = unit.name.replace("_", " ").title()
    measure = "Tokens" if unit.name.endswith("_tokens") else unit.name.rpartition("_")[2].capitalize()
    context = json.loads(place.price_context or "{}")
    model = _model(place)
    return {
        "ChargeDescription": f"{model} {name}",
        "SkuMeter": name,
        "SkuPriceId": _ascii_id(f"{place.rate or model}/{unit.name}"),
        "SkuPriceDetails": json.dumps({f"x_{key}": value for key, value in context.items()}),
        "ConsumedUnit": measure,
        "PricingUnit": measure if unit.per == 1 else f"{unit.per} {measure}",
        "x_TokenType": unit.name,
    }


@lru_cache(MOST_REMEMBERED)
def _tags(tags: str | None, *values: str | None) -> str:
    named = {f"llmledger/{name}": value for name, value in zip(_NAMED, values, strict=True) if value is not None}
    return _line([json.dumps({**json.loads(tags or "{}"), **named})])[:-1]


@lru_cache(4096)
def _day(text: str) -> tuple[str, str, str, str]:
    """The end and the start of a day's month, and of the day."""
    day = date.fromisoformat(text)
    month = day.replace(day=1)
    after = (month + timedelta(days=32)).replace(day=1)
    month_end, month_start, day_end, day_start = (
        f"{at}T00:00:00Z" for at in (after, month, day + timedelta(days=1), day)
    )
    return month_end, month_start, day_end, day_start


def _line(row: Sequence[object]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerow(row)
    return buffer.getvalue()


def _model(place: _Place) -> str:
    return _ascii_id(place.model or "unnamed")


def _ascii_id(text: str) -> str:
    """Different ids stay different."""
    return text.encode("ascii", "backslashreplace").decode()


def _ascii_name(text: str) -> str:
    """What a person still reads: Zürich is Zurich."""
    plain = (character for character in unicodedata.normalize("NFKD", text) if not unicodedata.combining(character))
    return _ascii_id("".join(plain))


def _quantity(quantity: int | Decimal, per: int) -> str:
    """So many of what a price is for, exact to twelve places."""
    if type(quantity) is int and per in _POWERS_OF_TEN:
        return _scaled(quantity, per)
    return _scaled(round_half_even(Fraction(quantity) / per * _PICO), _PICO)


def _price(nanousd: int, quantity: int | Decimal, per: int) -> str:
    """What one price buys of it for that money, exact to twelve places of a dollar."""
    if not quantity:
        return "0.0"
    if type(quantity) is not int or quantity < 0:
        return _scaled(round_half_even(Fraction(nanousd * per * 1000) / Fraction(quantity)), _PICO)
    whole, rest = divmod(nanousd * per * 1000, quantity)
    is_above = 2 * rest > quantity or (2 * rest == quantity and whole % 2 == 1)
    return _price_text(whole + is_above)


@lru_cache(4096)
def _price_text(picousd: int) -> str:
    """There are few prices."""
    return _scaled(picousd, _PICO)


def _scaled(number: int, scale: int) -> str:
    """A whole number of a power of ten's parts as a decimal; readers take a number without a point for no decimal."""
    if number < 0:
        return f"-{_scaled(-number, scale)}"
    whole, rest = divmod(number, scale)
    # The scale stands before the rest for the zeros that it begins with, and is taken away again.
    return f"{whole}.{rest + scale}".replace(".1", ".", 1).rstrip("0") if rest else f"{whole}.0"


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
_OF_METER = frozenset(
    (
        *("BilledCost", "BillingPeriodEnd", "BillingPeriodStart", "ChargePeriodEnd", "ChargePeriodStart"),
        *("ConsumedQuantity", "ContractedCost", "ContractedUnitPrice", "EffectiveCost", "ListCost", "ListUnitPrice"),
        *("PricingCurrencyContractedUnitPrice", "PricingCurrencyEffectiveCost", "PricingCurrencyListUnitPrice"),
        *("PricingQuantity", "Tags", "x_RequestId"),
    )
)
"""What is each meter's own, in the order of the columns."""
