"""Writing price tables: sorted, one price a line, the same text for the same prices, so that a diff can be read."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from llmledger.core.usage import UNITS

WIDTH = 118

_MODEL_KEYS = ("id", "title", "extends", "names", "dated", "prefix", "regex", "any", "except", "retired")
_PERIOD_KEYS = (
    "when",
    "above",
    "at_least",
    "hours",
    "days",
    "tz",
    "from",
    "until",
    "observed",
    "free",
    "multiply",
    "only",
    "least",
)
_EVIDENCE_KEYS = ("source", "checked", "evidence", "vendor_checked", "note", "disputed")
_PRICE_KEYS = tuple(unit.price_key for unit in UNITS)
_NESTED_KEYS = ("tier", "mode", "window")
_HEADER_KEYS = (
    "schema",
    "provider",
    "title",
    "local",
    "base_url",
    "default_port",
    "address_variable",
    "key_variables",
    "auth_header",
    "auth_scheme",
    "hosts",
    "routes",
    "fallback",
    "sources",
    "checked",
)


def file_text(header: Mapping[str, Any], models: Sequence[Mapping[str, Any]]) -> str:
    """A whole price file: the provider's header, then its models by id."""
    lines = [f"{key} = {_value(header[key])}" for key in _HEADER_KEYS if header.get(key) not in (None, [], {})]
    for name in ("headers", "dialects"):
        if header.get(name):
            lines += ["", f"[{name}]", *(f"{_quoted(key)} = {_value(one)}" for key, one in header[name].items())]
    for model in sorted(models, key=lambda one: str(one["id"])):
        lines += ["", *model_lines(model)]
    return "\n".join(lines) + "\n"


def model_lines(model: Mapping[str, Any]) -> Iterator[str]:
    """The lines of one `[[model]]` table."""
    yield "[[model]]"
    yield from _pairs(model, _MODEL_KEYS)
    for alias in model.get("alias", ()):
        yield "[[model.alias]]"
        yield from _pairs(alias, ("name", "from", "until"))
    for period in model.get("period", ()):
        yield from _table_lines(period, "model.period")


def _table_lines(table: Mapping[str, Any], path: str) -> Iterator[str]:
    yield f"[[{path}]]"
    yield from _pairs(table, (*_PERIOD_KEYS, *_PRICE_KEYS, *_EVIDENCE_KEYS))
    for name in _NESTED_KEYS:
        for one in table.get(name, ()):
            yield from _table_lines(one, f"{path}.{name}")


def _pairs(table: Mapping[str, Any], keys: Sequence[str]) -> Iterator[str]:
    for key in keys:
        value = table.get(key)
        if value is not None and value is not False and value != []:
            yield from _pair(key, value)


def _pair(key: str, value: Any) -> Iterator[str]:
    line = f"{key} = {_value(value)}"
    if isinstance(value, list) and len(line) > WIDTH:
        yield f"{key} = ["
        yield from (f"  {_value(one)}," for one in value)
        yield "]"
    else:
        yield line


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, Decimal)):
        return number_text(Decimal(value))
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key} = {_value(one)}" for key, one in value.items()) + " }"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_value(one) for one in value) + "]"
    return _quoted(str(value))


def number_text(number: Decimal) -> str:
    """A price as people write it: no exponent, no trailing zeros."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _quoted(text: str) -> str:
    if "\\" in text and "'" not in text:
        return f"'{text}'"
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ")
    return f'"{escaped}"'
