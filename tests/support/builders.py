"""Short ways to values of the core, with defaults that a test states only where they matter."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from llmledger.core.request import Begun, Charged, Finished, request_id_at
from llmledger.core.usage import Usage
from llmledger.core.words import CostSource, Status, UsageQuality

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
"""The present of every test that does not say otherwise: a Saturday."""

_count = 0


def a_request_id(at: datetime = NOON) -> bytes:
    """A new id of ours, in the order of the calls."""
    global _count  # noqa: PLW0603 - ids must differ within a test run
    _count += 1
    return request_id_at(round(at.timestamp() * 1000), _count.to_bytes(10, "big"))


def a_usage(input_tokens: int | None = 1000, output_tokens: int | None = 200, **rest: Any) -> Usage:
    """A usage of 1,000 tokens in and 200 out."""
    return Usage(input_tokens=input_tokens, output_tokens=output_tokens, **rest)


def a_begun(**changes: Any) -> Begun:
    """A request to `openai/gpt-5-mini` that begins at noon."""
    values: dict[str, Any] = {
        "request_id": None,
        "started_at": NOON,
        "provider": "openai",
        "model": "gpt-5-mini",
        "source": "run",
        "dialect": "openai_chat",
        "endpoint": "/v1/chat/completions",
    }
    values.update(changes)
    if values["request_id"] is None:
        values["request_id"] = a_request_id(values["started_at"])
    return Begun(**values)


def a_finished(
    begun: Begun | Mapping[str, Any] | None = None, *, nanousd: int | None = 2_000_000, **changes: Any
) -> Finished:
    """A completed request; `begun` may be the changes to `a_begun`, `nanousd` its cost ($0.002), None unpriced."""
    made = begun if isinstance(begun, Begun) else a_begun(**(begun or {}))
    values: dict[str, Any] = {
        "begun": made,
        "status": Status.COMPLETED,
        "usage": a_usage(),
        "usage_quality": UsageQuality.EXACT,
        "charged": a_charge(nanousd),
        "http_status": 200,
        "latency_ms": 1200,
        "first_token_ms": 300,
    }
    values.update(changes)
    return Finished(**values)


def a_charge(nanousd: int | None) -> Charged:
    """Money computed by us; None is unpriced."""
    source = CostSource.NONE if nanousd is None else CostSource.COMPUTED
    return Charged(cost_nanousd=nanousd, computed_nanousd=nanousd, cost_source=source)
