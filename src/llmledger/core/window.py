"""Windows: half-open time ranges, the calendar of any time zone, and the buckets that reports group by.

A day is a day of a zone's clock: it may have 23 or 25 hours, and one that a country skipped has none. Times are aware;
ledgers keep whole milliseconds UTC.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from difflib import get_close_matches
from enum import StrEnum
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from llmledger.errors import UsageError

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EPOCH_DAY = EPOCH.date()
MS = timedelta(milliseconds=1)
HOUR_MS = 3_600_000
DAY_MS = 86_400_000
QUARTER_MS = 900_000
"""Every zone on earth is a multiple of a quarter-hour away from UTC."""


class Bucket(StrEnum):
    """A grouping step of time, in the calendar of the report's zone; weeks begin on Monday."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


def zone_named(name: str) -> tzinfo:
    """Find a time zone by its IANA name; raises UsageError with near matches."""
    if name.upper() in {"UTC", "Z"}:
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        near = get_close_matches(name, available_timezones(), n=3)
        hint = f"Did you mean {', '.join(near)}?" if near else "Use an IANA name such as Europe/Berlin, or UTC."
        raise UsageError(f"unknown time zone {name!r}", hint=hint) from None


def unix_ms(at: datetime) -> int:
    """An aware time as whole milliseconds since 1970, rounded down."""
    return (at - EPOCH) // MS


def from_unix_ms(ms: int) -> datetime:
    """Milliseconds since 1970 as an aware UTC time."""
    return EPOCH + ms * MS


def day_start(day: date, zone: tzinfo) -> datetime:
    """The first instant of a day of that zone, in UTC; also where midnight does not exist or comes twice."""
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)


def local_day(at: datetime, zone: tzinfo) -> date:
    """The day that a zone's calendar shows at an instant."""
    return at.astimezone(zone).date()


def add_months(day: date, months: int) -> date:
    """The same day so many months later (or earlier), or the last one of a shorter month."""
    index = day.year * 12 + day.month - 1 + months
    first = date(index // 12, index % 12 + 1, 1)
    return first.replace(day=min(day.day, days_in_month(first)))


def days_in_month(day: date) -> int:
    """How many days the month of a day has."""
    following = day.replace(day=28) + timedelta(days=4)
    return (following - timedelta(days=following.day)).day


@dataclass(frozen=True, slots=True)
class Window:
    """A half-open range of time [since, until), and the zone whose calendar it is told in; None is open."""

    since: datetime | None = None
    until: datetime | None = None
    zone: str = "UTC"

    def __post_init__(self) -> None:
        if self.since is not None and self.until is not None and self.since >= self.until:
            raise UsageError(
                f"the range is empty: {self.since.isoformat()} is not before {self.until.isoformat()}",
                hint="Give a --since that lies before --until.",
            )

    @property
    def since_ms(self) -> int | None:
        """The lower bound in milliseconds: the first one that is inside."""
        return None if self.since is None else _first_ms(self.since)

    @property
    def until_ms(self) -> int | None:
        """The upper bound in milliseconds: the first one that is outside."""
        return None if self.until is None else _first_ms(self.until)

    @property
    def tz(self) -> tzinfo:
        """The zone itself."""
        return zone_named(self.zone)

    def contains(self, at: datetime) -> bool:
        """Whether an instant lies inside."""
        return (self.since is None or at >= self.since) and (self.until is None or at < self.until)

    def previous(self) -> "Window":
        """The range of the same calendar length that ends where this one begins.

        A whole month, quarter or year is compared with the one before, whole days with as many days, anything else with
        the same duration. Raises UsageError when an end is open.
        """
        if self.since is None or self.until is None:
            raise UsageError(
                "an open range has no previous one", hint="Give --since and --until, or a period such as 7d or 2026-10."
            )
        first, last = self.since.astimezone(self.tz), self.until.astimezone(self.tz)
        if not (_is_day_start(self.since, self.tz) and _is_day_start(self.until, self.tz)):
            return Window(self.since - (self.until - self.since), self.since, self.zone)
        if first.day == 1 and last.day == 1:
            months = (last.year - first.year) * 12 + last.month - first.month
            begin = add_months(first.date(), -months)
        else:
            begin = first.date() - (last.date() - first.date())
        return Window(day_start(begin, self.tz), self.since, self.zone)

    def text(self) -> str:
        """The range for people: whole days by their dates (the last one included), else to the minute."""
        if self.since is None and self.until is None:
            return "all time"
        return f"{self._end_text(self.since, 0)} .. {self._end_text(self.until, 1)}".strip()

    def _end_text(self, at: datetime | None, days_back: int) -> str:
        if at is None:
            return ""
        if _is_day_start(at, self.tz):
            return (local_day(at, self.tz) - timedelta(days=days_back)).isoformat()
        return f"{at.astimezone(self.tz):%Y-%m-%d %H:%M}"

    def json(self) -> dict[str, str | None]:
        """The two ends as ISO times in the window's zone."""
        return {"since": self._iso(self.since), "until": self._iso(self.until)}

    def _iso(self, at: datetime | None) -> str | None:
        return None if at is None else at.astimezone(self.tz).isoformat()


def _first_ms(at: datetime) -> int:
    """The first whole millisecond that is not before an instant."""
    return -((EPOCH - at) // MS)


def _is_day_start(at: datetime, zone: tzinfo) -> bool:
    return day_start(local_day(at, zone), zone) == at.astimezone(UTC)


@dataclass(frozen=True, slots=True)
class Stretch:
    """A range in milliseconds in which a zone keeps one distance from UTC, so that plain division finds its days."""

    since_ms: int
    until_ms: int
    offset_ms: int

    def slot(self, bucket: Bucket, ms: int) -> int:
        """The number of the local hour or day (since 1970 on that zone's clock) that an instant falls in."""
        size = HOUR_MS if bucket is Bucket.HOUR else DAY_MS
        return (ms + self.offset_ms) // size


def stretches(since_ms: int, until_ms: int, zone: tzinfo) -> Iterator[Stretch]:
    """Cut a range where the zone's distance from UTC changes."""
    begin, offset = since_ms, _offset_ms(since_ms, zone)
    probe = since_ms
    while probe < until_ms:
        probe = min(probe + DAY_MS, until_ms)
        following = _offset_ms(probe, zone)
        if following == offset:
            continue
        change = _change_between(max(begin, probe - DAY_MS), probe, zone)
        if change < until_ms:
            yield Stretch(begin, change, offset)
            begin = change
        offset = following
    if begin < until_ms:
        yield Stretch(begin, until_ms, _offset_ms(begin, zone))


def _offset_ms(ms: int, zone: tzinfo) -> int:
    distance = from_unix_ms(ms).astimezone(zone).utcoffset()
    assert distance is not None, "an aware time always knows its distance from UTC"
    return distance // MS


def _change_between(low: int, high: int, zone: tzinfo) -> int:
    """The first instant at which the offset differs from the one at `low`."""
    before = _offset_ms(low, zone)
    while high - low > 1:
        middle = (low + high) // 2
        if _offset_ms(middle, zone) == before:
            low = middle
        else:
            high = middle
    return high


def bucket_label(bucket: Bucket, slot: int, offset_ms: int) -> str:
    """Name a bucket: `2026-10-05`, `2026-W41`, `2026-10`, or an hour with its distance from UTC.

    `slot` counts hours (for hours) or days (for all else) since 1970 on the zone's clock. The distance tells apart the
    two hours of the same name on a 25-hour day.
    """
    if bucket is Bucket.HOUR:
        clock = EPOCH + slot * timedelta(hours=1)
        sign = "-" if offset_ms < 0 else "+"
        minutes = abs(offset_ms) // 60_000
        return f"{clock:%Y-%m-%dT%H:00}{sign}{minutes // 60:02d}:{minutes % 60:02d}"
    day = EPOCH_DAY + timedelta(days=slot)
    if bucket is Bucket.DAY:
        return day.isoformat()
    if bucket is Bucket.MONTH:
        return f"{day:%Y-%m}"
    year, week, _ = day.isocalendar()
    return f"{year}-W{week:02d}"


def bucket_before(bucket: Bucket, label: str) -> str:
    """The name of the day, week or month before a named one."""
    if bucket is Bucket.MONTH:
        return f"{add_months(date.fromisoformat(f'{label}-01'), -1):%Y-%m}"
    if bucket is Bucket.WEEK:
        year, _, week = label.partition("-W")
        day, back = date.fromisocalendar(int(year), int(week), 1), 7
    else:
        day, back = date.fromisoformat(label), 1
    return bucket_label(bucket, day_number(day) - back, 0)


def day_number(day: date) -> int:
    """Days since 1970-01-01."""
    return (day - EPOCH_DAY).days


def day_of_number(number: int) -> date:
    """The day so many days after 1970-01-01."""
    return EPOCH_DAY + timedelta(days=number)
