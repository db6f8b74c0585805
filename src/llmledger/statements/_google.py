"""Google Cloud's SKU descriptions, taken apart into model, meter and price selectors, shared by its two CSV readers."""

import re
from dataclasses import dataclass, field

from llmledger.core.usage import Quantity
from llmledger.errors import InputFileError
from llmledger.statements._table import Row, whole

_TOKENS = re.compile(
    r"generate content (?P<medium>image |audio |video )?(?P<cached>cached )?(?P<way>input|output) token count (?:for )?"
    r"gemini (?P<rest>.+)\Z"
)
_VERTEX = re.compile(r"gemini (?P<rest>.+?) (?:thinking )?text (?P<way>input|output)(?P<tail>.*)\Z")
_MEDIA = {"text", "image", "audio", "video", "input"}
_TIERS = {"batch": ("processing", "batch"), "flex": ("service_tier", "flex"), "priority": ("service_tier", "priority")}
_OUTPUT_MEDIA = {"image": "output_image_tokens", "audio": "output_audio_tokens"}


@dataclass(frozen=True, slots=True)
class Sku:
    """What an SKU's description says."""

    model: str = ""
    meter: str | None = None
    context: dict[str, str] = field(default_factory=dict)


def sku(description: str) -> Sku:
    """Take a description apart; one that follows neither grammar names no meter.

    >>> sku("Generate content cached input token count gemini 9 demo text").meter
    'cache_read_tokens'
    """
    plain = " ".join(description.casefold().replace("_", " ").split())
    if plain.startswith("grounding with google search"):
        return Sku(meter="web_searches")
    found = _TOKENS.search(plain)
    if found:
        return _generate(
            (found["medium"] or "text").split() + found["rest"].split(), found["way"], cached=bool(found["cached"])
        )
    vertex = _VERTEX.search(plain)
    if vertex:
        cached = "caching" in vertex["tail"]
        return Sku(_named(vertex["rest"].split()), _meter(vertex["way"], "text", cached=cached))
    return Sku()


def _generate(words: list[str], way: str, *, cached: bool) -> Sku:
    context: dict[str, str] = {}
    medium = "text"
    name: list[str] = []
    for word in words:
        if word in _TIERS:
            selector, value = _TIERS[word]
            context[selector] = value
        elif word == "long":
            context["context_window"] = "long"
        elif word == "caching":
            cached = True
        elif word in _MEDIA:
            medium = word if word != "input" else medium
        elif word != "short":
            name.append(word)
    return Sku(_named(name), _meter(way, medium, cached=cached), context)


def _meter(way: str, medium: str, *, cached: bool) -> str:
    if way == "output":
        return _OUTPUT_MEDIA.get(medium, "output_tokens")
    if cached:
        return "cache_read_tokens"
    return "input_audio_tokens" if medium == "audio" else "input_tokens"


def _named(words: list[str]) -> str:
    return "gemini-" + "-".join(word for word in words if word not in ("global", "offpeak"))


def counted(row: Row, meter: str | None) -> dict[str, Quantity]:
    """The usage amount as tokens; other units have no meter of ours."""
    amount = row.decimal("usage amount")
    if meter is None or amount is None:
        return {}
    return {meter: whole(amount.to_integral_value())}


def currency_of(column: str) -> str:
    """The currency in a column's name: `Cost ($)` or `Cost (EUR)`."""
    sign = column.rpartition("(")[2].rstrip(")")
    known = {"$": "USD", "€": "EUR", "£": "GBP", "¥": "JPY"}
    if sign not in known and not (len(sign) == 3 and sign.isalpha()):
        raise InputFileError(f"the column {column} names no currency that we know", hint="Export the report again.")
    return known.get(sign, sign.upper())
