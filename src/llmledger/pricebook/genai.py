"""Prices out of an installed `genai-prices` package, as tables in our own schema. Reads its data, no network.

Its conventions, and what becomes of them: a price list is tried last to first (so a later start date closes the earlier
period); tiers lie on single prices (gathered here into tiers of the whole request); matching by `starts_with`,
`contains` and `ends_with` becomes exact names plus `dated`, since those rules also claim models that only resemble.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from itertools import zip_longest
from pathlib import Path
from typing import Any

from llmledger.core.usage import UNIT_BY_PRICE_KEY
from llmledger.errors import ConfigError
from llmledger.pricebook._schema import DELIMITERS
from llmledger.pricebook.writer import file_text

PRICE_KEYS: Mapping[str, str] = {
    "input_mtok": "input",
    "cache_read_mtok": "cache_read",
    "cache_write_mtok": "cache_write",
    "cache_write_1h_mtok": "cache_write_1h",
    "input_audio_mtok": "input_audio",
    "input_image_mtok": "input_image",
    "input_video_mtok": "input_video",
    "cache_audio_read_mtok": "cache_read_audio",
    "cache_image_read_mtok": "cache_read_image",
    "output_mtok": "output",
    "output_reasoning_mtok": "reasoning",
    "output_audio_mtok": "output_audio",
    "output_image_mtok": "output_image",
    "output_video_mtok": "output_video",
    "output_citation_mtok": "citation",
    "requests_kcount": "per_1k_requests",
    "web_searches_kcount": "per_1k_web_searches",
    "storage_searches_kcount": "per_1k_storage_searches",
    "code_executions_kcount": "per_1k_code_sessions",
    "rerank_searches_kcount": "per_1k_search_units",
    "input_text_messages_kcount": "per_1k_text_messages",
    "input_document_kpages": "per_1k_pages",
    "input_annotated_document_kpages": "per_1k_annotated_pages",
    "input_mchars": "per_1m_characters",
    "audio_hours": "per_hour_audio",
    "input_audio_hours": "per_hour_input_audio",
    "output_audio_hours": "per_hour_output_audio",
}
"""Their price keys to ours."""

PROVIDER_NAMES: Mapping[str, str] = {
    "google": "gemini",
    "x-ai": "xai",
    "aws": "bedrock",
    "moonshotai": "moonshot",
    "github-copilot": "github_copilot",
    "voyageai": "voyage",
    "openai-decisions": "openai_decisions",
    "huggingface_fireworks-ai": "huggingface_fireworks",
}
"""Their provider ids to ours, where they differ."""

REACHED_AT = frozenset({199_999})
"""Tier starts that stand for "reaches 200k": xAI's tier begins at the threshold (genai-prices#587)."""

LEAST: Mapping[tuple[str, str], Mapping[str, int]] = {
    ("groq", "whisper-large-v3"): {"audio_seconds": 10, "input_audio_seconds": 10},
    ("groq", "whisper-large-v3-turbo"): {"audio_seconds": 10, "input_audio_seconds": 10},
}
"""What a request is billed at least; it stands in their code and not in their data."""

_DATE_TAIL = re.compile(r"(?:\(-\\d\{8\}\)\?|-\\d\{8\}|-\\d\{4\}-\\d\{2\}-\\d\{2\})\$$")
_PLACES = Decimal("1e-9")


@dataclass(frozen=True, slots=True)
class GenaiProvider:
    """One provider of theirs in our schema."""

    name: str
    header: dict[str, Any]
    models: list[dict[str, Any]]
    """Those with a price; an empty one is free or unknown, and they do not say which."""


def installed_version() -> str:
    """The installed package's version. Raises `ConfigError` when it is not installed."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("genai-prices")
    except PackageNotFoundError:
        raise ConfigError(
            "genai-prices is not installed", hint='Install it beside llmledger: pip install "llmledger[prices]"'
        ) from None


def read_installed(checked: date) -> list[GenaiProvider]:
    """Every provider of the installed package, read on the day `checked`. Raises `ConfigError` when it is absent."""
    source = f"genai-prices {installed_version()}"
    from genai_prices.data import providers

    evidence = {"source": source, "checked": checked, "evidence": "secondary"}
    return [convert(one, evidence) for one in providers]


def write_installed(folder: Path, *, checked: date) -> None:
    """Write the installed package's prices into a folder as a price table of ours."""
    for one in read_installed(checked):
        (folder / f"{one.name}.toml").write_text(file_text(one.header, one.models), encoding="utf-8")


def convert(theirs: Any, evidence: Mapping[str, Any]) -> GenaiProvider:
    """One of their providers in our schema; `evidence` (source, checked, evidence) is put on every rate."""
    name = PROVIDER_NAMES.get(theirs.id, theirs.id.replace("-", "_"))
    header = {
        "schema": 1,
        "provider": name,
        "title": theirs.name,
        "hosts": [theirs.api_pattern],
        "fallback": [PROVIDER_NAMES.get(one, one) for one in theirs.fallback_model_providers or ()],
        "sources": list(theirs.pricing_urls or ()),
        "checked": evidence["checked"],
    }
    observed = theirs.id == "openrouter"
    claimed: set[str] = {model.id.lower() for model in theirs.models}
    models = []
    for model in theirs.models:
        least = LEAST.get((theirs.id, model.id))
        told = {"least": dict(least)} if least is not None else {}
        periods = [{**period, **told} for period in _periods(model, evidence, observed=observed)]
        names = _names(model, theirs, claimed)
        if periods:
            models.append({**names, "period": periods})
    return GenaiProvider(name, header, models)


def _names(model: Any, theirs: Any, claimed: set[str]) -> dict[str, Any]:
    """The names a model claims: only spellings that their own rules give to this very model, each to one model."""
    exact, patterns, prefixes, dated = [], [], [], False
    for kind, value in _rules(model.match):
        stem = _DATE_TAIL.sub("", value) if kind == "regex" else value
        if kind == "regex" and stem == value:
            patterns += [value] if value.startswith("^") and value.endswith("$") else []
        elif kind == "starts_with" and value[-1:] in DELIMITERS:
            prefixes.append(value)
        else:
            dated = dated or kind != "equals"
            exact.append(stem.removeprefix("^").replace("\\.", "."))
    spellings = []
    for name in exact:
        folded = name.lower()
        if folded not in claimed and not re.search(r"[\\^$()\[\]]", name) and _is_theirs(theirs, model, folded):
            claimed.add(folded)
            spellings.append(name)
    return {
        "id": model.id,
        "names": sorted(spellings),
        "dated": dated,
        "prefix": sorted(prefixes),
        "regex": sorted(patterns),
    }


def _is_theirs(theirs: Any, model: Any, name: str) -> bool:
    found = next((one for one in theirs.models if one.is_match(name)), None)
    return found is model and name[-1:] not in DELIMITERS


def _rules(match: Any) -> Iterator[tuple[str, str]]:
    """The leaves of their boolean rule; of an `and` only its first part: the others exclude models."""
    for kind in ("equals", "starts_with", "contains", "ends_with", "regex"):
        if hasattr(match, kind):
            yield kind, getattr(match, kind)
    for one in getattr(match, "or_", ()):
        yield from _rules(one)
    if hasattr(match, "and_"):
        yield from _rules(match.and_[0])


def _periods(model: Any, evidence: Mapping[str, Any], *, observed: bool) -> Iterator[dict[str, Any]]:
    """The periods of a model, one for each date on which a price changes.

    A date on which only modes were added is the day on which somebody wrote them down: vendors sold batch at half the
    price long before. So such modes hold for all of the unchanged period.
    """
    listed = model.prices if isinstance(model.prices, list) else []
    starts = {one.constraint.start_date for one in (*listed, *(model.price_variants or ())) if _has_start(one)}
    found: list[tuple[date | None, dict[str, Any]]] = []
    for since in (None, *sorted(starts)):
        table = _table_at(model, since)
        if table is None:
            continue
        if found and _only_adds_modes(found[-1][1], table):
            found[-1] = (found[-1][0], table)
        else:
            found.append((since, table))
    for (since, table), after in zip_longest(found, found[1:]):
        dates = {"from": since, "observed": observed} if since else {}
        until = {"until": after[0]} if after is not None else {}
        yield {**dates, **until, **table, **evidence}


def _only_adds_modes(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    if {**before, "mode": None} != {**after, "mode": None}:
        return False
    return all(mode in after.get("mode", ()) for mode in before.get("mode", ()))


def _table_at(model: Any, day: date | None) -> dict[str, Any] | None:
    """What a model costs from a day on (None: before every dated change), without evidence."""
    standard = _standard_at(model, day)
    if standard is None:
        return None
    table = _price_table(standard)
    if not table.keys() & UNIT_BY_PRICE_KEY.keys():
        return None
    if not any(value for key, value in table.items() if key in UNIT_BY_PRICE_KEY) and "tier" not in table:
        return {"free": True}
    modes = _modes(model, day)
    windows = [_window(one) for one in _timed(model)]
    return {**table, **({"mode": modes} if modes else {}), **({"window": windows} if windows else {})}


def _modes(model: Any, day: date | None) -> list[dict[str, Any]]:
    """The modes that hold on a day; of several for the same requests the first sets a price, as theirs do."""
    found: dict[tuple[tuple[str, str], ...], dict[str, Any]] = {}
    for one in model.price_variants or ():
        if not _has_start(one) or (day is not None and one.constraint.start_date <= day):
            mode = found.setdefault(tuple(one.when.items()), {"when": dict(one.when)})
            for key, price in _price_table(one.prices).items():
                mode.setdefault(key, price)
    return [mode for mode in found.values() if len(mode) > 1]


def _standard_at(model: Any, day: date | None) -> Any:
    if not isinstance(model.prices, list):
        return model.prices
    active = [
        one
        for one in model.prices
        if one.constraint is None or (_has_start(one) and day is not None and one.constraint.start_date <= day)
    ]
    return active[-1].prices if active else None


def _timed(model: Any) -> Iterable[Any]:
    listed = model.prices if isinstance(model.prices, list) else []
    return [one for one in listed if one.constraint is not None and not _has_start(one)]


def _has_start(one: Any) -> bool:
    return hasattr(one.constraint, "start_date")


def _window(one: Any) -> dict[str, Any]:
    hours = [[_clock(one.constraint.start_time), _clock(one.constraint.end_time)]]
    return {"hours": hours, "tz": "UTC", **_price_table(one.prices)}


def _clock(at: time) -> str:
    utc = datetime.combine(date(1970, 1, 1), at, at.tzinfo or UTC).astimezone(UTC)
    return f"{utc:%H:%M}"


def _price_table(prices: Any) -> dict[str, Any]:
    """Their prices in our keys, tiers gathered by threshold."""
    table: dict[str, Any] = {}
    tiers: dict[int, dict[str, Any]] = {}
    for theirs, value in prices.__dict__.items():
        if value is None or theirs.startswith("_"):
            continue
        key = PRICE_KEYS.get(theirs)
        if key is None:
            table["note"] = f"{theirs} has a price that this table cannot say"
            continue
        table[key] = exact(getattr(value, "base", value))
        for tier in getattr(value, "tiers", ()):
            tiers.setdefault(tier.start, {})[key] = exact(tier.price)
    if tiers:
        table["tier"] = [{**_threshold(start), **tiers[start]} for start in sorted(tiers)]
    return table


def _threshold(start: int) -> dict[str, int]:
    return {"at_least": start + 1} if start in REACHED_AT else {"above": start}


def exact(value: Decimal | float | str) -> Decimal:
    """A price without the noise of the float it once was: nine decimals at most."""
    return Decimal(str(value)).quantize(_PLACES).normalize()
