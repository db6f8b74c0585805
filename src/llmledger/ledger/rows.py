"""Requests and adjustments as rows, there and back. What goes in here is storable already."""

import json
import sqlite3
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from llmledger.core.adjustment import Adjustment, Answer, Kind, Measures, Place, answer_of, place_of
from llmledger.core.cost import Component, components_from_json, components_json
from llmledger.core.request import Attribution, Begun, Charged, Estimate, Finished, Part
from llmledger.core.usage import COLUMN_UNITS, RARE_UNITS, Quantity, Usage
from llmledger.core.words import Billing, CostSource, Status, UsageQuality
from llmledger.ledger.codec import compact, from_plain, to_plain
from llmledger.ledger.dictionaries import Dictionaries

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)

USAGE_COLUMNS = tuple(unit.name for unit in COLUMN_UNITS)
_RARE = tuple(unit.name for unit in RARE_UNITS)

REQUEST_COLUMNS = (
    *("request_id", "started_ms", "model_id", "attribution_id", "trait_id", "outcome_id", "session_id"),
    *("provider_request_id", "client_request_id", "error_message", "attempts", "cache_hit", "latency_ms"),
    *("first_token_ms", "timeline", "estimated_input_tokens", "max_output_tokens"),
    *USAGE_COLUMNS,
    *("other_usage", "raw_usage", "parts", "cost_nanousd", "cost_high_nanousd", "computed_cost_nanousd"),
    *("reported_cost_nanousd", "components", "price_version_id", "rate_id"),
)
INSERT_REQUEST = f"INSERT INTO requests ({', '.join(REQUEST_COLUMNS)}) VALUES ({', '.join('?' * len(REQUEST_COLUMNS))})"

ADJUSTMENT_COLUMNS = (
    *("kind", "cause", "request_id", "effective_ms", "booked_ms", "reason", "model_id", "attribution_id", "trait_id"),
    *("outcome_id", "session_id", "provider_request_id", "requests", "failed", "unpriced", "estimated", "untold"),
    *USAGE_COLUMNS,
    *("other_usage", "cost_nanousd", "components", "price_version_id", "rate_id", "detail"),
)
INSERT_ADJUSTMENT = (
    f"INSERT INTO adjustments ({', '.join(ADJUSTMENT_COLUMNS)}) VALUES ({', '.join('?' * len(ADJUSTMENT_COLUMNS))})"
)

_NAMES = """m.provider, m.model, w.client, w.user, w.team, w.project, w.operation, w.app, w.key, w.host,
  s.session, s.branch, s.tags, t.source, t.dialect, t.endpoint, t.status, t.billing, t.cost_source, t.usage_quality,
  o.served_model, o.http_status, o.error_type, o.finish_reason, o.price_context, o.flags, o.unpriced_units,
  v.version AS price_version, p.name AS rate_name, p.body AS rate_body"""
_JOINS = """JOIN models m ON m.id = x.model_id JOIN attributions w ON w.id = x.attribution_id
  JOIN traits t ON t.id = x.trait_id LEFT JOIN outcomes o ON o.id = x.outcome_id
  LEFT JOIN sessions s ON s.id = x.session_id
  LEFT JOIN price_versions v ON v.id = x.price_version_id LEFT JOIN rates p ON p.id = x.rate_id"""
SELECT_REQUEST = f"SELECT x.*, {_NAMES} FROM requests x {_JOINS}"
"""Requests with all that their ids stand for; the table is `x`. Feed the rows, as dicts, to `finished_from_row`."""
SELECT_ADJUSTMENT = f"SELECT x.*, {_NAMES} FROM adjustments x {_JOINS}"


def ms_of(moment: datetime) -> int:
    """Unix milliseconds of an aware time."""
    return (moment - EPOCH) // _MS


def time_of(ms: int) -> datetime:
    """The aware time of Unix milliseconds."""
    return EPOCH + ms * _MS


def as_dict(cursor: sqlite3.Cursor, row: Sequence[Any]) -> dict[str, Any]:
    """One fetched row by column names."""
    return dict(zip((column[0] for column in cursor.description), row, strict=True))


def request_row(finished: Finished, ids: Dictionaries) -> tuple[Any, ...]:
    """The values of `REQUEST_COLUMNS`."""
    begun, charged, usage = finished.begun, finished.charged, finished.usage
    place, who = place_of(finished), begun.attribution
    is_ours = charged.cost_source is CostSource.COMPUTED and charged.computed_nanousd == charged.cost_nanousd
    return (
        begun.request_id,
        ms_of(begun.started_at),
        ids.model(begun.provider, begun.model),
        ids.attribution(who),
        ids.trait(place),
        ids.outcome(answer_of(finished)),
        ids.session(who),
        finished.provider_request_id,
        begun.client_request_id,
        finished.error_message,
        finished.attempts,
        int(finished.cache_hit),
        finished.latency_ms,
        finished.first_token_ms,
        _timeline_text(finished),
        begun.estimate.input_tokens,
        begun.estimate.max_output_tokens,
        *[getattr(usage, name) for name in USAGE_COLUMNS],
        _other_usage(usage),
        None if finished.raw_usage is None else compact(finished.raw_usage),
        compact([to_plain(part) for part in finished.parts]) if finished.parts else None,
        charged.cost_nanousd,
        charged.cost_high_nanousd,
        None if is_ours else charged.computed_nanousd,
        charged.reported_nanousd,
        compact(components_json(charged.components)) if charged.components else None,
        ids.price_version(charged.price_version),
        ids.rate(charged.rate_id, charged.rate, version=charged.price_version),
    )


def adjustment_row(entry: Adjustment, ids: Dictionaries) -> tuple[Any, ...]:
    """The values of `ADJUSTMENT_COLUMNS`."""
    place, measures, who = entry.place, entry.measures, entry.place.attribution
    return (
        entry.kind.value,
        entry.cause,
        entry.request_id,
        ms_of(entry.effective_at),
        ms_of(entry.booked_at),
        entry.reason,
        ids.model(place.provider, place.model),
        ids.attribution(who),
        ids.trait(place),
        None if entry.answer is None else ids.outcome(entry.answer),
        ids.session(who),
        entry.provider_request_id,
        measures.requests,
        measures.failed,
        measures.unpriced,
        measures.estimated,
        measures.untold,
        *[getattr(measures.usage, name) or 0 for name in USAGE_COLUMNS],
        _other_usage(measures.usage),
        measures.cost_nanousd,
        compact(components_json(measures.components)) if measures.components else None,
        ids.price_version(entry.price_version),
        ids.rate(entry.rate_id, entry.rate, version=entry.price_version),
        compact(dict(entry.detail)) if entry.detail else None,
    )


def finished_from_row(row: Mapping[str, Any]) -> Finished:
    """A request as it was written, from a row of `SELECT_REQUEST`; a source key is not kept, only its hash."""
    begun = Begun(
        request_id=row["request_id"],
        started_at=time_of(row["started_ms"]),
        provider=row["provider"],
        model=row["model"],
        source=row["source"],
        dialect=row["dialect"],
        endpoint=row["endpoint"],
        billing=Billing(row["billing"]),
        attribution=_attribution(row),
        client_request_id=row["client_request_id"],
        estimate=Estimate(input_tokens=row["estimated_input_tokens"], max_output_tokens=row["max_output_tokens"]),
        price_version=row["price_version"],
    )
    answer = _answer(row)
    return Finished(
        begun=begun,
        status=Status(row["status"]),
        usage=_usage(row),
        usage_quality=UsageQuality(row["usage_quality"]),
        charged=_charged(row, answer),
        served_model=answer.served_model,
        http_status=answer.http_status,
        error_type=answer.error_type,
        error_message=row["error_message"],
        provider_request_id=row["provider_request_id"],
        attempts=row["attempts"],
        cache_hit=bool(row["cache_hit"]),
        latency_ms=row["latency_ms"],
        first_token_ms=row["first_token_ms"],
        timeline=timeline_from(row["timeline"], row["first_token_ms"], row["latency_ms"]),
        finish_reason=answer.finish_reason,
        raw_usage=_parsed(row["raw_usage"]),
        price_context=answer.price_context,
        parts=tuple(from_plain(Part, part) for part in _parsed(row["parts"]) or ()),
        flags=answer.flags,
    )


def adjustment_from_row(row: Mapping[str, Any]) -> Adjustment:
    """An appended entry, from a row of `SELECT_ADJUSTMENT`."""
    return Adjustment(
        kind=Kind(row["kind"]),
        cause=row["cause"],
        effective_at=time_of(row["effective_ms"]),
        booked_at=time_of(row["booked_ms"]),
        reason=row["reason"],
        place=_place(row),
        measures=Measures(
            requests=row["requests"],
            failed=row["failed"],
            unpriced=row["unpriced"],
            estimated=row["estimated"],
            untold=row["untold"],
            usage=_usage(row),
            cost_nanousd=row["cost_nanousd"],
            components=_components(row["components"]),
        ),
        request_id=row["request_id"],
        answer=None if row["outcome_id"] is None else _answer(row),
        provider_request_id=row["provider_request_id"],
        price_version=row["price_version"],
        rate_id=row["rate_name"],
        rate=_parsed(row["rate_body"]),
        detail=_parsed(row["detail"]) or {},
    )


def _plain_timeline(first_token_ms: int | None, latency_ms: int | None) -> tuple[tuple[str, int], ...]:
    """What the columns say already; stored as NULL."""
    events: list[tuple[str, int | None]] = [("attempt", 0), ("first_token", first_token_ms), ("end", latency_ms)]
    return tuple((event, ms) for event, ms in events if ms is not None)


def _timeline_text(finished: Finished) -> str | None:
    if finished.timeline == _plain_timeline(finished.first_token_ms, finished.latency_ms):
        return None
    return " ".join(f"{event}:{ms}" for event, ms in finished.timeline)


def timeline_from(text: str | None, first_token_ms: int | None, latency_ms: int | None) -> tuple[tuple[str, int], ...]:
    """The lifecycle of a request from its three columns."""
    if text is None:
        return _plain_timeline(first_token_ms, latency_ms)
    pairs = (event.rsplit(":", 1) for event in text.split())
    return tuple((event, int(ms)) for event, ms in pairs)


def _other_usage(usage: Usage) -> str | None:
    rare: dict[str, Quantity] = {name: value for name in _RARE if (value := getattr(usage, name)) is not None}
    if not rare:
        return None
    return compact({name: value if isinstance(value, int) else str(value) for name, value in rare.items()})


def _usage(row: Mapping[str, Any]) -> Usage:
    values = {name: row[name] for name in USAGE_COLUMNS}
    if row["other_usage"] is not None:
        rare = _parsed(row["other_usage"])
        values.update({name: Decimal(value) if isinstance(value, str) else value for name, value in rare.items()})
    return Usage(**values)


def _charged(row: Mapping[str, Any], answer: Answer) -> Charged:
    source, cost, computed = CostSource(row["cost_source"]), row["cost_nanousd"], row["computed_cost_nanousd"]
    return Charged(
        cost_nanousd=cost,
        cost_source=source,
        cost_high_nanousd=row["cost_high_nanousd"],
        computed_nanousd=cost if computed is None and source is CostSource.COMPUTED else computed,
        reported_nanousd=row["reported_cost_nanousd"],
        components=_components(row["components"]),
        unpriced_units=answer.unpriced_units,
        rate_id=row["rate_name"],
        rate=_parsed(row["rate_body"]),
        price_version=row["price_version"],
    )


def _components(stored: Any) -> tuple[Component, ...]:
    return () if stored is None else components_from_json(_parsed(stored))


def _parsed(stored: Any) -> Any:
    """A column of JSON: as text where it comes from the ledger, as values where it comes from an export."""
    return json.loads(stored) if isinstance(stored, str) else stored


def _attribution(row: Mapping[str, Any]) -> Attribution:
    names = ("client", "user", "team", "project", "operation", "app", "key", "host", "session", "branch")
    return Attribution(**{name: row[name] for name in names}, tags=_parsed(row["tags"]) or {})


def _place(row: Mapping[str, Any]) -> Place:
    return Place(
        provider=row["provider"],
        model=row["model"],
        attribution=_attribution(row),
        source=row["source"],
        dialect=row["dialect"],
        endpoint=row["endpoint"],
        status=Status(row["status"]),
        billing=Billing(row["billing"]),
        cost_source=CostSource(row["cost_source"]),
        usage_quality=UsageQuality(row["usage_quality"]),
    )


def _answer(row: Mapping[str, Any]) -> Answer:
    return Answer(
        served_model=row["served_model"],
        http_status=row["http_status"],
        error_type=row["error_type"],
        finish_reason=row["finish_reason"],
        price_context=_parsed(row["price_context"]) or {},
        flags=tuple((row["flags"] or "").split()),
        unpriced_units=tuple((row["unpriced_units"] or "").split()),
    )
