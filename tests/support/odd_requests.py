"""Requests with everything in them that a ledger keeps, as Hypothesis makes them up."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

from hypothesis import strategies as st
from tests.support.builders import a_begun, a_charge, a_finished, a_request_id, a_usage

from llmledger.core.cost import Component
from llmledger.core.request import Attribution, Estimate, Finished, Part
from llmledger.core.usage import UNITS, Usage
from llmledger.core.words import CostSource, Status

TEXTS = st.one_of(st.none(), st.text(max_size=12), st.sampled_from(['a "b"\\', "%s %(x)d {}", "=1\r\n\t", "東 😀\x7f"]))
COUNTS = st.one_of(st.none(), st.integers(0, 10**12))
NAMES = st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=2)
AMOUNTS = st.one_of(st.none(), st.integers(-(10**15), 10**15))
USAGES = st.dictionaries(st.sampled_from([unit.name for unit in UNITS]), st.integers(0, 10**9), max_size=6).map(
    lambda counts: Usage(**counts)
)
PLAIN = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text()),
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(st.text(max_size=4), inner, max_size=2)),
    max_leaves=4,
)


def _times(since: datetime) -> st.SearchStrategy[datetime]:
    return st.datetimes(since, datetime(2200, 1, 1)).map(
        lambda at: at.replace(microsecond=at.microsecond // 1000 * 1000, tzinfo=UTC)
    )


@st.composite
def odd_requests(draw: st.DrawFn, since: datetime = datetime(1969, 12, 30)) -> Finished:
    """Any request since a time, most of them odd."""
    who = Attribution(user=draw(TEXTS), key=draw(TEXTS), session=draw(TEXTS), branch=draw(TEXTS), tags=draw(NAMES))
    begun = a_begun(
        request_id=a_request_id(),
        started_at=draw(_times(since)),
        model=draw(TEXTS) or "",
        attribution=draw(st.sampled_from([who, Attribution(), Attribution(session="s")])),
        client_request_id=draw(TEXTS),
        estimate=Estimate(input_tokens=draw(COUNTS), max_output_tokens=draw(COUNTS)),
    )
    charged = replace(
        a_charge(draw(AMOUNTS)),
        cost_source=draw(st.sampled_from(CostSource)),
        computed_nanousd=draw(AMOUNTS),
        reported_nanousd=draw(AMOUNTS),
        cost_high_nanousd=draw(AMOUNTS),
        components=draw(
            st.sampled_from([(), (Component("audio_seconds", Decimal("1.5"), 7), Component("images", 2, -1))])
        ),
        rate_id=draw(st.sampled_from([None, "openai/gpt-5-mini@2026#batch"])),
        rate=draw(st.sampled_from([None, {"input": "0.25", "tiers": [1, {"é": None}]}])),
        price_version=draw(TEXTS),
        unpriced_units=draw(st.sampled_from([(), ("images", "characters")])),
    )
    part = Part(provider="x", model=draw(TEXTS) or "", usage=draw(USAGES), nanousd=draw(AMOUNTS))
    return a_finished(
        begun,
        charged=charged,
        status=draw(st.sampled_from(Status)),
        usage=draw(st.one_of(USAGES, st.just(a_usage(audio_seconds=Decimal("0.25"))))),
        error_message=draw(TEXTS),
        error_type=draw(TEXTS),
        served_model=draw(TEXTS),
        finish_reason=draw(TEXTS),
        provider_request_id=draw(TEXTS),
        attempts=draw(st.integers(1, 9)),
        cache_hit=draw(st.booleans()),
        latency_ms=draw(COUNTS),
        first_token_ms=draw(COUNTS),
        timeline=draw(st.sampled_from([(), (("attempt", 0),), (("attempt", 0), ("retry", 5), ("attempt", 7))])),
        raw_usage=draw(st.one_of(st.none(), st.dictionaries(st.text(max_size=5), PLAIN, max_size=3))),
        price_context=draw(NAMES),
        parts=draw(st.sampled_from([(), (part,), (part, part)])),
        flags=draw(st.sampled_from([(), ("odd",), ("odd", "found:it")])),
    )
