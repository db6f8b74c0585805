"""The schema of a price file: TOML tables to a provider and its entries, or one line that says what is wrong.

    schema = 1                        [[model]]                     [[model.period.tier]]
    provider = "openai"               id = "gpt-5"                  above = 272_000       # or at_least
    base_url = "https://..."          names = ["gpt-5-chat"]        input = 2.50
    [dialects]                        dated = true                  [[model.period.mode]]
    "/v1/chat/completions" = "..."    [[model.period]]              when = { processing = "batch" }
                                      from = 2026-07-30             multiply = 0.5
                                      input = 1.25                  [[model.period.window]]
                                      output = 10                   hours = [["01:00", "04:00"]]
                                      source = "https://..."        days = ["mon", "fri"]
                                      checked = 2026-11-20          tz = "UTC"

A bare price is USD per 1M tokens; every other unit says so in its name (`per_1k_web_searches`, `per_hour_audio`).
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime, tzinfo
from decimal import Decimal
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from llmledger.core.rates import Mode, Rate, Tier, Window, instant_text
from llmledger.core.usage import UNIT_BY_NAME, UNIT_BY_PRICE_KEY
from llmledger.errors import PriceTableError
from llmledger.pricebook._entry import Alias, Entry
from llmledger.pricebook._fields import Table
from llmledger.pricebook.provider import Provider

SCHEMA = 1
DEFAULT_MODEL = "*"
"""Id of the opt-in price for every model of a provider that has none of its own."""
DELIMITERS = "-@:/."
_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def read_provider(header: Mapping[str, Any], where: str, stem: str) -> Provider:
    """The provider that a file's header describes. Raises `PriceTableError`."""
    table = Table(header, where)
    schema = table.get("schema")
    if schema != SCHEMA:
        raise table.fail(f"schema = {schema!r} is not one this version reads", f"Write schema = {SCHEMA}")
    name = table.text("provider") or stem
    if name not in (stem, "*"):
        raise table.fail(f"provider = {name!r} does not fit the file's name", f"Rename the file to {name}.toml")
    provider = Provider(
        name=name,
        title=table.text("title") or name,
        base_url=table.text("base_url"),
        dialects=_texts_by_key(table, "dialects"),
        key_variables=table.texts("key_variables"),
        auth_header=table.text("auth_header") or "authorization",
        auth_scheme=_scheme(table),
        headers=_texts_by_key(table, "headers"),
        hosts=table.texts("hosts"),
        local=table.flag("local"),
        default_port=table.whole("default_port"),
        address_variable=table.text("address_variable"),
        routes=table.texts("routes"),
        fallback=table.texts("fallback"),
        sources=table.texts("sources"),
        checked=table.day("checked"),
    )
    table.finish(("model",))
    return provider


def _scheme(table: Table) -> str:
    value = table.get("auth_scheme")
    if value is not None and not isinstance(value, str):
        raise table.fail("`auth_scheme` is no text", 'Write auth_scheme = "Bearer", or "" for a bare key')
    return "Bearer" if value is None else value


def _texts_by_key(table: Table, key: str) -> dict[str, str]:
    value = table.get(key) or {}
    if not isinstance(value, dict) or not all(isinstance(one, str) for one in value.values()):
        raise table.fail(f"`{key}` is no table of texts", f'Write [{key}] and below it "name" = "value"')
    return value


def read_entry(data: Mapping[str, Any], provider: str, where: str) -> Entry:
    """The entry that a `[[model]]` table describes. Raises `PriceTableError`."""
    model = data.get("id")
    if not isinstance(model, str) or not model:
        raise PriceTableError(f"{where}: a model has no id", hint='Write id = "..." below [[model]]')
    table = Table(data, f"{where}, model {model}")
    table.used.add("id")
    extends = table.flag("extends")
    entry = Entry(
        provider=provider,
        id=model,
        title=table.text("title"),
        names=frozenset(name.lower() for name in (model, *table.texts("names"))),
        aliases=tuple(_alias(one, table.place) for one in table.tables("alias")),
        dated=table.flag("dated"),
        prefixes=_prefixes(table),
        patterns=table.patterns("regex", anchored=True),
        any=table.flag("any") or model == DEFAULT_MODEL,
        excepts=table.patterns("except", anchored=False),
        retired=table.day("retired"),
        extends=extends,
        where=where,
        rates=_rates(table, f"{provider}/{model}", is_default=model == DEFAULT_MODEL, extends=extends),
    )
    table.finish()
    return entry


def _alias(data: Mapping[str, Any], place: str) -> Alias:
    table = Table(data, f"{place}, alias")
    name = table.text("name")
    if name is None:
        raise table.fail("it has no name", 'Write name = "..."')
    alias = Alias(name.lower(), table.instant("from"), table.instant("until"))
    table.finish()
    return alias


def _prefixes(table: Table) -> tuple[str, ...]:
    prefixes = table.texts("prefix")
    for prefix in prefixes:
        if prefix[-1] not in DELIMITERS:
            raise table.fail(
                f"prefix {prefix!r} would claim other models", f"End it with one of {' '.join(DELIMITERS)}"
            )
    return tuple(sorted((prefix.lower() for prefix in prefixes), key=len, reverse=True))


def _rates(table: Table, name: str, *, is_default: bool, extends: bool) -> tuple[Rate, ...]:
    periods = table.tables("period")
    rates = [
        _rate(data, name, f"{table.place}, period {number}", is_default=is_default, extends=extends)
        for number, data in enumerate(periods, 1)
    ]
    rates.sort(key=lambda rate: rate.since or datetime.min.replace(tzinfo=UTC))
    for earlier, later in pairwise(rates):
        if earlier.until is None or later.since is None or later.since < earlier.until:
            since = instant_text(later.since) if later.since else "the beginning"
            hint = f"Write until = {since} in the earlier one." if later.since else "Give the later one a `from`."
            raise table.fail(f"two periods overlap from {since}", hint)
    return tuple(rates)


def _rate(data: Mapping[str, Any], name: str, place: str, *, is_default: bool, extends: bool) -> Rate:
    table = Table(data, place)
    since, until = table.instant("from"), table.instant("until")
    if since is not None and until is not None and until <= since:
        raise table.fail(f"`until` {instant_text(until)} is not after `from`", "A period needs at least an instant.")
    multiply = table.factor("multiply")
    prices, free = table.prices(), table.flag("free")
    if multiply is not None and not extends:
        raise table.fail("`multiply` has nothing to multiply", "Write extends = true below the model's id.")
    _require_prices(table, prices, free=free, changes=extends)
    modes = tuple(_mode(one, place, number) for number, one in enumerate(table.tables("mode"), 1))
    rate = Rate(
        id=f"{name}@{instant_text(since)}" if since else name,
        prices=prices,
        since=since,
        until=until,
        free=free,
        tiers=_tiers(table),
        modes=modes if multiply is None else (*modes, Mode({}, multiply=multiply)),
        least=_least(table),
        windows=tuple(_window(one, place, number) for number, one in enumerate(table.tables("window"), 1)),
        source=table.text("source"),
        checked=table.day("checked"),
        evidence=table.text("evidence"),
        observed=table.flag("observed"),
        is_default=is_default,
        body=plain({"rate": name, **data}),
    )
    for key in ("note", "disputed"):
        table.text(key)
    table.day("vendor_checked")
    table.finish()
    return rate


def _require_prices(table: Table, prices: Mapping[str, int], *, free: bool, changes: bool) -> None:
    if free and any(prices.values()):
        raise table.fail("it is free and has prices", "Remove either `free` or the prices.")
    if changes or free:
        return
    if not prices:
        raise table.fail("it has no price", "Write input = 3 and output = 15 (USD per 1M tokens), or free = true.")
    if not any(prices.values()):
        raise table.fail("all its prices are 0", "If it costs nothing, write free = true instead.")


def _least(table: Table) -> dict[str, int]:
    value = table.get("least") or {}
    known = isinstance(value, dict) and all(unit in UNIT_BY_NAME for unit in value)
    if not known or not all(isinstance(one, int) and one > 0 for one in value.values()):
        raise table.fail("`least` cannot be read", "Write least = { audio_seconds = 10 }")
    return dict(value)


def _tiers(table: Table) -> tuple[Tier, ...]:
    tiers = sorted(
        (_tier(one, f"{table.place}, tier {number}") for number, one in enumerate(table.tables("tier"), 1)),
        key=lambda tier: tier.threshold,
    )
    for lower, upper in pairwise(tiers):
        if lower.threshold == upper.threshold:
            raise table.fail(f"two tiers begin at {lower.threshold}", "Join them into one.")
    return tuple(tiers)


def _tier(data: Mapping[str, Any], place: str) -> Tier:
    table = Table(data, place)
    above, at_least = table.whole("above"), table.whole("at_least")
    if (above is None) == (at_least is None):
        raise table.fail("it needs one threshold", "Write above = 200_000, or at_least = 200_000.")
    tier = Tier(above if above is not None else at_least or 0, table.prices(), inclusive=above is None)
    if not tier.prices:
        raise table.fail("it has no price", "Write input = 6 and the others that change.")
    table.finish()
    return tier


def _mode(data: Mapping[str, Any], place: str, number: int) -> Mode:
    table = Table(data, f"{place}, mode {number}")
    when = _texts_by_key(table, "when")
    if not when:
        raise table.fail("it has no selector", 'Write when = { processing = "batch" }')
    mode = Mode(when, table.prices(), _tiers(table), table.factor("multiply"), _only(table))
    if not mode.prices and not mode.tiers and mode.multiply is None:
        raise table.fail("it changes nothing", "Write its prices, or multiply = 0.5")
    table.finish()
    return mode


def _only(table: Table) -> frozenset[str] | None:
    keys = table.texts("only")
    for key in keys:
        if key not in UNIT_BY_PRICE_KEY:
            raise table.fail(f"`only` names {key!r}, which is no price", 'Write only = ["input", "output"]')
    return frozenset(UNIT_BY_PRICE_KEY[key].name for key in keys) if keys else None


def _window(data: Mapping[str, Any], place: str, number: int) -> Window:
    table = Table(data, f"{place}, window {number}")
    days = table.texts("days")
    unknown = [day for day in days if day not in _WEEKDAYS]
    if unknown:
        raise table.fail(f"{unknown[0]!r} is no weekday", f"Write days = {list(_WEEKDAYS[:5])}")
    window = Window(
        hours=_hours(table),
        zone=_zone(table),
        days=frozenset(_WEEKDAYS.index(day) for day in days) if days else None,
        prices=table.prices(),
        multiply=table.factor("multiply"),
        only=_only(table),
    )
    if not window.prices and window.multiply is None:
        raise table.fail("it changes nothing", "Write its prices, or multiply = 0.5")
    table.finish()
    return window


def _hours(table: Table) -> tuple[tuple[int, int], ...]:
    try:
        hours = tuple((_minute(start), _minute(end)) for start, end in table.get("hours"))
    except (TypeError, ValueError):
        hours = ()
    if not hours or any(start == end for start, end in hours):
        raise table.fail("`hours` cannot be read", 'Write hours = [["01:00", "04:00"]]')
    return hours


def _minute(text: str) -> int:
    hour, minute = text.split(":")
    at = int(hour) * 60 + int(minute)
    if not 0 <= at <= 1440 or not 0 <= int(minute) < 60:
        raise ValueError(text)
    return at


def _zone(table: Table) -> tzinfo:
    name = table.text("tz") or "UTC"
    try:
        return UTC if name == "UTC" else ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise table.fail(f"{name!r} is no time zone", 'Write tz = "UTC" or tz = "Asia/Shanghai"') from error


def plain(value: Any) -> Any:
    """A TOML value as plain JSON: numbers with decimals and dates as text."""
    if isinstance(value, Mapping):
        return {key: plain(one) for key, one in value.items()}
    if isinstance(value, list):
        return [plain(one) for one in value]
    if isinstance(value, Decimal):
        return f"{value:f}"
    return value.isoformat() if isinstance(value, date) else value
