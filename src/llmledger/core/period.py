"""The grammar of time ranges: what `--since`, `--until` and `--period` may say, and what it means at a given moment.

    7d 24h 2w 3mo 1y          today and the days before it, so many in all; hours roll back from now
    today yesterday thisweek lastweek thismonth lastmonth thisyear lastyear
    2026  2026-10  2026q4  2026-10-05  20261005
    2026-10-05T14:30Z         an instant (RFC 3339; without a distance from UTC it is meant in the zone)
    A..B  A..  ..B            from the start of A to the end of B

A range that only has a start ends with today. A date as an end includes that day. `m` alone is refused: minutes or
months?
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from difflib import get_close_matches

from llmledger.core.window import Window, add_months, day_start, days_in_month, local_day, zone_named
from llmledger.errors import UsageError

WORDS = ("today", "yesterday", "thisweek", "lastweek", "thismonth", "lastmonth", "thisyear", "lastyear")
EXAMPLES = f"Use 7d 24h 2w 3mo 1y, {' '.join(WORDS)}, 2026, 2026-10, 2026q4, 2026-10-05, an RFC 3339 time, or A..B."

_LENGTH = re.compile(r"(\d{1,6})(h|d|w|mo|y)")
_AMBIGUOUS = re.compile(r"\d*m")
_YEAR = re.compile(r"(\d{4})")
_MONTH = re.compile(r"(\d{4})-(\d{1,2})")
_QUARTER = re.compile(r"(\d{4})-?q([1-4])")
_DATE = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})|(\d{4})(\d{2})(\d{2})")
_INSTANT = re.compile(r"\d{4}-?\d{2}-?\d{2}[t ]\d{1,2}:?\d{2}.*")


@dataclass(frozen=True, slots=True)
class Clock:
    """The moment and the zone that relative times are meant in."""

    now: datetime
    zone: str = "UTC"

    @property
    def tz(self) -> tzinfo:
        """The zone itself."""
        return zone_named(self.zone)

    @property
    def today(self) -> date:
        """The day it is in that zone."""
        return local_day(self.now, self.tz)


@dataclass(frozen=True, slots=True)
class _Span:
    """What one expression covers. An instant covers nothing: it only bounds."""

    since: datetime
    until: datetime
    is_instant: bool = False
    is_length: bool = False


def parse_window(
    clock: Clock, *, period: str | None = None, since: str | None = None, until: str | None = None
) -> Window:
    """Read the three time options together; without any of them all time is meant.

    Raises UsageError for what is no time, for an empty range, and for a period beside --since or --until.
    """
    if period is not None:
        if since is not None or until is not None:
            raise UsageError(
                "--period cannot be combined with --since or --until",
                hint="A period is a whole range: use one or the other.",
            )
        return parse_period(period, clock)
    if since is not None and ".." in since and until is None:
        return parse_period(since, clock)
    return _between(since, until, clock)


def parse_period(text: str, clock: Clock) -> Window:
    """Read one whole range, such as `7d`, `lastmonth`, `2026q4` or `2026-10-01..2026-10-15`."""
    if ".." in text:
        start, _, end = text.partition("..")
        if not start.strip() and not end.strip():
            raise _unreadable(text)
        return _between(start.strip() or None, end.strip().lstrip(".") or None, clock)
    span = _span(text, clock)
    if span.is_instant:
        raise UsageError(f"{text!r} is a moment, not a period", hint=f"Write {text}.. for everything since then.")
    return Window(span.since, span.until, clock.zone)


def parse_older_than(text: str, clock: Clock) -> datetime:
    """Read an age, for removing what is older: `30d` is 30 times 24 hours ago, a date or time is itself.

    Months and years go back by the calendar. Raises UsageError for what is no age, and for one in the future.
    """
    cleaned = _cleaned(text)
    length = _LENGTH.fullmatch(cleaned)
    cut = _span(text, clock).since if length is None else _ago(int(length[1]), length[2], clock, text)
    if cut > clock.now:
        raise UsageError(f"{text!r} lies in the future", hint="Give an age such as 30d, or a date that has passed.")
    return cut


def is_age(text: str) -> bool:
    """Whether a text is an age above zero, such as `30d`."""
    length = _LENGTH.fullmatch(_cleaned(text))
    return length is not None and int(length[1]) > 0


def _between(since: str | None, until: str | None, clock: Clock) -> Window:
    start = None if since is None else _span(since, clock).since
    if until is not None:
        span = _span(until, clock)
        # "14d..7d" is the week before the last seven days: an age as an end stops where that range starts.
        end: datetime | None = span.since if span.is_length else span.until
    else:
        end = _end_of_today(clock)
        if start is None or start >= end:
            end = None
    return Window(start, end, clock.zone)


def _end_of_today(clock: Clock) -> datetime:
    return day_start(clock.today + timedelta(days=1), clock.tz)


def _span(text: str, clock: Clock) -> _Span:
    cleaned = _cleaned(text)
    if _AMBIGUOUS.fullmatch(cleaned):
        number = cleaned[:-1]
        raise UsageError(
            f"{text!r} is ambiguous: minutes or months?",
            hint=f"Write {number or 3}mo for months; hours are {number or 3}h.",
        )
    try:
        span = _length(cleaned, clock) or _word(cleaned, clock) or _calendar(cleaned, clock) or _instant(text, clock)
    except OverflowError:
        raise UsageError(f"{text!r} is out of range", hint="Years 1 to 9998 can be told.") from None
    if span is None:
        raise _unreadable(text)
    return span


def _cleaned(text: str) -> str:
    return re.sub(r"[\s_]+", "", text.strip().lower())


def _unreadable(text: str) -> UsageError:
    near = get_close_matches(_cleaned(text), WORDS, n=1)
    return UsageError(f"{text!r} is not a time or period", hint=f"Did you mean {near[0]}?" if near else EXAMPLES)


def _length(text: str, clock: Clock) -> _Span | None:
    match = _LENGTH.fullmatch(text)
    if match is None:
        return None
    number, unit = int(match[1]), match[2]
    if number == 0:
        raise UsageError(f"{text!r} is no time at all", hint="A period is at least 1 long, such as 1d or 24h.")
    if unit == "h":
        return _Span(clock.now - timedelta(hours=number), clock.now, is_length=True)
    tomorrow = clock.today + timedelta(days=1)
    first = _days_back(tomorrow, number, unit, text)
    return _Span(day_start(first, clock.tz), day_start(tomorrow, clock.tz), is_length=True)


def _days_back(day: date, number: int, unit: str, text: str) -> date:
    try:
        if unit in {"d", "w"}:
            return day - timedelta(days=number * (7 if unit == "w" else 1))
        return add_months(day, -number * (12 if unit == "y" else 1))
    except (OverflowError, ValueError):
        raise UsageError(f"{text!r} goes back further than the calendar", hint="Leave it out for all time.") from None


def _ago(number: int, unit: str, clock: Clock, text: str) -> datetime:
    if unit in {"h", "d", "w"}:
        hours = {"h": 1, "d": 24, "w": 168}[unit]
        try:
            return clock.now - timedelta(hours=number * hours)
        except OverflowError:
            raise UsageError(f"{text!r} goes back further than the calendar") from None
    day = _days_back(clock.today, number, unit, text)
    return clock.now - (day_start(clock.today, clock.tz) - day_start(day, clock.tz))


def _word(text: str, clock: Clock) -> _Span | None:
    if text not in WORDS:
        return None
    today = clock.today
    monday = today - timedelta(days=today.weekday())
    month, year = today.replace(day=1), today.replace(month=1, day=1)
    first, after = {
        "today": (today, today + timedelta(days=1)),
        "yesterday": (today - timedelta(days=1), today),
        "thisweek": (monday, monday + timedelta(days=7)),
        "lastweek": (monday - timedelta(days=7), monday),
        "thismonth": (month, add_months(month, 1)),
        "lastmonth": (add_months(month, -1), month),
        "thisyear": (year, add_months(year, 12)),
        "lastyear": (add_months(year, -12), year),
    }[text]
    return _days(first, after, clock)


def _calendar(text: str, clock: Clock) -> _Span | None:
    if match := _YEAR.fullmatch(text):
        return _months(_date(int(match[1]), 1, 1, text), 12, clock)
    if match := _QUARTER.fullmatch(text):
        return _months(_date(int(match[1]), int(match[2]) * 3 - 2, 1, text), 3, clock)
    if match := _MONTH.fullmatch(text):
        return _months(_date(int(match[1]), int(match[2]), 1, text), 1, clock)
    if match := _DATE.fullmatch(text):
        year, month, day = (int(part) for part in match.groups() if part is not None)
        first = _date(year, month, day, text)
        return _days(first, first + timedelta(days=1), clock)
    return None


def _date(year: int, month: int, day: int, text: str) -> date:
    if not 1 <= year <= 9998:
        raise UsageError(f"{text!r} is out of range", hint="Years 1 to 9998 can be told.")
    if not 1 <= month <= 12:
        raise UsageError(f"{text!r} has no month {month}", hint="Months are 01 to 12.")
    length = days_in_month(date(year, month, 1))
    if not 1 <= day <= length:
        raise UsageError(f"{text!r} is not a date", hint=f"{date(year, month, 1):%B %Y} has {length} days.")
    return date(year, month, day)


def _months(first: date, count: int, clock: Clock) -> _Span:
    return _days(first, add_months(first, count), clock)


def _days(first: date, after: date, clock: Clock) -> _Span:
    return _Span(day_start(first, clock.tz), day_start(after, clock.tz))


def _instant(text: str, clock: Clock) -> _Span | None:
    stripped = text.strip()
    if not _INSTANT.fullmatch(stripped.lower()):
        return None
    try:
        at = datetime.fromisoformat(stripped.replace(" ", "T"))
    except ValueError as reason:
        raise UsageError(f"{text!r} is not a time: {reason}", hint="Write it as 2026-10-05T14:30:00Z.") from None
    if at.tzinfo is None:
        at = at.replace(tzinfo=clock.tz)
    at = at.astimezone(UTC)
    return _Span(at, at, is_instant=True)
