"""Requests in brief become the rows, the headings and the merged records that they would become told whole."""

import json
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.support.builders import NOON
from tests.support.claude_logs import BOOK, line

from llmledger.core.pricing import price
from llmledger.core.rates import Rate, Tier
from llmledger.core.usage import UNIT_BY_NAME, Usage
from llmledger.core.words import UsageQuality
from llmledger.importers._contract import LARGEST_IN_BRIEF, Brief, Common, Imported, LogFile, Told, whole
from llmledger.importers.claude_code import read
from llmledger.ledger.bulk import COST
from llmledger.ledger.rows import USAGE_COLUMNS
from llmledger.operations._import_rows import merged
from llmledger.operations._import_sheaves import Sheaves

_COMMONS = [
    Common(
        Imported(
            "",
            NOON,
            dict.fromkeys(
                ("input_tokens", "cache_read_tokens", "cache_write_tokens", "cache_write_1h_tokens", "output_tokens"), 0
            ),
            provider,
            model,
            quality,
            session,
            folder="/home/u/p",
            finish_reason=reason,
            app="claude-code",
        ),
        (session, "/home/u/p", None),
    )
    for provider, model in (
        ("anthropic", "claude-sonnet-4-5"),
        ("anthropic", "claude-opus-4-1"),
        ("unknown", "glm-4.6"),
    )
    for session in ("s1", "s2")
    for quality, reason in (
        (UsageQuality.PARTIAL, None),
        (UsageQuality.EXACT, "end_turn"),
        (UsageQuality.EXACT, "tool_use"),
    )
]
_COUNT = st.sampled_from([0, 1, 7, 199_999, 200_000, 200_001, LARGEST_IN_BRIEF // 4])


@st.composite
def briefs(draw: Any) -> Brief:
    """Some message at some time; a part may be larger than its whole."""
    name = draw(st.sampled_from(["msg_1", "msg_2", "msg_3", "msg_ä", "msg\0", "m" * 600]))
    at = NOON + timedelta(hours=draw(st.sampled_from([0, 1, -9000])), microseconds=draw(st.integers(0, 2_000)))
    if draw(st.integers(0, 9)) == 9:
        at = datetime(1965, 1, 1, tzinfo=NOON.tzinfo)
    hour, short, read, fresh = (draw(_COUNT) for _ in range(4))
    written = hour + short if draw(st.integers(0, 9)) else short
    counted = fresh + read + written if draw(st.integers(0, 9)) else fresh
    counts = (counted, read, written, hour, None, None, None, draw(_COUNT), None, None, None, None)
    return f"claude:{name}", at, counts, draw(st.sampled_from(_COMMONS)), name, draw(st.booleans())


def _edge(tokens: int) -> Brief:
    """So many input tokens."""
    counts = (tokens, 7, 5, 3, None, None, None, 11, None, None, None, None)
    return f"claude:{tokens}", NOON, counts, _COMMONS[0], str(tokens), False


@given(told=st.lists(briefs(), max_size=8), parcels=st.integers(1, 3))
def test_rows_of_briefs_are_the_rows_of_whole_requests(told: list[Brief], parcels: int) -> None:
    """Values, order, headings, and what is left for the long way; parcel after parcel."""
    brief, careful = Sheaves(BOOK), Sheaves(BOOK)
    for _ in range(parcels):
        assert brief.rows(told) == careful.rows(map(whole, told))
        assert brief.take_headings() == careful.take_headings()


@given(told=st.lists(briefs().map(lambda one: ("claude:msg_1", *one[1:4], "msg_1", one[5])), min_size=2, max_size=4))
def test_briefs_merge_as_whole_requests_do(told: list[Brief]) -> None:
    """Whoever owns them, whichever is fuller."""
    brief: Told = told[0]
    careful: Told = whole(told[0])
    for one in told[1:]:
        brief, careful = merged(brief, one), merged(careful, whole(one))

    assert whole(brief) == careful


@given(order=st.permutations([*_COMMONS[:3], _COMMONS[1]]))
def test_equal_counts_are_merged_to_the_final_word(order: list[Common]) -> None:
    """A block's line before the stop reason, and one with it: the latter makes the row exact, whichever comes first."""
    counts = (10, 0, 0, 0, None, None, None, 5, None, None, None, None)
    told: list[Brief] = [("claude:msg_1", NOON, counts, common, "msg_1", False) for common in order]
    found: Told = told[0]
    for one in told[1:]:
        found = merged(found, one)

    assert not isinstance(found, Imported)
    assert found[3].pattern.finish_reason == "tool_use"
    assert whole(found) == merged(merged(whole(told[0]), whole(told[1])), merged(whole(told[2]), whole(told[3])))


def test_snapshots_of_one_session_stay_brief() -> None:
    """The larger one of three, from the time of the first."""

    def snapshot(minute: int, output: int, common: Common) -> Brief:
        counts = (10, 0, 0, 0, None, None, None, output, None, None, None, None)
        return "claude:msg_1", NOON + timedelta(minutes=minute), counts, common, "msg_1", False

    first, last = snapshot(0, 1, _COMMONS[0]), snapshot(2, 300, _COMMONS[1])
    found = merged(merged(snapshot(1, 300, _COMMONS[0]), last), merged(first, first))

    assert not isinstance(found, Imported)
    assert (found[1], found[2][7], found[3]) == (NOON, 300, _COMMONS[1])


def test_headings_are_forgotten_when_there_are_many() -> None:
    """Their numbers begin again at 0, and so does what is remembered of each likeness."""
    counts = (10, 0, 0, 0, None, None, None, 1, None, None, None, None)
    told: list[Brief] = [(f"claude:{n}", NOON, counts, _COMMONS[n], str(n), False) for n in range(3)]
    sheaves = Sheaves(BOOK, remembered=2)
    for _ in range(2):
        sheaves.begin_again()
        rows, _ = sheaves.rows(told)

        assert [row[0] for row in rows] == [0, 1, 2]
        assert sheaves.take_headings()[0] == 0


class OneRate:
    """A book of one rate."""

    def __init__(self, rate: Rate) -> None:
        self._rate = rate

    def rate(self, provider: str, model: str, *, at: datetime) -> Rate | None:
        """That rate."""
        return self._rate


_PRICES = {"input_tokens": Decimal(3_000_000_000), "output_tokens": Decimal(15_000_000_000)}
_CACHE = {"cache_read_tokens": Decimal(300_000_000), "cache_write_tokens": Decimal(3_750_000_000)}
_HOUR = {"cache_write_1h_tokens": Decimal(6_000_000_000)}
_ALL = {**_PRICES, **_CACHE, **_HOUR}
_TWICE = {unit: 2 * nano for unit, nano in _ALL.items()}
_TIER = Tier(threshold=300_000, prices=_PRICES)


@pytest.mark.parametrize(
    "rate",
    [
        Rate(id="whole", prices=_ALL),
        Rate(id="half", prices={**_ALL, "output_tokens": Decimal(1_500_500)}),
        Rate(id="no life", prices={**_PRICES, **_CACHE}),
        Rate(id="no cache", prices=_PRICES),
        Rate(id="no output", prices={"input_tokens": Decimal(1)}),
        Rate(id="free", free=True),
        Rate(id="from", prices=_ALL, tiers=(Tier(threshold=200_000, prices=_TWICE, inclusive=True), _TIER)),
        Rate(id="above", prices=_ALL, tiers=(Tier(threshold=200_000, prices=_TWICE),)),
        Rate(id="least", prices=_ALL, least={"input_tokens": 100}),
    ],
    ids=lambda rate: rate.id,
)
@given(told=st.lists(briefs(), max_size=5))
@example(told=[_edge(tokens) for tokens in (199_999, 200_000, 200_001, 300_001)])
def test_rows_of_briefs_cost_the_same_by_any_rate(rate: Rate, told: list[Brief]) -> None:
    """Also at the edge of a tier, in parts of a nano-dollar, and where a unit has no price."""
    rows, others = Sheaves(OneRate(rate)).rows(told)

    assert (rows, others) == Sheaves(OneRate(rate)).rows(map(whole, told))
    for row in rows:
        expected = price(
            Usage(**dict(zip(USAGE_COLUMNS, row[COST - len(USAGE_COLUMNS) : COST], strict=True))), rate, at=NOON
        )
        parts = {UNIT_BY_NAME[part.unit].code: [part.quantity, part.nanousd] for part in expected.components}
        assert (row[COST], json.loads(row[COST + 1] or "{}")) == (expected.nanousd, parts)


def test_a_log_that_is_read_becomes_the_rows_of_its_whole_requests(tmp_path: Path) -> None:
    """Usual answers, snapshots, a priority answer and one without a split, as the reader yields them."""
    log = tmp_path / "s1.jsonl"
    split = {"ephemeral_5m_input_tokens": 5, "ephemeral_1h_input_tokens": 20}
    usages = [
        {"cache_creation": split, "cache_creation_input_tokens": 25, "cache_read_input_tokens": 100},
        {
            "cache_creation": split,
            "cache_creation_input_tokens": 25,
            "cache_read_input_tokens": 0,
            "service_tier": "priority",
        },
        {"cache_creation_input_tokens": 25},
    ]
    texts = []
    for number in range(60):
        for output, reason in ((1, None), (100 + number, "end_turn")):
            usage = {"input_tokens": 10, "output_tokens": output, **usages[number % 3]}
            message = {"id": f"msg_{number}", "model": "claude-sonnet-4-5", "stop_reason": reason, "usage": usage}
            texts.append(line(number, minute=number, message=message))
    log.write_text("".join(texts))
    brief: dict[str, Told] = {}
    careful: dict[str, Told] = {}
    for told in [told for item in read(LogFile(log)) if isinstance(item, list) for told in item]:
        brief[told[0]] = merged(brief.get(told[0], told), told)
        careful[told[0]] = merged(careful.get(told[0], whole(told)), whole(told))

    rows, others = Sheaves(BOOK).rows(brief.values())
    assert (rows, others) == Sheaves(BOOK).rows(careful.values())
    assert (len(rows), len(others)) == (40, 20)
    assert sum(not isinstance(one, Imported) for one in brief.values()) == 20
