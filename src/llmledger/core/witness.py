"""Which record of a request counts when several tools saw it: a request was one request however many wrote it down."""

from datetime import timedelta

SHORTEST_TELLING_ID = 16
"""Shorter provider ids (`chatcmpl-1` of local servers, litellm#28376) repeat and prove nothing."""

TOLERANCE = timedelta(hours=1)
"""Logs note when an answer was written, we note when its request began; a long answer lies between."""

WORST = 3
"""The rank of a tool's log."""

NEARNESS = timedelta(seconds=5)
"""How far apart clocks and habits put one request when no id tells, beyond the time that its answer took."""

_GATEWAYS = frozenset({"litellm", "openrouter", "cursor", "langfuse", "helicone", "portkey", "bifrost"})


def rank(source: str) -> int:
    """How good a witness a source is, the best first: we ourselves, then a gateway, then OTel, then a tool's log.

    >>> rank("proxy"), rank("import:litellm_spendlogs"), rank("import:otel_jsonl"), rank("import:claude_code")
    (0, 1, 2, 3)
    """
    if not source.startswith("import:"):
        return 0
    tool = source.removeprefix("import:").partition("_")[0]
    if tool in _GATEWAYS:
        return 1
    return 2 if tool == "otel" else WORST


def is_telling(provider_request_id: str | None) -> bool:
    """Whether a provider's id is long enough to say that two records are of one request."""
    return provider_request_id is not None and len(provider_request_id) >= SHORTEST_TELLING_ID
