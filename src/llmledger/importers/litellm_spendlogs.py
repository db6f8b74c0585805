"""LiteLLM's spend logs: rows of `LiteLLM_SpendLogs` as JSON, JSON lines or CSV.

`prompt_tokens` includes what was read from and written to a cache, for every provider. `spend` is what LiteLLM
charged; its 0 for a request with tokens means that it had no price (litellm#36561), unless its own cache answered.
Columns that hold JSON may arrive as text.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from llmledger.core.words import Billing, Status, UsageQuality
from llmledger.importers._contract import Checkpoint, Imported, Item, Location, LogFile, Problem, Witness
from llmledger.importers._csv import header_of, rows
from llmledger.importers._json import count, loads_exact, mapping, milliseconds, moment, money, text
from llmledger.importers._objects import objects
from llmledger.importers._providers import LOCAL, known_as, split

SUMMARY = "LiteLLM: rows of LiteLLM_SpendLogs (JSON, JSON lines, CSV)"
WITNESS = Witness.GATEWAY
RETENTION_DAYS: int | None = None

_SIGNATURE = ("request_id", "call_type", "spend", "prompt_tokens", "completion_tokens", "startTime")


def find(home: Path, environ: Mapping[str, str]) -> tuple[Location, ...]:
    """Nowhere: it is exported from a database."""
    return ()


def billing(home: Path, environ: Mapping[str, str]) -> Billing | None:
    """A gateway pays its providers per request."""
    return Billing.API


def recognises(head: bytes) -> bool:
    """The names of the table's columns, as a header or as keys."""
    if header_of(head) >= set(_SIGNATURE):
        return True
    return head.lstrip(b"\xef\xbb\xbf \r\n")[:1] in {b"[", b"{"} and all(
        f'"{name}"'.encode() in head for name in _SIGNATURE
    )


def read(file: LogFile) -> Iterator[Item]:
    """One request per row that used tokens or failed; the rest are keys, health checks and the like."""
    with LogFile(file.path).open() as stream:
        first = stream.read(64).lstrip(b"\xef\xbb\xbf \r\n")[:1]
        stream.seek(0)
        found = objects(stream) if first in {b"[", b"{"} else rows(stream, _SIGNATURE)
        for item in found:
            request = item if isinstance(item, Problem) else _request(*item)
            if request is not None:
                yield request
    yield Checkpoint(0)


def _request(number: int, row: Mapping[str, Any]) -> Imported | Problem | None:
    request_id, started_at = text(row.get("request_id")), moment(row.get("startTime"))
    if request_id is None or started_at is None:
        return Problem(number, "no request id or no start")
    metadata = mapping(row.get("metadata"))
    provider, model = _model(row)
    counts = _counts(row, mapping(metadata.get("usage_object")))
    is_cached = str(row.get("cache_hit")).lower() == "true"
    has_failed = "fail" in (text(row.get("status")) or text(metadata.get("status")) or "")
    if not any(counts.values()) and not has_failed:
        return None
    spend = money(row.get("spend"))
    return Imported(
        key=f"litellm:{request_id}",
        started_at=started_at,
        provider=provider,
        model=model,
        counts=counts,
        quality=UsageQuality.EXACT if any(counts.values()) else UsageQuality.MISSING,
        session=text(row.get("session_id")),
        provider_request_id=request_id,
        latency_ms=milliseconds(started_at, moment(row.get("endTime"))),
        first_token_ms=milliseconds(started_at, moment(row.get("completionStartTime"))),
        status=Status.FAILED if has_failed else Status.COMPLETED,
        billing=Billing.LOCAL if provider in LOCAL else None,
        reported_usd=spend if spend and spend > 0 and not is_cached else None,
        cache_hit=is_cached,
        user=text(row.get("user")),
        team=text(row.get("team_id")),
        client=text(row.get("end_user")),
        project=text(metadata.get("user_api_key_project_id")),
        app="litellm",
        tags=_tags(row.get("request_tags")),
    )


def _model(row: Mapping[str, Any]) -> tuple[str, str]:
    named, by_name = text(row.get("custom_llm_provider")), split(text(row.get("model")) or "")
    return (known_as(named), by_name[1]) if named else by_name


def _counts(row: Mapping[str, Any], usage: Mapping[str, Any]) -> dict[str, int]:
    given, output = count(row.get("prompt_tokens")), count(row.get("completion_tokens"))
    details, output_details = (
        mapping(usage.get("prompt_tokens_details")),
        mapping(usage.get("completion_tokens_details")),
    )
    read = max(count(details.get("cached_tokens")), count(usage.get("cache_read_input_tokens")))
    written = max(count(details.get("cache_creation_tokens")), count(usage.get("cache_creation_input_tokens")))
    split_up = mapping(details.get("cache_creation_token_details")) or mapping(usage.get("cache_creation"))
    counts = {
        "input_tokens": given,
        "cache_read_tokens": min(read, given),
        "cache_write_tokens": min(written, given - min(read, given)),
        "output_tokens": output,
        "reasoning_tokens": min(count(output_details.get("reasoning_tokens")), output),
    }
    long_lived = count(split_up.get("ephemeral_1h_input_tokens"))
    if long_lived:
        counts["cache_write_1h_tokens"] = min(long_lived, counts["cache_write_tokens"])
    return counts


def _tags(value: object) -> dict[str, str]:
    if isinstance(value, str):
        try:
            value = loads_exact(value) if value.startswith("[") else []
        except ValueError:
            return {}
    pairs = (tag.partition(":") for tag in value if isinstance(tag, str)) if isinstance(value, list) else ()
    return {name: after for name, _, after in pairs if name}
