"""The words of OpenAI's bills: line items, kinds and units, shared by its CSV and JSON readers."""

from collections.abc import Callable, Mapping
from decimal import Decimal

from llmledger.core.statement import LineKind
from llmledger.core.usage import Quantity
from llmledger.statements._table import whole

KINDS: Mapping[str, str] = {
    "input": "input_tokens",
    "input_tokens": "input_tokens",
    "cached input": "cache_read_tokens",
    "cached_input": "cache_read_tokens",
    "cached_input_tokens": "cache_read_tokens",
    "input_cached_tokens": "cache_read_tokens",
    "cache write": "cache_write_tokens",
    "cache_write_tokens": "cache_write_tokens",
    "input_cache_write_tokens": "cache_write_tokens",
    "output": "output_tokens",
    "output_tokens": "output_tokens",
    "audio input": "input_audio_tokens",
    "input_audio_tokens": "input_audio_tokens",
    "audio output": "output_audio_tokens",
    "output_audio_tokens": "output_audio_tokens",
    "input_image_tokens": "input_image_tokens",
    "output_image_tokens": "output_image_tokens",
}
"""Kinds of tokens as bills word them, across the years. What is not here is unknown and stays so."""

TOOLS: Mapping[str, str] = {
    "file search tool calls": "storage_searches",
    "web search tool calls": "web_searches",
    "code interpreter sessions": "code_sessions",
}
"""Line items that are no model's."""

_SCALES: Mapping[str, tuple[str | None, int]] = {
    "tokens": (None, 1),
    "1000_tokens": (None, 1000),
    "duration_seconds": ("audio_seconds", 1),
    "duration_minutes": ("audio_seconds", 60),
    "duration_hours": ("audio_seconds", 3600),
    "images": ("output_images", 1),
    "characters": ("characters", 1),
}
"""Quantity units: the meter they imply when the line item names none, and how many of it one is."""


def line_item(text: str) -> tuple[str, str | None, LineKind]:
    """Take `gpt-5-mini-2025-08-07, input` apart into model, meter and kind; an unknown kind stays unknown.

    >>> line_item("demo-mini-2026-08-01, cached input")
    ('demo-mini-2026-08-01', 'cache_read_tokens', <LineKind.USAGE: 'usage'>)
    """
    if not text:
        return "", None, LineKind.USAGE
    model, comma, kind = text.partition(", ")
    if not comma:
        meter = TOOLS.get(text.casefold())
        return "", meter, LineKind.USAGE if meter else LineKind.UNKNOWN
    meter = KINDS.get(kind.strip().casefold())
    return model, meter, LineKind.USAGE if meter else LineKind.UNKNOWN


def scaled(quantity: Decimal | None, unit: str, meter: str | None) -> tuple[str | None, dict[str, Quantity]]:
    """The meter and quantity of a line in our units; a unit that we do not know leaves the quantity out."""
    if quantity is None:
        return meter, {}
    implied, scale = _SCALES.get(unit, (None, 0 if unit else 1))
    meter = meter or implied
    if meter is None or not scale:
        return meter, {}
    amount = quantity * scale
    return meter, {meter: amount if meter.endswith("_seconds") else whole(amount)}


def completion_quantities(count: Callable[[str], int], uncached: int | None) -> dict[str, Quantity]:
    """Disjoint quantities of a completions row: audio and 12-hour writes apart, since they have prices of their own.

    `input_tokens` includes what was read from and written to a cache; `input_audio_tokens` is a part of the uncached rest.
    Raises ValueError when a part is larger than its whole.
    """
    cached, written = count("input_cached_tokens"), count("input_cache_write_tokens")
    kept_long = count("input_cache_write_12h_tokens")
    audio, spoken = count("input_audio_tokens"), count("output_audio_tokens")
    rest = count("input_tokens") - cached - written if uncached is None else uncached
    found = {
        "input_tokens": rest - audio,
        "input_audio_tokens": audio,
        "cache_read_tokens": cached,
        "cache_write_tokens": written - kept_long,
        "cache_write_12h_tokens": kept_long,
        "output_tokens": count("output_tokens") - spoken,
        "output_audio_tokens": spoken,
    }
    short = next((unit for unit, quantity in found.items() if quantity < 0), None)
    if short:
        raise ValueError(f"fewer {short} than the parts that they include")
    return {unit: quantity for unit, quantity in found.items() if quantity}


def tier_context(service_tier: str, *, batch: bool) -> dict[str, str]:
    """The price selectors that a usage row states; the default tier selects nothing."""
    context = {"processing": "batch"} if batch else {}
    if service_tier not in ("", "default", "auto", "standard"):
        context["service_tier"] = service_tier
    return context
