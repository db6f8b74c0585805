"""Any string and any number in any field: the row is written, says what was mended, and its neighbours never suffer."""

from dataclasses import replace
from datetime import datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.builders import NOON, a_begun, a_finished, a_usage
from tests.support.laws import law

from llmledger.core.adjustment import Adjustment, Kind, measures_of, place_of
from llmledger.core.cost import Component
from llmledger.core.request import Attribution, Charged, Estimate, Part
from llmledger.core.usage import UNITS, Usage
from llmledger.core.words import CostSource
from llmledger.ledger import open_ledger, open_reader
from llmledger.ledger.storable import LARGEST_COUNT, storable, storable_adjustment, storable_begun

NASTY = [
    "\x00",
    "a\x00b",
    "\ud800",
    "x\udfffy",
    "\ud83d\ude00",
    "\u202eright to left",
    "🤖" * 300,
    "x" * 10_000_000,
    "",
    " ",
    "a:b c",
]
strings = st.one_of(
    st.sampled_from(NASTY),
    st.text(st.characters(codec=None, exclude_categories=())),
    st.text(st.characters(min_codepoint=0xD7F0, max_codepoint=0xE010)),
)
maybe = st.one_of(st.none(), strings)
numbers = st.one_of(
    st.none(), st.integers(), st.sampled_from([2**63, -(2**63) - 1, 2**200, -1, 0, 10**12, 10**12 + 1, 10**15 + 1])
)
quantities = st.one_of(numbers, st.decimals(), st.sampled_from([Decimal("1.5"), Decimal("1e400"), 1.5, float("inf")]))
mappings = st.dictionaries(strings, strings, max_size=3)
json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), strings),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
usages = st.dictionaries(st.sampled_from([unit.name for unit in UNITS]), quantities, max_size=6).map(
    lambda u: Usage(**u)
)


@st.composite
def requests(draw):
    """A request with anything in every field that a stranger can fill."""
    begun = a_begun(
        provider=draw(strings),
        model=draw(strings),
        source=draw(strings),
        dialect=draw(strings),
        endpoint=draw(strings),
        client_request_id=draw(maybe),
        attribution=Attribution(
            **{name: draw(maybe) for name in ("client", "user", "team", "project", "operation", "app", "key", "host")},
            session=draw(maybe),
            branch=draw(maybe),
            tags=draw(mappings),
        ),
        estimate=Estimate(input_tokens=draw(numbers), max_output_tokens=draw(numbers), low_nanousd=draw(numbers)),
        price_context=draw(mappings),
    )
    cost = draw(numbers)
    charged = Charged(
        cost_nanousd=cost,
        cost_source=CostSource.NONE if cost is None else CostSource.COMPUTED,
        computed_nanousd=cost,
        components=() if cost is None else (Component("input_tokens", 1, cost),),
        unpriced_units=tuple(draw(st.lists(strings, max_size=2))),
        rate_id=draw(maybe),
        rate=draw(st.none() | st.dictionaries(st.text(max_size=3), json_values, max_size=2)),
        price_version=draw(maybe),
    )
    return a_finished(
        begun,
        usage=draw(usages),
        charged=charged,
        served_model=draw(maybe),
        http_status=draw(numbers),
        error_type=draw(maybe),
        error_message=draw(maybe),
        provider_request_id=draw(maybe),
        attempts=draw(st.integers()),
        latency_ms=draw(numbers),
        first_token_ms=draw(numbers),
        timeline=tuple(draw(st.lists(st.tuples(strings, st.integers()), max_size=3))),
        finish_reason=draw(maybe),
        raw_usage=draw(st.none() | st.dictionaries(st.text(max_size=3), json_values, max_size=2)),
        price_context=draw(mappings),
        flags=tuple(draw(st.lists(strings, max_size=3))),
        parts=tuple(draw(st.lists(st.just(Part(provider="p", model="m", usage=a_usage(), nanousd=1)), max_size=2))),
        source_key=draw(maybe),
    )


@law(10)
@given(requests())
def test_any_request_is_written_and_leaves_its_neighbours_alone(tmp_path_factory, wild):
    """NUL, lone surrogates, 10 MB strings, numbers beyond 64 bit, in every field (litellm#21290, #15519, #31705)."""
    path = tmp_path_factory.mktemp("wild") / "ledger.db"
    before, after = a_finished(nanousd=1), a_finished(nanousd=1)
    with open_ledger(path, now=lambda: NOON) as ledger:
        ledger.begin(wild.begun)
        counts = ledger.record_many([before, wild, after])
    assert counts.added == 3
    with open_reader(path) as reader:
        recorded = reader.request(wild.begun.request_id)
        assert recorded is not None
        assert recorded.finished.flags == storable(wild).flags
        assert reader.connection.execute("SELECT sum(requests) FROM requests_v1").fetchone() == (3,)
        assert reader.connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


@law(15)
@given(requests())
def test_mending_twice_changes_nothing_more(wild):
    """What is storable stays as it is, so that a replay writes the same row."""
    once = storable(wild)
    assert replace(storable(once), flags=()) == replace(once, flags=())


def test_a_plain_request_is_not_touched():
    """The usual record goes through the quick test and keeps its identity."""
    plain = a_finished(timeline=(("attempt", 0), ("end", 7)), raw_usage={"a": 1}, flags=("drained",))
    assert storable(plain) is plain
    assert storable_begun(plain.begun) is plain.begun


@pytest.mark.parametrize(
    ("changes", "flag"),
    [
        ({"error_message": "a\x00b"}, "text_mended"),
        ({"served_model": "\ud800"}, "text_mended"),
        ({"error_message": "x" * 5_000}, "text_cut"),
        ({"usage": Usage(input_tokens=LARGEST_COUNT + 1)}, "out_of_range:input_tokens"),
        ({"usage": Usage(output_tokens=-1)}, "out_of_range:output_tokens"),
        ({"latency_ms": 2**70}, "out_of_range:latency_ms"),
        ({"raw_usage": {"x": "y" * 40_000}}, "dropped:raw_usage"),
        ({"raw_usage": {"x": float("nan")}}, "dropped:raw_usage"),
    ],
)
def test_the_row_says_what_was_mended(changes, flag):
    """Nothing is changed silently."""
    assert flag in storable(a_finished(**changes)).flags


def test_a_cost_that_cannot_be_meant_is_unknown_and_not_zero():
    """More than a million dollars for one request: unpriced, flagged, without components."""
    charged = Charged(
        cost_nanousd=10**16, computed_nanousd=10**16, cost_source=CostSource.COMPUTED,
        components=(Component("input_tokens", 1, 10**16),),
    )  # fmt: skip
    mended = storable(a_finished(charged=charged))
    assert (mended.charged.cost_nanousd, mended.charged.cost_source) == (None, CostSource.NONE)
    assert mended.charged.components == ()
    assert "out_of_range:cost_nanousd" in mended.flags


def test_a_time_without_zone_is_taken_for_utc():
    """A naive time must not keep a row from being written."""
    naive = datetime(2026, 11, 21, 12, 0)
    assert storable(a_finished({"started_at": naive, "request_id": b"x" * 16})).begun.started_at == NOON


def test_a_duration_keeps_six_decimals():
    """Audio seconds are exact decimals; a whole number is an integer again."""
    usage = Usage(audio_seconds=Decimal("1.23456789"), video_seconds=Decimal("3.0"))
    assert storable(a_finished(usage=usage, raw_usage={"s": "\x00"}, error_type="é")).usage == Usage(
        audio_seconds=Decimal("1.234568"), video_seconds=3
    )


def test_an_adjustment_is_mended_too():
    """Its reason and place come from people and files."""
    finished = a_finished({"attribution": Attribution(user="a\x00")})
    entry = Adjustment(
        kind=Kind.ASSIGN,
        cause="assign:1",
        effective_at=NOON,
        booked_at=NOON,
        reason="\ud800" + "x" * 3_000,
        place=place_of(finished),
        measures=measures_of(finished),
        detail={"x": "y" * 40_000},
    )
    mended = storable_adjustment(entry)
    assert mended.place.attribution.user == "a␀"
    assert len(mended.reason) == 2_000
    assert mended.detail == {}
