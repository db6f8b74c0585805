"""How single requests read: one line in the list, and the whole explanation of one."""

from collections.abc import Iterator, Sequence
from datetime import datetime, tzinfo

from llmledger.cli._table import duration_text
from llmledger.core.adjustment import Adjustment, Standing
from llmledger.core.money import money_text, usd_text
from llmledger.core.request import Finished, SoFar, id_text
from llmledger.core.usage import UNIT_BY_NAME
from llmledger.core.window import unix_ms, zone_named
from llmledger.core.words import Billing, CostSource
from llmledger.ledger.reader import Running
from llmledger.reports.request import PriceLine, effective_usd, price_lines, standing_cost

SHORT_ID = 8
"""The last digits of an id: its first ones are the time and hardly differ."""

COLUMNS = (
    ("Request", False, 0),
    ("Started", False, 0),
    ("Model", False, 0, True),
    ("Project", False, 6, True),
    ("User", False, 7, True),
    ("Status", False, 2),
    ("Input", True, 3),
    ("Output", True, 4),
    ("Time", True, 5),
    ("Cost", True, 0),
)
"""Title, right-aligned, priority, may be shortened."""
RUNNING_COLUMNS = (
    ("Request", False, 0),
    ("Model", False, 0, True),
    ("Source", False, 2),
    ("For", True, 0),
    ("Input", True, 3),
    ("Output", True, 3),
    ("So far", True, 0),
    ("At most", True, 1),
)

COST_WORDS = {
    CostSource.COMPUTED: "by the price table",
    CostSource.REPORTED: "as the provider stated it",
    CostSource.CACHE: "answered from a cache",
    CostSource.NOT_BILLED: "rejected before inference: not billed",
    CostSource.DEFAULT: "by a default price: an estimate",
    CostSource.NONE: "no price is known",
}


def line_of(finished: Finished, standing: Standing, zone: tzinfo) -> list[str]:
    """One request as a line of the list."""
    place, usage = standing.place, standing.measures.usage
    return [
        id_text(finished.begun.request_id)[-SHORT_ID:],
        f"{finished.begun.started_at.astimezone(zone):%Y-%m-%d %H:%M:%S}",
        f"{place.provider}/{place.model}",
        place.attribution.project or "",
        place.attribution.user or "",
        place.status.value,
        _count(usage.input_tokens),
        _count(usage.output_tokens),
        duration_text(finished.latency_ms),
        _cost(standing),
    ]


def _count(number: int | None) -> str:
    return "" if number is None else f"{number:,}"


def _cost(standing: Standing) -> str:
    cost = standing_cost(standing)
    plan = " plan" if standing.place.billing is Billing.SUBSCRIPTION and cost else ""
    return f"{'~' if standing.measures.estimated > 0 and cost else ''}{money_text(cost)}{plan}"


def running_line(running: Running, now: datetime) -> list[str]:
    """One request in flight as a line."""
    begun, so_far = running.begun, running.so_far or SoFar()
    mark = "~" if so_far.is_estimated and so_far.cost_nanousd else ""
    return [
        id_text(begun.request_id)[-SHORT_ID:],
        f"{begun.provider}/{begun.model}",
        begun.source,
        duration_text(max(0, unix_ms(now) - unix_ms(begun.started_at))),
        _count(so_far.input_tokens),
        _count(so_far.output_tokens),
        f"{mark}{money_text(so_far.cost_nanousd)}" if running.so_far else "",
        money_text(begun.estimate.high_nanousd),
    ]


def running_json(running: Running, now: datetime) -> dict[str, object]:
    """One request in flight as plain JSON; what it has used by now is null where its process does not tell."""
    begun, so_far = running.begun, running.so_far or SoFar()
    return {
        "request_id": id_text(begun.request_id),
        "started_at": begun.started_at,
        "running_ms": max(0, unix_ms(now) - unix_ms(begun.started_at)),
        "provider": begun.provider,
        "model": begun.model,
        "source": begun.source,
        "input_tokens": so_far.input_tokens,
        "output_tokens": so_far.output_tokens,
        "so_far_usd": usd_text(so_far.cost_nanousd),
        "is_estimated": so_far.is_estimated,
        "low_usd": usd_text(begun.estimate.low_nanousd),
        "high_usd": usd_text(begun.estimate.high_nanousd),
    }


def explain(finished: Finished, standing: Standing, adjustments: Sequence[Adjustment], *, zone: str) -> Iterator[str]:
    """The whole story of one request, line by line."""
    yield from _what(finished, standing, zone)
    yield from _timeline(finished)
    yield from _usage(standing)
    yield from _price(finished, standing, adjustments)
    yield from _corrections(adjustments)


def _what(finished: Finished, standing: Standing, zone: str) -> Iterator[str]:
    begun, place = finished.begun, standing.place
    started = begun.started_at.astimezone(zone_named(zone))
    yield f"Request {id_text(begun.request_id)}"
    yield f"  {started:%Y-%m-%d %H:%M:%S}.{started.microsecond // 1000:03d} {zone} · {_ended(finished, standing)}"
    served = f" (answered by {finished.served_model})" if finished.served_model else ""
    yield f"  {place.provider}/{place.model}{served} · {place.endpoint or place.dialect} · {place.source}"
    who = place.attribution
    named = [
        f"{name} {value}"
        for name in ("client", "user", "team", "project", "operation", "session", "branch", "app", "key", "host")
        if (value := getattr(who, name)) is not None
    ]
    named += [f"{key}={value}" for key, value in who.tags.items()]
    if named:
        yield f"  {' · '.join(named)}"
    if finished.provider_request_id:
        yield f"  provider's id {finished.provider_request_id}"
    if finished.error_type or finished.error_message:
        yield f"  error {finished.error_type or ''}: {finished.error_message or ''}".rstrip(": ")


def _ended(finished: Finished, standing: Standing) -> str:
    parts = [standing.place.status.value]
    parts += [f"HTTP {finished.http_status}"] if finished.http_status is not None else []
    parts += [finished.finish_reason] if finished.finish_reason else []
    return " · ".join(parts)


def _timeline(finished: Finished) -> Iterator[str]:
    events = [("begun", 0), *finished.timeline]
    if len(events) == 1:
        return
    yield "Timeline"
    for event, ms in events:
        yield f"  {'+' + duration_text(ms):>9}  {event.replace('_', ' ')}"


def _usage(standing: Standing) -> Iterator[str]:
    told = standing.measures.usage.told()
    yield f"Usage ({standing.place.usage_quality.value})"
    if not told:
        yield "  nothing was told"
    for name, quantity in told.items():
        if quantity or UNIT_BY_NAME[name].parent is None:
            depth = _depth(name)
            yield f"  {'  ' * depth}{f'{quantity:,}':>{14 - 2 * depth}}  {name}"


def _depth(name: str) -> int:
    parent = UNIT_BY_NAME[name].parent
    return 0 if parent is None else 1 + _depth(parent)


def _price(finished: Finished, standing: Standing, adjustments: Sequence[Adjustment]) -> Iterator[str]:
    charged = finished.charged
    repriced = next((entry for entry in reversed(adjustments) if entry.measures.requests > 0 and entry.rate_id), None)
    rate_id = repriced.rate_id if repriced else charged.rate_id
    body = repriced.rate if repriced else charged.rate
    version = (repriced.price_version if repriced else None) or charged.price_version
    yield f"Cost {_cost(standing)} ({COST_WORDS[standing.place.cost_source]})"
    if rate_id:
        yield f"  rate {rate_id}"
    if version:
        yield f"  prices {version}"
    if finished.price_context:
        yield f"  served as {', '.join(f'{key}={value}' for key, value in finished.price_context.items())}"
    for line in price_lines(standing.measures.components, body):
        yield f"  {_formula(line)}"
    if charged.reported_nanousd is not None and charged.computed_nanousd is not None:
        yield f"  stated {_exact(charged.reported_nanousd)}, computed {_exact(charged.computed_nanousd)}"
    if charged.cost_high_nanousd is not None:
        yield f"  at most {_exact(charged.cost_high_nanousd)}"
    if charged.unpriced_units:
        yield f"  without a price: {', '.join(charged.unpriced_units)}"
    if finished.flags:
        yield f"  notes: {', '.join(finished.flags)}"


def _formula(line: PriceLine) -> str:
    about = "" if line.usd is not None else "about "
    price = line.usd if line.usd is not None else f"{effective_usd(line).normalize():f}"
    scale = {1_000_000: "1M", 1_000: "1,000", 3600: "hour"}.get(line.per, f"{line.per:,}")
    return f"{line.quantity:>14,} {line.unit} x {about}${price} per {scale} = {_exact(line.nanousd)}"


def _exact(nanousd: int) -> str:
    return f"${usd_text(nanousd)}" if nanousd >= 0 else f"-${usd_text(-nanousd)}"


def _corrections(adjustments: Sequence[Adjustment]) -> Iterator[str]:
    if adjustments:
        yield "Corrections"
    for entry in adjustments:
        cost = _exact(entry.measures.cost_nanousd)
        yield f"  {entry.booked_at:%Y-%m-%d %H:%M} {entry.kind.value}: {entry.reason} ({cost})"
