"""Rates: when they hold, which tier is reached, when a window is open."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from llmledger.core.rates import Mode, Rate, Tier, Window, instant_text, period_text, rate_at

MONDAY = datetime(2026, 11, 16, tzinfo=UTC)


def test_a_tier_above_a_threshold_begins_one_token_later() -> None:
    """Google and OpenAI say "above"; the threshold itself has the lower price."""
    tier = Tier(200_000, {"input_tokens": 1})

    assert [tier.is_reached(tokens) for tokens in (199_999, 200_000, 200_001)] == [False, False, True]


def test_a_tier_at_least_a_threshold_begins_at_it() -> None:
    """xAI says "reaches": genai-prices#587."""
    tier = Tier(200_000, {"input_tokens": 1}, inclusive=True)

    assert [tier.is_reached(tokens) for tokens in (199_999, 200_000, 200_001)] == [False, True, True]


def test_a_mode_matches_when_every_selector_equals() -> None:
    """One of two is not enough, and more than was asked does no harm."""
    mode = Mode({"processing": "batch", "inference_geo": "us"})

    assert not mode.matches({"processing": "batch"})
    assert mode.matches({"processing": "batch", "inference_geo": "us", "speed": "fast"})
    assert mode.name == "batch+us"


@pytest.mark.parametrize(
    ("clock", "is_open"),
    [("00:59", False), ("01:00", True), ("03:59", True), ("04:00", False), ("06:00", True), ("10:00", False)],
)
def test_a_window_is_open_from_its_first_minute_until_before_its_last(clock: str, is_open: bool) -> None:
    """Half-open ranges, so that two that touch never both count."""
    hour, minute = map(int, clock.split(":"))
    window = Window(hours=((60, 240), (360, 600)), zone=UTC, days=frozenset(range(5)))

    assert window.is_open(MONDAY.replace(hour=hour, minute=minute)) is is_open


def test_a_window_keeps_to_its_weekdays() -> None:
    """Friday is in, Saturday is out."""
    window = Window(hours=((60, 240),), zone=UTC, days=frozenset(range(5)))

    assert window.is_open(MONDAY + timedelta(days=4, hours=2))
    assert not window.is_open(MONDAY + timedelta(days=5, hours=2))


def test_a_window_past_midnight_belongs_to_the_day_it_starts_on() -> None:
    """Friday 22:00 to 02:00 is still open on Saturday at 01:00, and closed on Friday at 01:00."""
    window = Window(hours=((22 * 60, 2 * 60),), zone=UTC, days=frozenset({4}))
    friday = MONDAY + timedelta(days=4)

    assert window.is_open(friday.replace(hour=22))
    assert window.is_open(friday + timedelta(hours=25))
    assert not window.is_open(friday + timedelta(hours=1))
    assert not window.is_open(friday + timedelta(hours=26))


def test_a_window_reads_the_clock_of_its_own_zone() -> None:
    """09:00 in Shanghai is 01:00 UTC."""
    window = Window(hours=((9 * 60, 12 * 60),), zone=ZoneInfo("Asia/Shanghai"))

    assert window.is_open(MONDAY.replace(hour=1))
    assert not window.is_open(MONDAY.replace(hour=4))


def test_a_rate_holds_from_its_first_instant_until_before_its_end() -> None:
    """A boundary belongs to the later rate, and to one only."""
    change = datetime(2026, 8, 16, 16, tzinfo=UTC)
    old, new = Rate(id="old", until=change), Rate(id="new", since=change)

    assert rate_at((old, new), change - timedelta(microseconds=1)) is old
    assert rate_at((old, new), change) is new


def test_a_gap_has_no_rate() -> None:
    """Nothing is stretched over a time that nobody described."""
    later = Rate(id="later", since=MONDAY)

    assert rate_at((later,), MONDAY - timedelta(days=1)) is None


def test_periods_read_as_people_write_them() -> None:
    """A day where it is midnight, else the time; open ends are said."""
    change = datetime(2026, 8, 16, 16, tzinfo=UTC)

    assert instant_text(MONDAY) == "2026-11-16"
    assert instant_text(change) == "2026-08-16T16:00:00Z"
    assert period_text(Rate(id="a")) == "always"
    assert period_text(Rate(id="a", until=MONDAY)) == ".. 2026-11-16"
    assert period_text(Rate(id="a", since=change)) == "2026-08-16T16:00:00Z .. now"
