"""What people may write as a time range, and exactly which range it means."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmledger.core.period import Clock, parse_older_than, parse_period, parse_window
from llmledger.errors import UsageError

NOW = datetime(2026, 11, 21, 14, 30, tzinfo=UTC)
"""A Saturday afternoon."""
BERLIN = Clock(NOW, "Europe/Berlin")
UTC_CLOCK = Clock(NOW, "UTC")


@pytest.mark.parametrize(
    ("text", "since", "until"),
    [
        ("7d", "2026-11-15T00:00", "2026-11-22T00:00"),
        ("1d", "2026-11-21T00:00", "2026-11-22T00:00"),
        ("2w", "2026-11-08T00:00", "2026-11-22T00:00"),
        ("3mo", "2026-08-22T00:00", "2026-11-22T00:00"),
        ("1y", "2025-11-22T00:00", "2026-11-22T00:00"),
        ("24h", "2026-11-20T14:30", "2026-11-21T14:30"),
        ("today", "2026-11-21T00:00", "2026-11-22T00:00"),
        ("yesterday", "2026-11-20T00:00", "2026-11-21T00:00"),
        ("thisweek", "2026-11-16T00:00", "2026-11-23T00:00"),
        ("Last Week", "2026-11-09T00:00", "2026-11-16T00:00"),
        ("thismonth", "2026-11-01T00:00", "2026-12-01T00:00"),
        ("last_month", "2026-10-01T00:00", "2026-11-01T00:00"),
        ("thisyear", "2026-01-01T00:00", "2027-01-01T00:00"),
        ("lastyear", "2025-01-01T00:00", "2026-01-01T00:00"),
        ("2026", "2026-01-01T00:00", "2027-01-01T00:00"),
        ("2026-10", "2026-10-01T00:00", "2026-11-01T00:00"),
        ("2026q4", "2026-10-01T00:00", "2027-01-01T00:00"),
        ("2026-Q1", "2026-01-01T00:00", "2026-04-01T00:00"),
        ("2026-10-05", "2026-10-05T00:00", "2026-10-06T00:00"),
        ("20261005", "2026-10-05T00:00", "2026-10-06T00:00"),
        ("2026-10-01..2026-10-15", "2026-10-01T00:00", "2026-10-16T00:00"),
        ("2026-10..2026-11", "2026-10-01T00:00", "2026-12-01T00:00"),
        ("14d..7d", "2026-11-08T00:00", "2026-11-15T00:00"),
        ("2026-10-05T14:30Z..2026-10-05T15:30+01:00", "2026-10-05T14:30", None),
    ],
)
def test_every_form_of_a_period_means_one_range(text: str, since: str, until: str | None) -> None:
    """Each form of the grammar, in UTC, with today included in counted days."""
    if until is None:
        with pytest.raises(UsageError, match="empty"):
            parse_period(text, UTC_CLOCK)
        return

    window = parse_period(text, UTC_CLOCK)

    assert (since, until) == (f"{window.since:%Y-%m-%dT%H:%M}", f"{window.until:%Y-%m-%dT%H:%M}")


def test_an_open_end_stops_with_today_and_an_open_start_never_begins() -> None:
    """`A..` ends with today; `..B` includes the day B."""
    assert parse_period("2026-10-05..", UTC_CLOCK).until == datetime(2026, 11, 22, tzinfo=UTC)
    assert parse_period("..2026-10-05", UTC_CLOCK).since is None
    assert parse_period("..2026-10-05", UTC_CLOCK).until == datetime(2026, 10, 6, tzinfo=UTC)
    assert parse_period("2027-01-01..", UTC_CLOCK).until is None


def test_days_are_days_of_the_zone() -> None:
    """Today in Berlin begins at 23:00 UTC of the day before."""
    window = parse_period("today", BERLIN)

    assert window.since == datetime(2026, 11, 20, 23, tzinfo=UTC)
    assert window.zone == "Europe/Berlin"


def test_a_time_without_an_offset_is_meant_in_the_zone() -> None:
    """An instant may bound a range; without its distance from UTC it is local."""
    window = parse_window(BERLIN, since="2026-10-05 14:30", until="2026-10-05T15:30:00+00:00")

    assert window.since == datetime(2026, 10, 5, 12, 30, tzinfo=UTC)
    assert window.until == datetime(2026, 10, 5, 15, 30, tzinfo=UTC)


def test_since_and_until_bound_the_range_and_a_date_as_until_includes_that_day() -> None:
    """`--since 2026-10-01 --until 2026-10-05` has five days; `--since A..B` is read as a period."""
    window = parse_window(UTC_CLOCK, since="2026-10-01", until="2026-10-05")

    assert window.since is not None and window.until is not None
    assert window.until - window.since == timedelta(days=5)
    assert parse_window(UTC_CLOCK, since="2026-10-01..2026-10-05") == window
    assert parse_window(UTC_CLOCK).text() == "all time"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("3m", "ambiguous: minutes or months"),
        ("m", "ambiguous"),
        ("2026-02-31", "is not a date"),
        ("2026-13", "no month 13"),
        ("0000", "out of range"),
        ("0d", "no time at all"),
        ("999999y", "further than the calendar"),
        ("999999mo", "further than the calendar"),
        ("999999w", "further than the calendar"),
        ("9999", "out of range"),
        ("soon", "is not a time or period"),
        ("..", "is not a time or period"),
        ("", "is not a time or period"),
        ("2026-10-05T14:30Z", "a moment, not a period"),
        ("2026-10-05T25:30Z..", "is not a time"),
        ("2026-10-05..2026-10-01", "the range is empty"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_one_line(text: str, says: str) -> None:
    """A bare `m`, impossible dates, empty ranges and unknown words."""
    with pytest.raises(UsageError, match=says):
        parse_period(text, UTC_CLOCK)


def test_a_day_that_began_before_the_calendar_is_out_of_range() -> None:
    """The first of January of the year 1 began in Berlin when UTC had no year yet."""
    with pytest.raises(UsageError, match="out of range"):
        parse_period("0001-01-01", BERLIN)


def test_a_refusal_says_what_to_write() -> None:
    """The hint names the number of days, the near word, or the whole grammar."""
    with pytest.raises(UsageError) as refused:
        parse_period("2026-02-31", UTC_CLOCK)
    assert refused.value.hint == "February 2026 has 28 days."
    with pytest.raises(UsageError) as misspelt:
        parse_period("yesterdy", UTC_CLOCK)
    assert misspelt.value.hint == "Did you mean yesterday?"


def test_a_period_beside_since_is_refused() -> None:
    """Both at once would leave the meaning to chance."""
    with pytest.raises(UsageError, match="cannot be combined"):
        parse_window(UTC_CLOCK, period="7d", since="2026-10-01")


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        ("7d", datetime(2026, 11, 14, 14, 30, tzinfo=UTC)),
        ("24h", datetime(2026, 11, 20, 14, 30, tzinfo=UTC)),
        ("2w", datetime(2026, 11, 7, 14, 30, tzinfo=UTC)),
        ("1mo", datetime(2026, 10, 21, 14, 30, tzinfo=UTC)),
        ("1y", datetime(2025, 11, 21, 14, 30, tzinfo=UTC)),
        ("2026-10-05", datetime(2026, 10, 5, tzinfo=UTC)),
        ("0d", NOW),
    ],
)
def test_an_age_goes_back_from_now(text: str, cut: datetime) -> None:
    """Unlike in reports, `7d` is exactly 7 times 24 hours before now when rows are removed."""
    assert parse_older_than(text, UTC_CLOCK) == cut


def test_an_age_must_lie_in_the_past_and_inside_the_calendar() -> None:
    """Tomorrow is no age; neither are ten thousand years."""
    with pytest.raises(UsageError, match="in the future"):
        parse_older_than("2027-01-01", UTC_CLOCK)
    with pytest.raises(UsageError, match="further than the calendar"):
        parse_older_than("999999w", UTC_CLOCK)


def test_a_day_of_a_clock_change_has_23_or_25_hours() -> None:
    """New York, 2026-03-08 and 2026-11-01."""
    clock = Clock(NOW, "America/New_York")
    lengths = []
    for day in ("2026-03-08", "2026-11-01"):
        window = parse_period(day, clock)
        assert window.since is not None and window.until is not None
        lengths.append(window.until - window.since)

    assert [timedelta(hours=23), timedelta(hours=25)] == lengths


@given(st.text(max_size=12))
def test_any_text_is_a_range_or_one_clear_refusal(text: str) -> None:
    """Nothing a user types ends in a traceback."""
    with suppress(UsageError):
        assert parse_period(text, BERLIN).text()
