"""The same cents as an independent implementation: genai-prices, to the nano-dollar; the exceptions are listed here."""

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from llmledger.core.money import nanousd_from_usd
from llmledger.core.usage import UNIT_BY_PRICE_KEY, Usage
from llmledger.pricebook import PriceBook
from llmledger.pricebook.genai import PRICE_KEYS, PROVIDER_NAMES

pytestmark = pytest.mark.unmeasured

data = pytest.importorskip("genai_prices.data")

WEDNESDAY = datetime(2026, 11, 18, 12, tzinfo=UTC)
"""A weekday outside every peak hour."""

EXCEPTIONS: Mapping[tuple[str, str], str] = {
    ("deepseek", "deepseek-chat"): "the off-peak discount ended in September 2025; they still have it",
    ("deepseek", "deepseek-reasoner"): "the off-peak discount ended in September 2025; they still have it",
    ("deepseek", "deepseek-flash"): "peak hours are on weekdays only, which they cannot say (genai-prices#582)",
    ("deepseek", "deepseek-v4-flash"): "the change came at an hour, and peak hours have weekdays (genai-prices#582)",
    ("deepseek", "deepseek-v4-pro"): "the change came at an hour, and peak hours have weekdays (genai-prices#582)",
    ("openai", "o3"): "cached input was a quarter of the input before June 2025 too",
    ("perplexity", "sonar"): "the fee depends on the search context; they have only the highest",
    ("perplexity", "sonar-pro"): "the fee depends on the search context; they have only the highest",
    ("perplexity", "sonar-reasoning"): "the fee depends on the search context; they have only the highest",
    ("perplexity", "sonar-reasoning-pro"): "the fee depends on the search context; they have only the highest",
}

QUANTITIES = {
    "input": 300_000,
    "cache_read": 20_000,
    "cache_write": 10_000,
    "cache_write_1h": 4_000,
    "input_audio": 3_000,
    "cache_read_audio": 1_000,
    "input_image": 2_000,
    "cache_read_image": 500,
    "input_video": 700,
    "output": 5_000,
    "reasoning": 900,
    "output_audio": 600,
    "output_image": 800,
    "output_video": 300,
    "citation": 50,
    "per_1k_annotated_pages": 3,
    "per_1k_pages": 11,
}
"""So many of each kind, parts smaller than their wholes; of all others seven."""
SMALL = {"input": 100_000}
THEIR_USAGE = {
    "document_pages": "input_document_pages",
    "annotated_pages": "input_annotated_document_pages",
    "cache_read_audio_tokens": "cache_audio_read_tokens",
    "cache_read_image_tokens": "cache_image_read_tokens",
    "reasoning_tokens": "output_reasoning_tokens",
    "citation_tokens": "output_citation_tokens",
    "characters": "input_characters",
    "text_messages": "input_text_messages",
}


def cases() -> Iterator[Any]:
    """Each of their providers as one test."""
    for provider in data.providers:
        name = PROVIDER_NAMES.get(provider.id, provider.id.replace("-", "_"))
        yield pytest.param(name, provider, id=name)


@pytest.mark.parametrize(("name", "theirs"), list(cases()))
def test_both_agree_on_every_model_time_and_mode(table: PriceBook, name: str, theirs: Any) -> None:
    """Today, on both sides of each change, below and above the tiers, in each mode."""
    differing = []
    for model in theirs.models:
        if (name, model.id) not in EXCEPTIONS and _is_priced(model):
            for at in _times(model):
                differing += _differences(table, name, theirs, model, at)

    assert differing == []


def test_every_exception_is_one(table: PriceBook) -> None:
    """What has come to agree is taken from the list."""
    by_name = {PROVIDER_NAMES.get(one.id, one.id.replace("-", "_")): one for one in data.providers}
    differing: Counter[tuple[str, str]] = Counter()
    for provider, model_id in EXCEPTIONS:
        model = next(one for one in by_name[provider].models if one.id == model_id)
        for at in [*_times(model), datetime(2026, 11, 21, 2, tzinfo=UTC)]:
            differing[provider, model_id] += len(_differences(table, provider, by_name[provider], model, at))

    assert {key for key, count in differing.items() if count} == set(EXCEPTIONS)


def _is_priced(model: Any) -> bool:
    listed = model.prices if isinstance(model.prices, list) else [model.prices]
    return any(value is not None for one in listed for value in getattr(one, "prices", one).__dict__.values())


def _times(model: Any) -> list[datetime]:
    """Now, and the day before and of each change."""
    listed = model.prices if isinstance(model.prices, list) else []
    starts: set[date] = {one.constraint.start_date for one in listed if hasattr(one.constraint, "start_date")}
    noons = [datetime(start.year, start.month, start.day, 12, tzinfo=UTC) for start in sorted(starts)]
    return [WEDNESDAY, *noons, *(noon - timedelta(days=1) for noon in noons)]


def _differences(table: PriceBook, name: str, theirs: Any, model: Any, at: datetime) -> list[str]:
    contexts = [{}, *(dict(one.when) for one in model.price_variants or () if _holds(one, at))]
    found = []
    for context in contexts:
        for changes in ({}, SMALL):
            quantities = _quantities(model, at, context, {**QUANTITIES, **changes})
            ours = table.price(name, model.id, Usage(**quantities), at=at, context=context)
            usage = {THEIR_USAGE.get(unit, unit): count for unit, count in quantities.items()}
            price = model.calc_price(_usage(usage), theirs, genai_request_timestamp=at, price_context=context)
            if ours.nanousd != nanousd_from_usd(price.total_price):
                found.append(f"{model.id} {at:%Y-%m-%d} {context}: {ours.nanousd} / {price.total_price}")
    return found


def _holds(variant: Any, at: datetime) -> bool:
    return variant.constraint is None or variant.constraint.start_date <= at.date()


def _quantities(model: Any, at: datetime, context: dict[str, str], numbers: Mapping[str, int]) -> dict[str, int]:
    """Some of every unit that they have a price for, and of nothing else."""
    prices = model.get_prices(at, context).__dict__
    keys = [PRICE_KEYS[key] for key, value in prices.items() if value is not None and key in PRICE_KEYS]
    keys = [key for key in keys if key != "per_1k_requests"]
    return {UNIT_BY_PRICE_KEY[key].name: numbers.get(key, 7) for key in keys} or {"input_tokens": 0}


def _usage(quantities: dict[str, int]) -> Any:
    from genai_prices import Usage as TheirUsage

    return TheirUsage(**{name: Decimal(count) if "seconds" in name else count for name, count in quantities.items()})
