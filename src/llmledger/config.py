"""The user's settings: what may be set, what it means, and one clear line for everything else.

Read with `tomllib` into frozen values on every run. Flags win over the environment, that over the project's file, that
over the user's file. A project's file arrives with code that other people wrote: it may say where requests belong and
how reports look, and never a command, an address, a key, or a model that costs money.
"""

import re
import tomllib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from llmledger.core.address import is_address
from llmledger.core.period import is_age
from llmledger.core.window import zone_named
from llmledger.errors import ConfigError, UsageError

ON_LEDGER_FAILURE = ("refuse", "pass")
BILLING_KINDS = ("api", "subscription", "local", "unknown")
DIMENSIONS = ("client", "user", "team", "project", "operation")
MATCHED = ("path", "app", "key")
RETENTION = ("content", "detail", "rollups")
PROJECT_SETTINGS = ("timezone", "currency", "attribution")
"""All that a project's file may set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSettings:
    """Section `[run]`."""

    model: str | None = None
    """The model of `run` when neither flag nor environment names one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderSettings:
    """Section `[providers.NAME]`."""

    base_url: str | None = None
    key_variable: str | None = None
    """Name of the environment variable that holds the key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxySettings:
    """Section `[proxy]`."""

    host: str = "127.0.0.1"
    port: int = 4747
    on_disconnect: str = "drain"
    """`drain` reads on for the true usage when a client goes away, `abort` stops the provider too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MapRule:
    """One `[[map]]`: requests whose path, app or key matches (globs) belong to these dimensions."""

    matches: Mapping[str, str]
    gives: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Every setting, with its default."""

    timezone: str | None = None
    currency: str | None = None
    on_ledger_failure: str = "refuse"
    """When neither the ledger nor its spool can be written: `refuse` new requests, or let them `pass` unrecorded."""
    store_content: bool = False
    run: RunSettings = RunSettings()
    proxy: ProxySettings = ProxySettings()
    providers: Mapping[str, ProviderSettings] = field(default_factory=dict)
    fx: Mapping[str, Mapping[date, Decimal]] = field(default_factory=dict)
    """Units of a currency for one USD, by the date from which they hold."""
    map: tuple[MapRule, ...] = ()
    attribution: Mapping[str, str] = field(default_factory=dict)
    retention: Mapping[str, str] = field(default_factory=dict)
    """How long each tier is kept, as `90d` or `13mo`; a tier that is absent is kept for ever."""
    billing: Mapping[str, str] = field(default_factory=dict)
    """How a provider, an app or an import source is paid: `api`, `subscription` or `local`."""


def load_config(path: Path, *, project: Path | None = None) -> Config:
    """Read the user's file and, on top of it, a project's; a file that is absent sets nothing. Raises ConfigError."""
    settings = read_settings(path)
    config = parse_config(settings, path)
    if project is None:
        return config
    own = read_settings(project)
    for name in own:
        if name not in PROJECT_SETTINGS:
            raise ConfigError(
                f"{project}: a project's file may not set {name!r}",
                hint=f"It may set {', '.join(PROJECT_SETTINGS)}; put the rest into {path}.",
            )
    return parse_config({**settings, **own}, project)


def parse_config(settings: Mapping[str, Any], path: Path) -> Config:
    """Turn parsed TOML into a Config; raises ConfigError that names the file, the key and what may stand there."""
    table = _Table(path, "", settings)
    table.only(Config.__dataclass_fields__)
    run, proxy = table.table("run"), table.table("proxy")
    run.only(["model"])
    proxy.only(["host", "port", "on_disconnect"])
    return Config(
        timezone=table.zone("timezone"),
        currency=table.fitting("currency", r"[A-Za-z]{3}", "the code of a currency such as EUR"),
        on_ledger_failure=table.choice("on_ledger_failure", ON_LEDGER_FAILURE) or "refuse",
        store_content=table.flag("store_content"),
        run=RunSettings(model=run.text("model")),
        proxy=ProxySettings(
            host=proxy.text("host") or "127.0.0.1",
            port=proxy.number("port", 4747, at_most=65535),
            on_disconnect=proxy.choice("on_disconnect", ("drain", "abort")) or "drain",
        ),
        providers={name: _provider(part) for name, part in table.tables("providers").items()},
        fx={name.upper(): _rates(part) for name, part in table.tables("fx").items()},
        map=tuple(_map_rule(part) for part in table.list_of_tables("map")),
        attribution=table.table("attribution").texts(DIMENSIONS),
        retention=_retention(table.table("retention")),
        billing=_billing(table.table("billing")),
    )


@dataclass(frozen=True, slots=True)
class _Table:
    """A table of a settings file that knows its place, so that every complaint can name it."""

    path: Path
    place: str
    values: Mapping[str, Any]

    def only(self, known: Collection[str]) -> None:
        """Refuse the first key that is not known."""
        for name in self.values:
            if name not in known:
                raise ConfigError(f"{self.path}: unknown key {self.name(name)!r}", hint=_near(name, known))

    def name(self, key: str) -> str:
        return f"{self.place}.{key}" if self.place else key

    def wrong(self, key: str, wanted: str) -> ConfigError:
        return ConfigError(f"{self.path}: {self.name(key)} must be {wanted}, not {_shown(self.values[key])}")

    def text(self, key: str) -> str | None:
        value = self.values.get(key)
        if value is not None and (not isinstance(value, str) or not value.strip()):
            raise self.wrong(key, "a text in quotes")
        return value

    def fitting(self, key: str, pattern: str, wanted: str) -> str | None:
        """A text of a form."""
        value = self.text(key)
        if value is not None and not re.fullmatch(pattern, value):
            raise self.wrong(key, wanted)
        return value

    def zone(self, key: str) -> str | None:
        """The name of a time zone that exists."""
        value = self.text(key)
        if value is not None:
            try:
                zone_named(value)
            except UsageError as problem:
                raise ConfigError(f"{self.path}: {self.name(key)}: {problem.message}", hint=problem.hint) from None
        return value

    def choice(self, key: str, choices: Sequence[str]) -> str | None:
        value = self.text(key)
        if value is not None and value not in choices:
            raise self.wrong(key, f"one of {', '.join(choices)}")
        return value

    def flag(self, key: str) -> bool:
        value = self.values.get(key, False)
        if not isinstance(value, bool):
            raise self.wrong(key, "true or false")
        return value

    def number(self, key: str, default: int, *, at_most: int) -> int:
        value = self.values.get(key, default)
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= at_most:
            raise self.wrong(key, f"a whole number up to {at_most}")
        return value

    def amount(self, key: str) -> Decimal:
        """A number, or one in quotes, above or at zero."""
        value = self.values[key]
        try:
            amount = Decimal(value) if isinstance(value, str | int | Decimal) and not isinstance(value, bool) else None
        except InvalidOperation:
            amount = None
        if amount is None or not amount.is_finite() or amount < 0:
            raise self.wrong(key, "a number, zero or more")
        return amount

    def texts(self, known: Collection[str] | None = None) -> dict[str, str]:
        """All values, each a text."""
        if known is not None:
            self.only(known)
        return {key: self.text(key) or "" for key in self.values}

    def table(self, key: str) -> "_Table":
        value = self.values.get(key, {})
        if not isinstance(value, Mapping):
            raise self.wrong(key, f"a table: [{self.name(key)}]")
        return _Table(self.path, self.name(key), value)

    def tables(self, key: str) -> dict[str, "_Table"]:
        """The tables inside a table, by name."""
        outer = self.table(key)
        return {name: outer.table(name) for name in outer.values}

    def list_of_tables(self, key: str) -> list["_Table"]:
        value = self.values.get(key, [])
        if not isinstance(value, list) or not all(isinstance(item, Mapping) for item in value):
            raise self.wrong(key, f"a list of tables: [[{key}]]")
        return [_Table(self.path, f"{key}[{number}]", item) for number, item in enumerate(value, 1)]


def _provider(table: _Table) -> ProviderSettings:
    table.only(["base_url", "key_variable"])
    base_url = table.text("base_url")
    if base_url is not None and not is_address(base_url):
        raise table.wrong("base_url", "an address that begins with http:// or https://")
    return ProviderSettings(
        base_url=base_url.rstrip("/") if base_url else None, key_variable=table.text("key_variable")
    )


def _rates(table: _Table) -> dict[date, Decimal]:
    rates = {}
    currency = table.place.removeprefix("fx.").upper()
    for key in table.values:
        try:
            since = date.fromisoformat(key)
        except ValueError as problem:
            raise ConfigError(
                f"{table.path}: [{table.place}] needs dates, not {key!r}",
                hint=f'Write it so: 2026-10-01 = "0.92"  (1 USD = 0.92 {currency} from then on)',
            ) from problem
        rates[since] = table.amount(key)
        if not rates[since]:
            raise table.wrong(key, "a number above zero")
    return rates


def _map_rule(table: _Table) -> MapRule:
    values = table.texts((*MATCHED, *DIMENSIONS))
    matches = {key: values[key] for key in MATCHED if key in values}
    gives = {key: values[key] for key in DIMENSIONS if key in values}
    if not matches or not gives:
        raise ConfigError(
            f"{table.path}: {table.place} needs something to match and something to set",
            hint='Write it so: [[map]] path = "~/work/acme/**" client = "acme". '
            f"Match {_listed(MATCHED)}; set {_listed(DIMENSIONS)}.",
        )
    return MapRule(matches=matches, gives=gives)


def _retention(table: _Table) -> dict[str, str]:
    ages = table.texts(RETENTION)
    for key, age in ages.items():
        if not is_age(age):
            raise table.wrong(key, "an age such as 30d or 13mo")
    return ages


def _billing(table: _Table) -> dict[str, str]:
    for key in table.values:
        table.choice(key, BILLING_KINDS)
    return table.texts()


def _near(name: str, known: Collection[str]) -> str:
    from difflib import get_close_matches

    close = get_close_matches(name, known, n=1)
    return f"Did you mean {close[0]!r}?" if close else f"Known here: {', '.join(sorted(known))}."


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:-1]) + " or " + names[-1]


def _shown(value: object) -> str:
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= 40 else text[:37] + "..."


def read_settings(path: Path) -> dict[str, Any]:
    """A settings file as parsed TOML, empty when it is not there; raises ConfigError."""
    try:
        text = path.read_bytes().decode()
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as problem:
        raise ConfigError(f"{path} cannot be read: {problem}") from problem
    try:
        return tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as problem:
        raise ConfigError(f"{path} is no valid TOML: {problem}", hint="Correct it, or move it away.") from problem
