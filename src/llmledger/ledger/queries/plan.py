"""The way to an answer: the coarsest roll-up that is exact for a question, rows at its edges, gaps where both are gone.

Whole days come from the day cube of UTC or of the ledger's home zone, if the question has no buckets of time or has the
same days. Questions by provider, model and billing alone can also be told from hours and quarter-hours, in any zone.
"""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, tzinfo
from enum import Enum

from llmledger.core.report import Gap, Question
from llmledger.core.selection import ATTRIBUTION_DIMENSIONS, TIME_DIMENSIONS, TRAIT_DIMENSIONS
from llmledger.core.window import (
    QUARTER_MS,
    Bucket,
    add_months,
    day_start,
    from_unix_ms,
    local_day,
    stretches,
    unix_ms,
    zone_named,
)
from llmledger.ledger.queries.shape import Shape
from llmledger.ledger.rollups.catch_up import HOME_DAYS, HOUR, UTC_DAYS, Watermarks, read_watermarks

HOUR_MS = HOUR * 1000
BY_MODEL = frozenset({"provider", "model", "billing", *TIME_DIMENSIONS})
"""What the sums by model can be grouped by."""


class From(Enum):
    """Where a piece of an answer is read."""

    ROWS = "rows"
    DAYS = "days"
    HOURS = "hours"
    QUARTERS = "quarter-hours"


@dataclass(frozen=True, slots=True)
class Piece:
    """A range of time that is answered from one place."""

    source: From
    since_ms: int
    until_ms: int
    calendar: int = UTC_DAYS
    """Whose days, for those from the day cube."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What a ledger still has: how far it is rolled up, and from when on each kind of detail is there."""

    home: tzinfo
    marks: Watermarks
    detail_ms: int = 0
    quarters_ms: int = 0
    hours_ms: int = 0
    days_ms: int = 0

    @property
    def is_rolled(self) -> bool:
        """Whether there are roll-ups at all, or need to be because rows may not be read."""
        return max(self.marks.request, self.marks.adjustment, self.detail_ms, self.days_ms) > 0


@dataclass(frozen=True, slots=True)
class Plan:
    """The pieces that answer a question together, and what cannot be told any more."""

    pieces: tuple[Piece, ...]
    gaps: tuple[Gap, ...] = ()


def read_facts(connection: sqlite3.Connection) -> Facts:
    """What a ledger still has."""
    found = connection.execute("SELECT value FROM meta WHERE key = 'home_zone'").fetchone()
    cuts = dict(connection.execute("SELECT what, max(before_ms) FROM prunings GROUP BY what").fetchall())
    return Facts(
        home=zone_named("UTC" if found is None else str(found[0])),
        marks=read_watermarks(connection),
        detail_ms=cuts.get("detail", 0),
        quarters_ms=cuts.get("quarter_hours", 0),
        hours_ms=cuts.get("hours", 0),
        days_ms=cuts.get("days", 0),
    )


@dataclass(frozen=True, slots=True)
class Span:
    """A range in milliseconds, and whether anything lies beyond its ends: if not, they may be moved outwards."""

    low: int
    high: int
    is_open_below: bool = False
    is_open_above: bool = False


def make_plan(shape: Shape, span: Span, facts: Facts) -> Plan:
    """Find the pieces that answer a question over a range; none when that is empty."""
    if span.low >= span.high:
        return Plan(())
    low = span.low // HOUR_MS * HOUR_MS if span.is_open_below else span.low
    high = -(-span.high // HOUR_MS) * HOUR_MS if span.is_open_above else span.high
    planner = _Planner(shape, facts)
    can_use_days = facts.is_rolled and not planner.needs_rows
    days = planner.whole_days(replace(span, low=low, high=high)) if can_use_days else None
    if days is None:
        pieces = list(planner.finer(low, high))
    else:
        pieces = [*planner.finer(low, days.since_ms), days, *planner.finer(days.until_ms, high)]
    return Plan(tuple(pieces), tuple(planner.gaps))


class _Planner:
    """Collects pieces, and the gaps between them."""

    def __init__(self, shape: Shape, facts: Facts) -> None:
        self.shape = shape
        self.facts = facts
        self.gaps: list[Gap] = []
        self.needs_rows = bool(shape.extras) or shape.question.selection.needs_rows
        self.is_by_model = is_by_model(shape.question)

    def whole_days(self, span: Span) -> Piece | None:
        """The whole days inside a range, of the calendar that tells more of it."""
        found = [self._days_of(number, zone, span) for number, zone in self._calendars()]
        pieces = [piece for piece in found if piece is not None]

        def told(piece: Piece) -> int:
            return min(piece.until_ms, span.high) - max(piece.since_ms, span.low)

        return max(pieces, key=told, default=None)

    def _calendars(self) -> Iterator[tuple[int, tzinfo]]:
        yield UTC_DAYS, zone_named("UTC")
        if self.facts.home is not zone_named("UTC"):
            yield HOME_DAYS, self.facts.home

    def _days_of(self, number: int, zone: tzinfo, span: Span) -> Piece | None:
        if self.shape.slot is Bucket.HOUR:
            return None
        first, last = from_unix_ms(span.low), from_unix_ms(span.high)
        begin, end = day_start(local_day(first, zone), zone), day_start(local_day(last, zone), zone)
        if begin < first and not span.is_open_below:
            begin = day_start(local_day(first, zone) + timedelta(days=1), zone)
        if end < last and span.is_open_above:
            end = day_start(local_day(last, zone) + timedelta(days=1), zone)
        piece = Piece(From.DAYS, self._first_told(zone, begin, span), self._last_told(zone, end, span), number)
        if piece.since_ms >= piece.until_ms or not self._has_days_of(zone, piece):
            return None
        return piece

    def _first_told(self, zone: tzinfo, begin: datetime, span: Span) -> int:
        """From when on days are told: where they were merged into months, only whole months are."""
        kept = self._first_kept(zone)
        if kept is None or begin >= kept:
            return unix_ms(begin)
        if self.shape.question.epochs or {"day", "week"} & set(self.shape.question.by):
            return unix_ms(kept)
        month = local_day(begin, zone).replace(day=1)
        if day_start(month, zone) < begin and not span.is_open_below:
            month = add_months(month, 1)
        return unix_ms(day_start(month, zone))

    def _last_told(self, zone: tzinfo, end: datetime, span: Span) -> int:
        """Up to when days are told: a month that they were merged into is told as a whole or not at all."""
        kept = self._first_kept(zone)
        if kept is None or end >= kept or span.is_open_above:
            return unix_ms(end)
        return unix_ms(day_start(local_day(end, zone).replace(day=1), zone))

    def _first_kept(self, zone: tzinfo) -> datetime | None:
        """The first day of a zone that was not merged into its month; None when none was."""
        cut = self.facts.days_ms
        return day_start(local_day(from_unix_ms(cut), zone).replace(day=1), zone) if cut else None

    def _has_days_of(self, zone: tzinfo, piece: Piece) -> bool:
        """Whether the question's buckets, if it has any, are the days of that zone."""
        if self.shape.slot is None or zone == self.shape.tz:
            return True
        return list(stretches(piece.since_ms, piece.until_ms, zone)) == list(
            stretches(piece.since_ms, piece.until_ms, self.shape.tz)
        )

    def finer(self, low: int, high: int) -> Iterator[Piece]:
        """The pieces of a range that no day answers: hours or quarter-hours if they can, rows at their edges."""
        if low >= high:
            return
        grain = self._grain(low, high)
        if grain is None:
            yield from self._rows(low, high)
            return
        size = HOUR_MS if grain is From.HOURS else QUARTER_MS
        begin, end = -(-low // size) * size, high // size * size
        if begin >= end:
            yield from self._rows(low, high)
            return
        yield from self._rows(low, begin)
        yield Piece(grain, begin, end)
        yield from self._rows(end, high)

    def _grain(self, low: int, high: int) -> From | None:
        """The coarser of hours and quarter-hours that fits the buckets and is still there."""
        if not (self.is_by_model and self.facts.is_rolled) or self.needs_rows:
            return None
        fits = {From.HOURS: low >= self.facts.hours_ms, From.QUARTERS: low >= self.facts.quarters_ms}
        if self.shape.slot is not None:
            parts = list(stretches(low, high, self.shape.tz))
            for source, size in ((From.HOURS, HOUR_MS), (From.QUARTERS, QUARTER_MS)):
                edges = [part.offset_ms for part in parts] + [part.since_ms for part in parts[1:]]
                fits[source] = fits[source] and all(edge % size == 0 for edge in edges)
        elif low % HOUR_MS or high % HOUR_MS:
            # Quarter-hours leave fewer rows to read, and are all there is when the rows are gone.
            fits[From.HOURS] = fits[From.HOURS] and not fits[From.QUARTERS]
        return next((source for source, is_fit in fits.items() if is_fit), None)

    def _rows(self, low: int, high: int) -> Iterator[Piece]:
        """The rows of a range, as far as they were not pruned; the rest is a gap."""
        cut = min(max(low, self.facts.detail_ms), high)
        if low < cut:
            self.gaps.append(Gap(since=from_unix_ms(low), until=from_unix_ms(cut), needs="detail rows", requests=0))
        if cut < high:
            yield Piece(From.ROWS, cut, high)


def is_by_model(question: Question) -> bool:
    """Whether a question groups and filters by nothing but provider, model, billing and time."""
    selection = question.selection
    filters = [
        *ATTRIBUTION_DIMENSIONS,
        *(name for name in TRAIT_DIMENSIONS if hasattr(selection, name) and name != "billing"),
    ]
    return (
        BY_MODEL.issuperset(question.by)
        and not selection.estimated
        and not any(getattr(selection, name) for name in filters)
    )


def has_sketches(question: Question) -> bool:
    """Whether the response times of a question are those kept by day and model."""
    return is_by_model(question) and "billing" not in question.by and not question.selection.billing
