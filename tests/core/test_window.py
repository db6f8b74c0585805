"""Windows and calendars: days of 23 and 25 hours, skipped days, buckets, previous ranges."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmledger.core.window import (
    Bucket,
    Window,
    add_months,
    bucket_before,
    bucket_label,
    day_number,
    day_of_number,
    day_start,
    days_in_month,
    from_unix_ms,
    local_day,
    stretches,
    unix_ms,
    zone_named,
)
from llmledger.errors import UsageError

ZONES = ("UTC", "Asia/Kolkata", "America/New_York", "Pacific/Chatham", "Asia/Tokyo", "Australia/Lord_Howe")
MOMENTS = st.integers(1_700_000_000_000, 1_900_000_000_000)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_an_unknown_zone_is_refused_with_near_names() -> None:
    """And one that is near nothing says what a zone looks like."""
    with pytest.raises(UsageError) as near:
        zone_named("Europe/Belrin")
    with pytest.raises(UsageError) as far:
        zone_named("../../etc/passwd")

    assert near.value.hint is not None and "Europe/Berlin" in near.value.hint
    assert far.value.hint is not None and "IANA" in far.value.hint
    assert zone_named("utc") is UTC


@pytest.mark.parametrize(
    ("zone", "day", "start"),
    [
        ("America/New_York", date(2026, 3, 8), "2026-03-08T05:00"),
        ("America/New_York", date(2026, 3, 9), "2026-03-09T04:00"),
        ("America/Havana", date(2026, 3, 8), "2026-03-08T05:00"),
        ("America/Havana", date(2026, 11, 1), "2026-11-01T04:00"),
        ("Pacific/Apia", date(2011, 12, 30), "2011-12-30T10:00"),
        ("Pacific/Apia", date(2011, 12, 31), "2011-12-30T10:00"),
    ],
)
def test_a_day_begins_at_its_first_instant(zone: str, day: date, start: str) -> None:
    """Where midnight does not exist (Havana in spring), comes twice (in autumn), or the day was skipped (Apia)."""
    assert day_start(day, zone_named(zone)) == at(start)


@given(MOMENTS, st.sampled_from(ZONES))
def test_an_instant_lies_in_its_day(ms: int, zone: str) -> None:
    """Not before its start, and before the start of the next one."""
    clock, moment = zone_named(zone), from_unix_ms(ms)
    day = local_day(moment, clock)

    assert day_start(day, clock) <= moment < day_start(day + timedelta(days=1), clock)
    assert unix_ms(moment) == ms


@given(MOMENTS, st.integers(1, 400 * 86_400_000), st.sampled_from(ZONES), st.sampled_from([Bucket.HOUR, Bucket.DAY]))
def test_stretches_cover_a_range_and_name_the_bucket_that_the_calendar_has(
    since: int, length: int, zone: str, bucket: Bucket
) -> None:
    """Without a gap or an overlap; division within a stretch finds the local hour or day."""
    clock, until = zone_named(zone), since + length
    parts = list(stretches(since, until, clock))

    assert (parts[0].since_ms, parts[-1].until_ms) == (since, until)
    for left, right in pairwise(parts):
        assert left.until_ms == right.since_ms and left.offset_ms != right.offset_ms
    for part in parts:
        for ms in (part.since_ms, (part.since_ms + part.until_ms) // 2, part.until_ms - 1):
            local = from_unix_ms(ms).astimezone(clock)
            label = bucket_label(bucket, part.slot(bucket, ms), part.offset_ms)
            assert label.startswith(f"{local:%Y-%m-%dT%H}" if bucket is Bucket.HOUR else f"{local:%Y-%m-%d}")


def test_an_empty_range_has_no_stretches_and_one_that_ends_at_a_change_has_one() -> None:
    """The clocks of New York change at 06:00 UTC on 2026-11-01."""
    clock = zone_named("America/New_York")
    change = unix_ms(at("2026-11-01T06:00"))

    assert list(stretches(5, 5, clock)) == []
    assert len(list(stretches(change - 1000, change, clock))) == 1
    assert len(list(stretches(change - 1000, change + 1, clock))) == 2


@pytest.mark.parametrize(
    ("bucket", "slot", "offset", "label"),
    [
        (Bucket.HOUR, 24 * day_number(date(2026, 11, 1)) + 1, -18_000_000, "2026-11-01T01:00-05:00"),
        (Bucket.HOUR, 0, 45_900_000, "1970-01-01T00:00+12:45"),
        (Bucket.DAY, day_number(date(2026, 11, 1)), 0, "2026-11-01"),
        (Bucket.WEEK, day_number(date(2027, 1, 3)), 0, "2026-W53"),
        (Bucket.MONTH, day_number(date(2026, 11, 30)), 0, "2026-11"),
    ],
)
def test_buckets_have_names_that_sort(bucket: Bucket, slot: int, offset: int, label: str) -> None:
    """Hours carry their distance from UTC, weeks are those of ISO 8601."""
    assert bucket_label(bucket, slot, offset) == label


@pytest.mark.parametrize(
    ("bucket", "label", "before"),
    [
        (Bucket.DAY, "2026-03-01", "2026-02-28"),
        (Bucket.WEEK, "2027-W01", "2026-W53"),
        (Bucket.MONTH, "2026-01", "2025-12"),
    ],
)
def test_each_bucket_has_one_before_it(bucket: Bucket, label: str, before: str) -> None:
    """Across months and years."""
    assert bucket_before(bucket, label) == before


@pytest.mark.parametrize(
    ("window", "since"),
    [
        (Window(at("2026-11-01"), at("2026-12-01")), "2026-10-01"),
        (Window(at("2026-10-01"), at("2027-01-01")), "2026-07-01"),
        (Window(at("2026-11-15"), at("2026-11-22")), "2026-11-08"),
        (Window(at("2026-11-21T10:00"), at("2026-11-21T12:00")), "2026-11-21T08:00"),
    ],
    ids=["month", "quarter", "days", "hours"],
)
def test_the_previous_range_has_the_same_calendar_length(window: Window, since: str) -> None:
    """October for November, though it is a day longer."""
    assert window.previous() == Window(at(since), window.since)


@pytest.mark.parametrize("window", [Window(), Window(since=at("2026-11-01")), Window(until=at("2026-11-01"))])
def test_an_open_range_has_no_previous_one(window: Window) -> None:
    """It says what to give instead."""
    with pytest.raises(UsageError, match="open range"):
        window.previous()


def test_a_window_tells_its_range_and_what_it_contains() -> None:
    """Whole days by their dates, the last one included; else to the minute; open ends are empty."""
    days = Window(at("2026-11-15"), at("2026-11-22"))

    assert days.text() == "2026-11-15 .. 2026-11-21"
    assert Window(at("2026-11-15T10:30"), at("2026-11-22")).text() == "2026-11-15 10:30 .. 2026-11-21"
    assert (Window(at("2026-11-15")).text(), Window(until=at("2026-11-15")).text()) == (
        "2026-11-15 ..",
        ".. 2026-11-14",
    )
    assert days.contains(at("2026-11-15")) and not days.contains(at("2026-11-22"))
    assert Window().contains(at("2026-11-22"))
    assert days.json() == {"since": "2026-11-15T00:00:00+00:00", "until": "2026-11-22T00:00:00+00:00"}
    assert Window().json() == {"since": None, "until": None}


def test_bounds_between_two_milliseconds_move_to_the_later_one() -> None:
    """A row keeps whole milliseconds; the one before the bound is outside."""
    window = Window(from_unix_ms(5) + timedelta(microseconds=1), from_unix_ms(7))

    assert (window.since_ms, window.until_ms) == (6, 7)
    assert (Window().since_ms, Window().until_ms) == (None, None)


def test_an_empty_range_is_refused() -> None:
    """Its ends are equal or swapped."""
    with pytest.raises(UsageError, match="empty"):
        Window(at("2026-11-15"), at("2026-11-15"))


@given(st.dates(date(1971, 1, 1), date(9000, 1, 1)), st.integers(-500, 500))
def test_months_are_added_and_clamped(day: date, months: int) -> None:
    """The day stays, or becomes the last one of a shorter month."""
    found = add_months(day, months)

    assert (found.year * 12 + found.month) - (day.year * 12 + day.month) == months
    assert found.day == min(day.day, days_in_month(found))
    assert day_of_number(day_number(day)) == day
