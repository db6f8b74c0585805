"""Any other table, by a rules file of the user's: which column is what, date format, zone, decimal mark, units, model patterns.

`reconcile --init-rules FILE` drafts the rules. A cell that they do not cover is reported, never guessed.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from llmledger.core.statement import Format, LineKind, StatementLine
from llmledger.core.usage import UNIT_BY_NAME, Quantity
from llmledger.errors import ConfigError
from llmledger.statements._contract import Head, Part
from llmledger.statements._table import Row, number, rows, whole

SUMMARY = "Any other table (CSV), by a rules file (--rules)"
FORMAT = Format()

COLUMNS = (
    "date",
    "until",
    "model",
    "kind",
    "quantity",
    "unit",
    "amount",
    "currency",
    "key",
    "project",
    "request_id",
    "requests",
)
"""What a rules file may say about columns."""
_PLAIN = ("provider", "timezone", "date_format", "decimal_mark", "currency", "days")
_KINDS = {kind.value for kind in LineKind}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """A rules file that was checked."""

    provider: str
    columns: Mapping[str, str]
    zone: ZoneInfo
    date_format: str = "%Y-%m-%d"
    decimal_mark: str = "."
    currency: str = "USD"
    days: int = 1
    kinds: Mapping[str, str] = field(default_factory=dict)
    units: Mapping[str, Decimal] = field(default_factory=dict)
    models: tuple[tuple[re.Pattern[str], str], ...] = ()


def recognises(head: Head) -> bool:
    """Never by itself: only `--rules` choose this reader."""
    del head
    return False


def read(parts: Sequence[Part]) -> Iterator[StatementLine]:
    """Yield one line per row, as the rules of its part say."""
    for part in parts:
        rules = check_rules(part.rules)
        needed = tuple(column.casefold() for column in rules.columns.values())
        for row in rows(part, needed):
            if row.text(rules.columns["date"].casefold()):
                yield _line(row, rules)


def check_rules(table: Mapping[str, Any]) -> Rules:
    """Check a rules file; raises `ConfigError` naming the entry that cannot be meant."""
    unknown = [key for key in table if key not in (*_PLAIN, "columns", "kinds", "units", "models")]
    if unknown:
        raise ConfigError(
            f"the rules have an unknown entry {unknown[0]}",
            hint=f"Known: {', '.join(_PLAIN)}, columns, kinds, units, models.",
        )
    columns = _texts(table, "columns")
    odd = [name for name in columns if name not in COLUMNS]
    if odd or "date" not in columns or not {"amount", "quantity"} & columns.keys():
        raise ConfigError(
            f"the rules' [columns] {'have the unknown ' + odd[0] if odd else 'need date, and amount or quantity'}",
            hint=f"Known columns: {', '.join(COLUMNS)}.",
        )
    if not isinstance(table.get("provider"), str):
        raise ConfigError("the rules name no provider", hint='Write provider = "mistral".')
    mark = str(table.get("decimal_mark", "."))
    if mark not in (".", ","):
        raise ConfigError(f"decimal_mark is {mark!r}", hint='It is "." or ",".')
    days = table.get("days", 1)
    if not isinstance(days, int) or not 1 <= days <= 366:
        raise ConfigError(f"days is {days!r}", hint="It is how many days a row covers, 1 to 366.")
    return Rules(
        provider=table["provider"],
        columns=columns,
        zone=_zone(str(table.get("timezone", "UTC"))),
        date_format=str(table.get("date_format", "%Y-%m-%d")),
        decimal_mark=mark,
        currency=str(table.get("currency", "USD")).upper(),
        days=days,
        kinds=_kinds(table),
        units={name.casefold(): _scale(name, text) for name, text in _texts(table, "units").items()},
        models=_models(table),
    )


def _texts(table: Mapping[str, Any], name: str) -> dict[str, str]:
    inner = table.get(name, {})
    if not isinstance(inner, Mapping):
        raise ConfigError(f"the rules' {name} is no table", hint=f"Write [{name}] and below it one line each.")
    return {str(key): str(value) for key, value in inner.items()}


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ConfigError(f"there is no time zone {name!r}", hint="Write it as Europe/Berlin or UTC.") from None


def _kinds(table: Mapping[str, Any]) -> dict[str, str]:
    kinds = _texts(table, "kinds")
    for word, unit in kinds.items():
        if unit not in UNIT_BY_NAME and unit not in _KINDS:
            raise ConfigError(
                f"[kinds] {word} is {unit!r}",
                hint=f"It is a unit such as input_tokens, or one of {', '.join(sorted(_KINDS))}.",
            )
    return {word.casefold(): unit for word, unit in kinds.items()}


def _scale(name: str, text: str) -> Decimal:
    try:
        return number(text)
    except ValueError:
        raise ConfigError(
            f"[units] {name} is {text!r}", hint="It is how many of the unit one is, such as 1000."
        ) from None


def _models(table: Mapping[str, Any]) -> tuple[tuple[re.Pattern[str], str], ...]:
    entries = table.get("models", [])
    try:
        return tuple((re.compile(entry["pattern"]), str(entry["model"])) for entry in entries)
    except (TypeError, KeyError, re.error) as reason:
        raise ConfigError(
            f"[[models]] has an entry that cannot be meant: {reason}",
            hint='Each has pattern = "..." and model = "...".',
        ) from None


def _line(row: Row, rules: Rules) -> StatementLine:
    cell = {name: row.text(column.casefold()) for name, column in rules.columns.items()}
    since = _moment(row, rules, "date", cell["date"])
    until = _moment(row, rules, "until", cell["until"]) if cell.get("until") else _later(since, rules.days)
    meter, kind = _meter(cell.get("kind", ""), rules, with_kinds="kind" in rules.columns)
    return StatementLine(
        number=row.number,
        since=since,
        until=until,
        provider=rules.provider,
        model=_model(cell.get("model", ""), rules),
        meter=meter,
        quantities=_quantities(row, rules, meter, cell.get("unit", "")),
        requests=_count(row, rules, "requests"),
        amount=_number(row, rules, "amount"),
        currency=cell.get("currency", "").upper() or rules.currency,
        kind=kind,
        label=cell.get("kind", ""),
        request_id=cell.get("request_id") or None,
        key=cell.get("key") or None,
        project=cell.get("project") or None,
    )


def _later(since: datetime, days: int) -> datetime:
    return since + timedelta(days=days)


def _moment(row: Row, rules: Rules, name: str, text: str) -> datetime:
    try:
        told = datetime.strptime(text, rules.date_format)  # noqa: DTZ007 - the next line gives it a zone
        moment = told if told.tzinfo else told.replace(tzinfo=rules.zone)
        moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise row.error(rules.columns[name], f"{text[:40]!r} is not like {rules.date_format}") from None
    return moment


def _meter(word: str, rules: Rules, *, with_kinds: bool) -> tuple[str | None, LineKind]:
    meaning = rules.kinds.get(word.casefold())
    if meaning in _KINDS:
        return None, LineKind(meaning)
    if meaning is None and with_kinds:
        return (word, LineKind.USAGE) if word in UNIT_BY_NAME else (None, LineKind.UNKNOWN)
    return meaning, LineKind.USAGE


def _quantities(row: Row, rules: Rules, meter: str | None, unit: str) -> dict[str, Quantity]:
    quantity = _number(row, rules, "quantity")
    if quantity is None or meter is None:
        return {}
    scale = rules.units.get(unit.casefold(), Decimal(1))
    try:
        return {meter: quantity * scale if meter.endswith("_seconds") else whole(quantity * scale)}
    except ValueError as reason:
        raise row.error(rules.columns["quantity"], str(reason)) from None


def _number(row: Row, rules: Rules, name: str) -> Decimal | None:
    column = rules.columns.get(name)
    text = row.text(column.casefold()) if column else ""
    if not column or not text:
        return None
    try:
        return number(text.lstrip("$€£¥ "), mark=rules.decimal_mark)
    except ValueError as reason:
        raise row.error(column, str(reason)) from None


def _count(row: Row, rules: Rules, name: str) -> int | None:
    value = _number(row, rules, name)
    return None if value is None else int(value)


def _model(text: str, rules: Rules) -> str:
    for pattern, model in rules.models:
        found = pattern.fullmatch(text)
        if found:
            return found.expand(model)
    return text
