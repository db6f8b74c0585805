"""What the proxy tells people: what to set, and one line for each request."""

import json
from collections.abc import Sequence

from llmledger.core.money import money_text, usd_text
from llmledger.core.request import Finished, id_text
from llmledger.core.words import CostSource, UsageQuality

ACCESS_KEY_VARIABLE = "LLMLEDGER_PROXY_KEY"
"""What the proxy asks of its clients, when it is set."""

BASE_URLS = (
    ("OPENAI_BASE_URL", "/openai/v1"),
    ("ANTHROPIC_BASE_URL", "/anthropic"),
    ("GOOGLE_GEMINI_BASE_URL", "/gemini"),
    ("OLLAMA_HOST", "/ollama"),
)
"""The variable that each official SDK reads, and what stands behind the proxy's address in it."""


def what_to_set(url: str, tools: Sequence[str] = ()) -> str:
    """What a client needs to be metered; `tools` are here and go elsewhere so far."""
    lines = [f"Listening on {url}. Give your program one of these, and its key as always:"]
    lines += [f"  export {name}={url}{path}" for name, path in BASE_URLS]
    lines.append(f"Any other provider: {url}/PROVIDER/...; for a project: {url}/p/PROJECT/PROVIDER/...")
    lines.append(f"A model that runs on this machine: {url}/local/v1")
    if tools:
        lines.append(f"Here and not connected: {', '.join(tools)}. Connect one: llmledger connect TOOL")
    return "\n".join(lines)


def finished_line(finished: Finished) -> str:
    """One request on one line."""
    begun, usage = finished.begun, finished.usage
    mark = "~" if finished.usage_quality in (UsageQuality.PARTIAL, UsageQuality.ESTIMATED) else ""
    cost = money_text(finished.charged.cost_nanousd)
    http = f" HTTP {finished.http_status}" if finished.http_status not in (None, 200) else ""
    error = f" {finished.error_type}" if finished.error_type else ""
    return (
        f"{begun.started_at:%H:%M:%S} {begun.provider}/{begun.model or '?'} {finished.status}{http}{error} · "
        f"{_tokens(usage.input_tokens)} in ({_tokens(usage.cache_read_tokens)} cached) · "
        f"{_tokens(usage.output_tokens)} out · {(finished.latency_ms or 0) / 1000:.1f} s · {mark}{cost} · "
        f"{id_text(begun.request_id)[-8:]}"
    )


def finished_json(finished: Finished) -> str:
    """One request as one JSON object."""
    begun, charged = finished.begun, finished.charged
    said = {
        "request_id": id_text(begun.request_id),
        "started_at": begun.started_at.isoformat(),
        "provider": begun.provider,
        "model": begun.model,
        "endpoint": begun.endpoint,
        "status": str(finished.status),
        "http_status": finished.http_status,
        "error_type": finished.error_type,
        "usage": {
            unit: amount if isinstance(amount, int) else str(amount) for unit, amount in finished.usage.told().items()
        },
        "usage_quality": str(finished.usage_quality),
        "cost_usd": usd_text(charged.cost_nanousd),
        "cost_source": str(charged.cost_source or CostSource.NONE),
        "latency_ms": finished.latency_ms,
        "first_token_ms": finished.first_token_ms,
    }
    return json.dumps(said)


def _tokens(count: int | None) -> str:
    return "?" if count is None else f"{count:,}"
