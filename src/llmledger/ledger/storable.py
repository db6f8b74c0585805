"""Making any record storable: bad strings and numbers are mended one field at a time, and the row says that they were.

No field of a record may keep the record from being written, nor its neighbours. Every change leaves a flag:
`text_mended` (NUL or a lone surrogate was replaced), `text_cut` (longer than the field allows), `out_of_range:<field>`
(a number too large to be meant, or negative; it counts as unknown), `dropped:<field>` (an object too large to keep).
"""

import json
from collections.abc import Mapping
from dataclasses import fields, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from llmledger.core.adjustment import Adjustment
from llmledger.core.request import Attribution, Begun, Charged, Finished, Part
from llmledger.core.usage import COLUMN_UNITS, Usage
from llmledger.core.words import CostSource

LONGEST_NAME = 500
"""Characters of a model, a user, a tag and the like."""
LONGEST_MESSAGE = 2_000
"""Characters of an error message or a reason."""
LARGEST_OBJECT = 32_000
"""Characters of JSON: raw usage, tags, parts, rates."""
LARGEST_COUNT = 10**12
"""Of tokens or anything counted: nine million such rows still add up within 64 bit."""
LARGEST_NANOUSD = 10**15
"""A million dollars for one request."""
LARGEST_MS = 10**12

_COUNTED = frozenset(unit.name for unit in COLUMN_UNITS)
"""Units with a column of whole numbers; only the others may have decimals."""


class _Mending:
    """Mends the fields of one record and remembers what it did."""

    def __init__(self) -> None:
        self.flags: list[str] = []

    def note(self, flag: str) -> None:
        if flag not in self.flags:
            self.flags.append(flag)

    def text(self, value: Any, longest: int = LONGEST_NAME) -> Any:
        if value is None:
            return None
        text = value if isinstance(value, str) else str(value)
        if len(text) > longest:
            text = text[: longest - 1] + "…"
            self.note("text_cut")
        if text.isascii() and "\x00" not in text:
            return text
        mended = text.replace("\x00", "␀").encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        if mended != text:
            self.note("text_mended")
        return mended

    def names(self, values: Mapping[str, Any]) -> dict[str, str]:
        mended = {self.text(name): self.text(value, LONGEST_MESSAGE) for name, value in values.items()}
        return mended if self.fits(mended, "names") else {}

    def fits(self, value: Any, name: str) -> bool:
        try:
            is_small = len(json.dumps(value, allow_nan=False)) <= LARGEST_OBJECT
        except (TypeError, ValueError, RecursionError):
            is_small = False
        if not is_small:
            self.note(f"dropped:{name}")
        return is_small

    def number(self, value: Any, name: str, largest: int) -> Any:
        if value is None:
            return None
        try:
            whole = int(value)
        except (TypeError, ValueError, OverflowError):
            whole = -1
        if 0 <= whole <= largest and whole == value:
            return whole
        self.note(f"out_of_range:{name}")
        return None

    def quantity(self, value: Any, name: str) -> Any:
        if isinstance(value, Decimal) and value.is_finite() and 0 <= value <= LARGEST_COUNT:
            return int(value) if value == int(value) else round(value, 6)
        return self.number(value, name, LARGEST_COUNT)

    def money(self, value: Any, name: str) -> Any:
        if value is None or (isinstance(value, int) and abs(value) <= LARGEST_NANOUSD):
            return value
        self.note(f"out_of_range:{name}")
        return None


def storable_begun(begun: Begun) -> Begun:
    """The same request in values that the ledger can keep."""
    return begun if _is_plain_begun(begun) else _begun(begun, _Mending())


def storable(finished: Finished) -> Finished:
    """The same request in values that the ledger can keep; `flags` says what had to change."""
    if _is_plain(finished):
        return finished
    mending = _Mending()
    text = mending.text
    begun = _begun(finished.begun, mending)
    usage = _usage(finished.usage, mending)
    charged = _charged(finished.charged, mending)
    is_raw_small = finished.raw_usage is None or mending.fits(finished.raw_usage, "raw_usage")
    mended = replace(
        finished,
        begun=begun,
        usage=usage,
        charged=charged,
        served_model=text(finished.served_model),
        http_status=mending.number(finished.http_status, "http_status", 10**6),
        error_type=text(finished.error_type),
        error_message=text(finished.error_message, LONGEST_MESSAGE),
        provider_request_id=text(finished.provider_request_id),
        attempts=mending.number(finished.attempts, "attempts", 10**6) or 1,
        cache_hit=bool(finished.cache_hit),
        latency_ms=mending.number(finished.latency_ms, "latency_ms", LARGEST_MS),
        first_token_ms=mending.number(finished.first_token_ms, "first_token_ms", LARGEST_MS),
        timeline=_timeline(finished.timeline, mending),
        finish_reason=text(finished.finish_reason),
        raw_usage=finished.raw_usage if is_raw_small else None,
        price_context=mending.names(finished.price_context),
        parts=_parts(finished.parts, mending),
        source_key=finished.source_key,
    )
    flags = [_word(text(flag)) for flag in finished.flags[:50]]
    return replace(mended, flags=tuple(dict.fromkeys((*flags, *mending.flags))))


def _is_plain(finished: Finished) -> bool:
    """Whether nothing can need mending: the quick test that nearly every record passes."""
    begun, charged = finished.begun, finished.charged
    if finished.parts or (finished.raw_usage is not None and not _Mending().fits(finished.raw_usage, "raw_usage")):
        return False
    words = (
        finished.served_model, finished.error_type, finished.error_message, finished.provider_request_id,
        finished.finish_reason, charged.rate_id, *finished.price_context, *finished.price_context.values(),
        *_words(begun),
    )  # fmt: skip
    marks = (*finished.flags, *charged.unpriced_units, *[event for event, _ in finished.timeline])
    counts = (
        finished.http_status, finished.latency_ms, finished.first_token_ms, *[ms for _, ms in finished.timeline],
        begun.estimate.input_tokens, begun.estimate.max_output_tokens, *finished.usage.told().values(),
    )  # fmt: skip
    amounts = (
        charged.cost_nanousd, charged.cost_high_nanousd, charged.computed_nanousd, charged.reported_nanousd,
        begun.estimate.low_nanousd, begun.estimate.high_nanousd,
    )  # fmt: skip
    return (
        begun.started_at.tzinfo is not None and _are_plain_words(words, marks) and _are_plain_numbers(counts, amounts)
    )


def _is_plain_begun(begun: Begun) -> bool:
    estimate = begun.estimate
    return (
        begun.started_at.tzinfo is not None
        and _are_plain_words(_words(begun), ())
        and _are_plain_numbers(
            (estimate.input_tokens, estimate.max_output_tokens), (estimate.low_nanousd, estimate.high_nanousd)
        )
    )


def _words(begun: Begun) -> tuple[Any, ...]:
    who = begun.attribution
    return (
        begun.provider, begun.model, begun.source, begun.dialect, begun.endpoint, begun.client_request_id,
        begun.price_version, who.client, who.user, who.team, who.project, who.operation, who.app, who.key, who.host,
        who.session, who.branch, *who.tags, *who.tags.values(), *begun.price_context, *begun.price_context.values(),
    )  # fmt: skip


def _are_plain_words(words: tuple[Any, ...], single: tuple[str, ...]) -> bool:
    try:
        joined = "".join([word for word in words if word is not None])
        marks = "".join(single)
    except TypeError:
        return False
    is_short = len(joined) <= LONGEST_NAME and len(marks) <= LONGEST_NAME
    is_marked_well = all(single) and (not marks or marks.isidentifier())
    return is_short and is_marked_well and joined.isascii() and "\x00" not in joined


def _are_plain_numbers(counts: tuple[Any, ...], amounts: tuple[Any, ...]) -> bool:
    return all(count is None or (type(count) is int and 0 <= count <= LARGEST_COUNT) for count in counts) and all(
        amount is None or (type(amount) is int and -LARGEST_NANOUSD <= amount <= LARGEST_NANOUSD) for amount in amounts
    )


def storable_adjustment(adjustment: Adjustment) -> Adjustment:
    """The same entry in values that the ledger can keep; its measures are sums of stored ones and stay."""
    mending = _Mending()
    text = mending.text
    place = adjustment.place
    return replace(
        adjustment,
        reason=text(adjustment.reason, LONGEST_MESSAGE),
        provider_request_id=text(adjustment.provider_request_id),
        effective_at=_aware(adjustment.effective_at),
        booked_at=_aware(adjustment.booked_at),
        place=replace(
            place,
            provider=text(place.provider),
            model=text(place.model),
            attribution=_attribution(place.attribution, mending),
            source=text(place.source),
            dialect=text(place.dialect),
            endpoint=text(place.endpoint),
        ),
        detail=adjustment.detail if mending.fits(dict(adjustment.detail), "detail") else {},
    )


def _begun(begun: Begun, mending: _Mending) -> Begun:
    text, estimate = mending.text, begun.estimate
    return replace(
        begun,
        started_at=_aware(begun.started_at),
        provider=text(begun.provider) or "",
        model=text(begun.model) or "",
        source=text(begun.source) or "",
        dialect=text(begun.dialect) or "none",
        endpoint=text(begun.endpoint) or "",
        attribution=_attribution(begun.attribution, mending),
        client_request_id=text(begun.client_request_id),
        estimate=replace(
            estimate,
            input_tokens=mending.number(estimate.input_tokens, "estimated_input_tokens", LARGEST_COUNT),
            max_output_tokens=mending.number(estimate.max_output_tokens, "max_output_tokens", LARGEST_COUNT),
            low_nanousd=mending.money(estimate.low_nanousd, "low_nanousd"),
            high_nanousd=mending.money(estimate.high_nanousd, "high_nanousd"),
        ),
        price_version=text(begun.price_version),
        price_context=mending.names(begun.price_context),
    )


def _attribution(attribution: Attribution, mending: _Mending) -> Attribution:
    values = {
        field.name: mending.text(getattr(attribution, field.name))
        for field in fields(Attribution)
        if field.name != "tags"
    }
    return Attribution(**values, tags=mending.names(attribution.tags) if attribution.tags else {})


def _usage(usage: Usage, mending: _Mending) -> Usage:
    told = usage.told()
    values: dict[str, Any] = {
        name: mending.number(quantity, name, LARGEST_COUNT) if name in _COUNTED else mending.quantity(quantity, name)
        for name, quantity in told.items()
    }
    is_kept = all(values[name] is quantity for name, quantity in told.items())
    return usage if is_kept else Usage(**values)


def _charged(charged: Charged, mending: _Mending) -> Charged:
    cost = mending.money(charged.cost_nanousd, "cost_nanousd")
    computed = mending.money(charged.computed_nanousd, "computed_nanousd")
    mended = replace(
        charged,
        cost_nanousd=cost,
        cost_high_nanousd=mending.money(charged.cost_high_nanousd, "cost_high_nanousd"),
        computed_nanousd=computed,
        reported_nanousd=mending.money(charged.reported_nanousd, "reported_nanousd"),
        unpriced_units=tuple(_word(mending.text(unit)) for unit in charged.unpriced_units),
        rate_id=mending.text(charged.rate_id),
        price_version=mending.text(charged.price_version),
        rate=charged.rate if charged.rate is None or mending.fits(dict(charged.rate), "rate") else None,
    )
    if computed is None and charged.computed_nanousd is not None:
        mended = replace(mended, components=())
    if cost is None and charged.cost_nanousd is not None:
        mended = replace(mended, components=(), cost_source=CostSource.NONE)
    return mended


def _parts(parts: tuple[Part, ...], mending: _Mending) -> tuple[Part, ...]:
    return tuple(
        replace(
            part,
            provider=mending.text(part.provider),
            model=mending.text(part.model),
            usage=_usage(part.usage, mending),
            nanousd=mending.money(part.nanousd, "parts"),
            rate_id=mending.text(part.rate_id),
        )
        for part in parts[:100]
    )


def _timeline(timeline: tuple[tuple[str, int], ...], mending: _Mending) -> tuple[tuple[str, int], ...]:
    mended = ((_word(mending.text(event)), mending.number(ms, "timeline", LARGEST_MS)) for event, ms in timeline[:100])
    return tuple((event, ms) for event, ms in mended if ms is not None)


def _word(text: str) -> str:
    """One word without spaces or colons, which separate words where several are stored together."""
    return "_".join(text.replace(":", " ").split()) or "_"


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
