"""Claude Code's usual answers are read in brief: a law holds that to what reading with care finds, whatever stands there."""

import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.support.laws import examples_now

from llmledger.core.usage import COLUMN_UNITS
from llmledger.importers import claude_code
from llmledger.importers._contract import LARGEST_IN_BRIEF, Common, Imported, whole

USUAL: dict[str, Any] = {
    "type": "assistant",
    "timestamp": "2026-10-20T09:00:00Z",
    "sessionId": "s1",
    "cwd": "/o",
    "gitBranch": "trunk",
    "isSidechain": False,
    "message": {
        "id": "msg_1",
        "model": "claude-sonnet-4-5",
        "stop_reason": "end_turn",
        "usage": {
            "input_tokens": 12,
            "cache_read_input_tokens": 9_000,
            "cache_creation_input_tokens": 4_000,
            "cache_creation": {"ephemeral_5m_input_tokens": 1_000, "ephemeral_1h_input_tokens": 3_000},
            "output_tokens": 310,
            "iterations": [{}],
            "server_tool_use": {"web_search_requests": 0},
            "service_tier": "standard",
            "speed": "standard",
            "inference_geo": "",
        },
    },
}
_ABSENT = object()
_ODD = [
    _ABSENT,
    None,
    True,
    False,
    0,
    1,
    -1,
    1.0,
    2.5,
    "",
    "7",
    "x",
    [],
    [1],
    {},
    {"a": 1},
    *(1 << n for n in (37, 39, 62, 70)),
]
_PLACES: dict[tuple[str, ...], list[Any]] = {
    ("type",): ["user"],
    ("timestamp",): ["2026-10-20T09:00:00", "2026-10-20T09:00:00+02:00", "2026-10-20T09:00:00.123456Z", "soon"],
    ("sessionId",): ["s2"],
    ("cwd",): ["/p", "/q"],
    ("gitBranch",): ["main", "topic"],
    ("isSidechain",): [],
    ("isApiErrorMessage",): [],
    ("uuid",): ["u1"],
    ("message",): [],
    ("message", "id"): ["msg_2", "msg_bdrk_1", "msg_vrtx_1", "msg_\u00e4"],
    ("message", "model"): ["claude-opus-4-1", "glm-4.6", "<synthetic>"],
    ("message", "stop_reason"): ["tool_use"],
    ("message", "usage"): [],
    ("message", "usage", "input_tokens"): [],
    ("message", "usage", "cache_read_input_tokens"): [],
    ("message", "usage", "cache_creation_input_tokens"): [1_000, 3_000, 3_001, 4_000.0],
    ("message", "usage", "output_tokens"): [],
    ("message", "usage", "service_tier"): ["priority", "not_available", "global"],
    ("message", "usage", "speed"): ["standard", "fast", "global"],
    ("message", "usage", "inference_geo"): ["standard", "not_available", "global", "us"],
    ("message", "usage", "iterations"): [[{"output_tokens": 1}, {"output_tokens": 2, "model": "claude-opus-4-1"}]],
    ("message", "usage", "server_tool_use"): [{"web_search_requests": 2}, {"web_search_requests": None}],
    ("message", "usage", "cache_creation"): [],
    ("message", "usage", "cache_creation", "ephemeral_5m_input_tokens"): [1_000.0, -3_000, 4_000],
    ("message", "usage", "cache_creation", "ephemeral_1h_input_tokens"): [3_000.0, -1_000],
}
_CHANGES = st.lists(
    st.sampled_from([(place, value) for place, values in _PLACES.items() for value in [*_ODD, *values]]), max_size=3
)


def changed(changes: list[tuple[tuple[str, ...], Any]]) -> Any:
    """The usual answer with other values here and there, or none."""
    entry = json.loads(json.dumps(USUAL))
    for (*way, name), value in changes:
        place = entry
        for step in way:
            place = place.get(step) if isinstance(place, dict) else None
        if isinstance(place, dict):
            place[name] = value
            if value is _ABSENT:
                del place[name]
    return entry


def brief(entry: Any, known: dict[Any, Common]) -> Imported | None:
    """What is read in brief, told whole."""
    found = claude_code._brief(entry, known)
    if found is None:
        return None
    assert all(count is None or (type(count) is int and 0 <= count <= LARGEST_IN_BRIEF) for count in found[2])
    assert len(found[2]) == len(COLUMN_UNITS)
    return whole(found)


_USAGE = ("message", "usage")
_SPLIT = (*_USAGE, "cache_creation", "ephemeral_5m_input_tokens")
_NOTHING = {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0}
_ONE = {"ephemeral_1h_input_tokens": 1}
_COUNTS = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens", "output_tokens")


@settings(max_examples=examples_now(300))
@given(entries=st.lists(_CHANGES.map(changed) | st.sampled_from(_ODD), min_size=1, max_size=4))
@example(
    entries=[USUAL, changed([((*_USAGE, "cache_creation"), _NOTHING), *(((*_USAGE, name), 0) for name in _COUNTS)])]
)
@example(entries=[USUAL, changed([(_SPLIT, True), ((*_USAGE, "cache_creation_input_tokens"), 3_001)])])
@example(entries=[USUAL, changed([((*_USAGE, "cache_creation"), {**_NOTHING, **_ONE}), ((*_USAGE, _COUNTS[2]), True)])])
def test_what_is_read_in_brief_is_what_reading_with_care_finds(entries: list[Any]) -> None:
    """Line after line of one log, since what they have in common is remembered."""
    known: dict[Any, Common] = {}
    for entry in entries:
        found = brief(entry, known)

        assert found is None or found == claude_code._read_entry(0, entry)


@pytest.mark.parametrize(
    ("place", "value"), [(place, value) for place, values in _PLACES.items() for value in [*_ODD, *values]]
)
def test_no_single_odd_value_is_misread_in_brief(place: tuple[str, ...], value: Any) -> None:
    """Each value in each place, behind and before a usual answer."""
    for entries in ([USUAL, changed([(place, value)])], [changed([(place, value)]), USUAL]):
        known: dict[Any, Common] = {}
        for entry in entries:
            found = brief(entry, known)

            assert found is None or found == claude_code._read_entry(0, entry)


def test_a_usual_answer_is_read_in_brief() -> None:
    """12 fresh + 9,000 read + 4,000 written = 13,012; and its neighbour shares what they have in common."""
    known: dict[Any, Common] = {}
    one, other = (claude_code._brief(entry, known) for entry in (USUAL, {**USUAL, "timestamp": "2026-10-20T09:05:00Z"}))

    assert one is not None
    assert other is not None
    assert one[2] == (13_012, 9_000, 4_000, 3_000, None, None, None, 310, None, None, None, None)
    assert one[3] is other[3]
