"""OpenTelemetry's `gen_ai.*` attributes in JSON lines: spans and log records, as exporters and collectors write them.

One call can leave a span of its own, a log record, and a share of its agent's summary: the call's own record counts,
and a summary only when its trace has no call. Claude Code's `api_request` events are read too; its metrics would
count twice. Input includes the cache, as the conventions say; where a cache is larger than its input, the exporter
left it out.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from llmledger.core.words import Billing, Status, UsageQuality
from llmledger.importers._contract import Checkpoint, Imported, Item, Location, LogFile, Problem, Witness
from llmledger.importers._json import count, loads, mapping, milliseconds, moment, text
from llmledger.importers._lines import MarkedLines
from llmledger.importers._providers import LOCAL, UNKNOWN, known_as, provider_of

SUMMARY = "OpenTelemetry: gen_ai spans and log records in JSON lines (GitHub Copilot CLI and any exporter)"
WITNESS = Witness.TELEMETRY
RETENTION_DAYS: int | None = None

_MARKERS = (b"gen_ai.", b"claude_code.api_request")
_SUMMARIES = frozenset({"invoke_agent", "create_agent", "invoke_workflow"})
_NOT_CALLS = frozenset({"execute_tool"})
_TRACES_KEPT = 200
_SYSTEMS = {
    "gcp.gemini": "gemini",
    "gcp.gen_ai": "gemini",
    "gcp.vertex_ai": "vertex",
    "aws.bedrock": "bedrock",
    "azure.ai.openai": "azure",
    "az.ai.openai": "azure",
    "azure.ai.inference": "azure",
    "az.ai.inference": "azure",
    "mistral_ai": "mistral",
    "x_ai": "xai",
}
"""The conventions' names of those who answer, where we have another."""


def find(home: Path, environ: Mapping[str, str]) -> tuple[Location, ...]:
    """Where GitHub Copilot CLI writes them; other exporters' files are named by hand."""
    named = environ.get("COPILOT_OTEL_FILE_EXPORTER_PATH")
    places = [Location(home / ".copilot" / "otel", ("*.jsonl",))]
    if named:
        places.append(Location(Path(named).parent, (Path(named).name,)))
    return tuple(places)


def billing(home: Path, environ: Mapping[str, str]) -> Billing | None:
    """Telemetry does not say who pays."""
    return None


def recognises(head: bytes) -> bool:
    """An attribute of the conventions, in JSON."""
    return head.lstrip()[:1] == b"{" and any(marker in head for marker in _MARKERS)


@dataclass(frozen=True, slots=True)
class _Record:
    """A span or log record, whatever its encoding."""

    attributes: Mapping[str, Any]
    name: str
    trace: str
    span: str
    started_at: datetime | None
    ended_at: datetime | None
    has_failed: bool


def read(file: LogFile) -> Iterator[Item]:
    """One request per call of a model."""
    kept = file.state.get("traces")
    traces = {str(trace): None for trace in kept} if isinstance(kept, list) else {}
    is_plan = ".copilot" in file.path.parts
    with file.open() as stream:
        lines = MarkedLines(stream, _MARKERS, offset=file.offset)
        for block in lines.blocks():
            for found in block:
                if isinstance(found, Problem):
                    yield found
                    continue
                yield from _read_line(*found, traces=traces, is_plan=is_plan)
            yield Checkpoint(lines.end, {"traces": list(traces)[-_TRACES_KEPT:]} if traces else {})


def _read_line(at: int, line: bytes, *, traces: dict[str, None], is_plan: bool) -> Iterator[Imported | Problem]:
    try:
        entry = mapping(loads(line))
    except ValueError:
        yield Problem(at, "not JSON")
        return
    for record in _records(entry):
        operation = text(record.attributes.get("gen_ai.operation.name")) or record.name.partition(" ")[0]
        if operation in _NOT_CALLS or (operation in _SUMMARIES and record.trace in traces):
            continue
        item = _request(at, record, is_plan=is_plan)
        if item is None:
            continue
        if record.trace and operation not in _SUMMARIES:
            traces[record.trace] = None
        yield item


def _records(entry: Mapping[str, Any]) -> Iterator[_Record]:
    groups = (("resourceSpans", "scopeSpans", "spans"), ("resourceLogs", "scopeLogs", "logRecords"))
    for outer, middle, inner in groups:
        for resource in _listed(entry.get(outer)):
            shared = _attributes(mapping(resource.get("resource")).get("attributes"))
            for scope in _listed(resource.get(middle)):
                for record in _listed(scope.get(inner)):
                    yield _record(record, shared)
    if "attributes" in entry:
        yield _record(entry, _attributes(mapping(entry.get("resource")).get("attributes")))


def _listed(value: object) -> list[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _attributes(value: object) -> dict[str, Any]:
    """Attributes as an object, or as OTLP's list of keys with typed values."""
    if isinstance(value, dict):
        return value
    return {str(pair.get("key")): _plain(mapping(pair.get("value"))) for pair in _listed(value)}


def _plain(value: Mapping[str, Any]) -> object:
    for name in ("stringValue", "intValue", "doubleValue", "boolValue"):
        if name in value:
            return value[name]
    return None


def _record(record: Mapping[str, Any], shared: Mapping[str, Any]) -> _Record:
    context = mapping(record.get("context")) or mapping(record.get("spanContext"))
    started = _first(record, "startTimeUnixNano", "startTime", "start_time", "timeUnixNano", "observedTimeUnixNano")
    ended = _first(record, "endTimeUnixNano", "endTime", "end_time")
    status = mapping(record.get("status"))
    body = mapping(record.get("body"))
    return _Record(
        attributes={**shared, **_attributes(record.get("attributes"))},
        name=text(record.get("name")) or text(record.get("eventName")) or text(body.get("stringValue")) or "",
        trace=text(record.get("traceId")) or text(context.get("trace_id")) or text(context.get("traceId")) or "",
        span=text(record.get("spanId")) or text(context.get("span_id")) or text(context.get("spanId")) or "",
        started_at=_time(started if started is not None else record.get("timestamp")),
        ended_at=_time(ended),
        has_failed=str(status.get("code", status.get("status_code"))) in {"2", "ERROR", "STATUS_CODE_ERROR"},
    )


def _first(record: Mapping[str, Any], *names: str) -> object:
    return next((record[name] for name in names if record.get(name) is not None), None)


def _time(value: object) -> datetime | None:
    """ISO text, Unix nanoseconds as a number or text, or a pair of seconds and nanoseconds."""
    if isinstance(value, list) and len(value) == 2 and all(type(part) is int for part in value):
        return moment(value[0] * 1000 + value[1] // 1_000_000)
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value[:20])
    if type(value) is int and value > 10**15:
        return moment(value // 1_000_000)
    return moment(value)


def _request(at: int, record: _Record, *, is_plan: bool) -> Imported | Problem | None:
    is_event = _is_claude_event(record)
    counts, flags = _event_counts(record.attributes) if is_event else _counts(record.attributes)
    if not any(counts.values()):
        return None
    started_at = record.started_at or record.ended_at or _time(record.attributes.get("event.timestamp"))
    if started_at is None:
        return Problem(at, "no time")
    attributes = record.attributes
    model = _text(attributes, "gen_ai.request.model", "model", "gen_ai.response.model") or ""
    served = _text(attributes, "gen_ai.response.model")
    response_id = _text(attributes, "gen_ai.response.id", "response_id", "message_id")
    request_id = response_id or _text(attributes, "request_id")
    provider = _provider(attributes, served or model)
    return Imported(
        key=f"otel:{request_id or _place(record)}",
        started_at=started_at,
        provider=provider,
        model=served or model,
        counts=counts,
        quality=UsageQuality.EXACT,
        session=_text(attributes, "gen_ai.conversation.id", "session.id"),
        provider_request_id=response_id,
        latency_ms=count(attributes.get("duration_ms"))
        if is_event
        else milliseconds(record.started_at, record.ended_at),
        finish_reason=_finish_reason(attributes.get("gen_ai.response.finish_reasons")),
        status=Status.FAILED if record.has_failed else Status.COMPLETED,
        error_type=_text(attributes, "error.type"),
        billing=Billing.LOCAL if provider in LOCAL else Billing.SUBSCRIPTION if is_plan else None,
        price_context={"speed": "fast"} if attributes.get("speed") == "fast" else {},
        flags=flags,
        app=_text(attributes, "service.name"),
        user=_text(attributes, "enduser.id"),
    )


def _is_claude_event(record: _Record) -> bool:
    names = {record.name, record.attributes.get("event.name")}
    return "claude_code.api_request" in names or ("api_request" in names and "input_tokens" in record.attributes)


def _place(record: _Record) -> str:
    if record.span:
        return f"{record.trace}:{record.span}"
    attributes = record.attributes
    order = attributes.get("event.sequence", record.started_at or attributes.get("event.timestamp"))
    return f"{attributes.get('session.id')}:{attributes.get('prompt.id')}:{order}"


def _text(attributes: Mapping[str, Any], *names: str) -> str | None:
    return next((value for name in names if (value := text(attributes.get(name)))), None)


def _provider(attributes: Mapping[str, Any], model: str) -> str:
    named = _text(attributes, "gen_ai.provider.name", "gen_ai.system")
    if named is None or named in {"_OTHER", "github"}:
        return provider_of(model) if named is None else known_as(named)
    return _SYSTEMS.get(named) or known_as(named) or UNKNOWN


def _finish_reason(value: object) -> str | None:
    return text(value[0]) if isinstance(value, list) and value else text(value)


def _amount(attributes: Mapping[str, Any], *names: str) -> int:
    return next(
        (count(attributes[f"gen_ai.usage.{name}"]) for name in names if f"gen_ai.usage.{name}" in attributes), 0
    )


def _counts(attributes: Mapping[str, Any]) -> tuple[dict[str, int], tuple[str, ...]]:
    given = _amount(attributes, "input_tokens", "prompt_tokens")
    output = _amount(attributes, "output_tokens", "completion_tokens")
    read = _amount(attributes, "cache_read.input_tokens", "cache_read_input_tokens", "input_tokens.cached")
    written = _amount(
        attributes, "cache_creation.input_tokens", "cache_creation_input_tokens", "cache_write.input_tokens"
    )
    reasoning = _amount(attributes, "reasoning.output_tokens", "reasoning_tokens", "output_tokens.reasoning")
    is_outside = read + written > given
    counts = {
        "input_tokens": given + read + written if is_outside else given,
        "cache_read_tokens": read,
        "cache_write_tokens": written,
        "output_tokens": output,
        "reasoning_tokens": min(reasoning, output),
    }
    return counts, ("input_excluded_cache",) if is_outside else ()


def _event_counts(attributes: Mapping[str, Any]) -> tuple[dict[str, int], tuple[str, ...]]:
    """Claude Code's own names; its input leaves the cache out."""
    names = ("input_tokens", "cache_read_tokens", "cache_creation_tokens", "output_tokens")
    given, read, written, output = (count(attributes.get(name)) for name in names)
    counts = {
        "input_tokens": given + read + written,
        "cache_read_tokens": read,
        "cache_write_tokens": written,
        "output_tokens": output,
    }
    return counts, ("cache_write_split_unknown",) if written else ()
