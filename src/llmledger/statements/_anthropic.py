"""The words of Anthropic's bills: token types, tiers and windows, shared by its CSV and JSON readers."""

from collections.abc import Mapping

from llmledger.core.statement import LineKind

TOKEN_TYPES: Mapping[str, str] = {
    "input_no_cache": "input_tokens",
    "uncached_input_tokens": "input_tokens",
    "input_cache_write_5m": "cache_write_tokens",
    "input_cache_write": "cache_write_tokens",
    "cache_creation.ephemeral_5m_input_tokens": "cache_write_tokens",
    "input_cache_write_1h": "cache_write_1h_tokens",
    "cache_creation.ephemeral_1h_input_tokens": "cache_write_1h_tokens",
    "input_cache_read": "cache_read_tokens",
    "cache_read_input_tokens": "cache_read_tokens",
    "output": "output_tokens",
    "output_tokens": "output_tokens",
}
TOOLS: Mapping[str, str] = {"web_search": "web_searches", "code_execution": "code_sessions"}


def meter_of(cost_type: str, token_type: str) -> tuple[str | None, LineKind]:
    """The unit that a line bills; an unknown type stays unknown.

    >>> meter_of("token", "input_cache_write_1h"), meter_of("web_search", "")
    (('cache_write_1h_tokens', <LineKind.USAGE: 'usage'>), ('web_searches', <LineKind.USAGE: 'usage'>))
    """
    if cost_type in ("", "token", "tokens"):
        meter = TOKEN_TYPES.get(token_type)
    else:
        meter = TOOLS.get(cost_type) or TOOLS.get(token_type)
    return meter, LineKind.USAGE if meter else LineKind.UNKNOWN


def window_of(text: str) -> str:
    """The context window's side of 200k: `short`, `long`, or empty when it is not told.

    >>> window_of("≤ 200k"), window_of("> 200k"), window_of("0-200k"), window_of("200k-1M")
    ('short', 'long', 'short', 'long')
    """
    plain = text.replace(" ", "").casefold()
    if not plain:
        return ""
    return "short" if plain.startswith(("≤", "<=", "0-")) else "long"


def context_of(tier: str, window: str, geo: str, speed: str) -> dict[str, str]:
    """The price selectors that a line states; standard, global and short select nothing."""
    context: dict[str, str] = {}
    if "batch" in tier.casefold():
        context["processing"] = "batch"
    elif tier.casefold() not in ("", "standard", "message"):
        context["service_tier"] = tier.casefold()
    if window_of(window) == "long":
        context["context_window"] = "long"
    if geo.casefold() not in ("", "global", "not_available"):
        context["inference_geo"] = geo.casefold()
    if speed.casefold() not in ("", "standard"):
        context["speed"] = speed.casefold()
    return context
