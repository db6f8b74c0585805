"""Entries and rates turned back into the TOML tables that they were read from."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

from llmledger.core.rates import Rate
from llmledger.core.usage import UNIT_BY_PRICE_KEY
from llmledger.pricebook._entry import Entry

_DAYS = ("checked", "vendor_checked")


def model_table(entry: Entry) -> dict[str, Any]:
    """An entry as its `[[model]]` table."""
    return {
        "id": entry.id,
        "title": entry.title,
        "names": sorted(entry.names - {entry.id.lower()}),
        "dated": entry.dated,
        "prefix": sorted(entry.prefixes),
        "regex": [pattern.pattern for pattern in entry.patterns],
        "retired": entry.retired,
        "alias": [{"name": one.name, **_dates(one.since, one.until)} for one in entry.aliases],
        "period": [period_table(rate) for rate in entry.rates],
    }


def period_table(rate: Rate) -> dict[str, Any]:
    """A rate as its `[[model.period]]` table."""
    body = {key: value for key, value in rate.body.items() if key not in ("rate", "from", "until")}
    return {**_dates(rate.since, rate.until), **_typed(body)}


def _typed(body: Mapping[str, Any]) -> dict[str, Any]:
    """Plain JSON values with their TOML types back: prices are numbers, days are dates."""
    return {key: _value(key, value) for key, value in body.items()}


def _value(key: str, value: Any) -> Any:
    if key in UNIT_BY_PRICE_KEY or key == "multiply":
        return Decimal(str(value))
    if key in _DAYS:
        return date.fromisoformat(value)
    if isinstance(value, Mapping):
        return _typed(value)
    if isinstance(value, list):
        return [_typed(one) if isinstance(one, Mapping) else one for one in value]
    return value


def _dates(since: datetime | None, until: datetime | None) -> dict[str, Any]:
    """The edges of a period as TOML values: days where they are midnights in UTC."""
    edges = {"from": since, "until": until}
    return {key: at.date() if at.timetz() == time(tzinfo=UTC) else at for key, at in edges.items() if at is not None}
