"""The shape of a question: which columns its groups need, and how raw groups of ids become named ones."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import tzinfo

from llmledger.core.report import Cell, Key, Question, Tally
from llmledger.core.selection import (
    ALL_TAGS,
    ATTRIBUTION_DIMENSIONS,
    MODEL_DIMENSIONS,
    TAG_PREFIX,
    TIME_DIMENSIONS,
    needs_rows,
)
from llmledger.core.window import Bucket, Stretch, bucket_label, day_number
from llmledger.ledger.queries.filter import TAG_VALUE, Conditions, Dictionaries, filters_attributions, filters_sessions

HOURS_PER_DAY = 24


@dataclass(frozen=True, slots=True)
class Shape:
    """What the groups of a question are made of."""

    question: Question
    slot: Bucket | None
    """Hours, days, or no time at all."""
    uses_model: bool
    uses_attribution: bool
    extras: tuple[str, ...]
    """Dimensions of the row itself, in the order in which they are selected."""

    @property
    def tz(self) -> tzinfo:
        """The zone whose clock the buckets follow."""
        return self.question.window.tz

    def columns(self, alias: str, time: str, stretch: Stretch | None) -> tuple[list[str], list[object]]:
        """The grouping columns of a table that has the three id columns, and their parameters.

        Always five kinds in this order: slot, model, attribution, trait, extras; what is not needed is a constant.
        """
        slot, params = self.slot_column(f"{alias}.{time}", stretch)
        model = f"{alias}.model_id" if self.uses_model else "0"
        attribution = f"{alias}.attribution_id" if self.uses_attribution else "0"
        columns = [slot, model, attribution, f"{alias}.trait_id"]
        for name in self.extras:
            columns.append(_extra_column(name))
            params += [name.removeprefix(TAG_PREFIX)] if name.startswith(TAG_PREFIX) else []
        return columns, params

    def slot_column(self, time: str, stretch: Stretch | None) -> tuple[str, list[object]]:
        """The column that numbers the hour or day of the zone's clock."""
        if self.slot is None or stretch is None:
            return "0", []
        return f"({time} + ?) / ?", [stretch.offset_ms, 3_600_000 if self.slot is Bucket.HOUR else 86_400_000]

    def session_join(self, alias: str) -> str:
        """The join to sessions, when session, branch or tags matter; `--by tag` fans a row out over all of its tags."""
        if not self.extras and not filters_sessions(self.question.selection):
            return ""
        fan_out = " LEFT JOIN json_each(s.tags) g" if ALL_TAGS in self.extras else ""
        return f"LEFT JOIN sessions s ON s.id = {alias}.session_id{fan_out}"


def shape_of(question: Question) -> Shape:
    """Find out what a question's groups are made of."""
    times = [name for name in question.by if name in TIME_DIMENSIONS]
    slot = Bucket.HOUR if Bucket.HOUR in times else Bucket.DAY if times or question.epochs else None
    return Shape(
        question,
        slot,
        any(name in MODEL_DIMENSIONS for name in question.by),
        any(name in ATTRIBUTION_DIMENSIONS for name in question.by),
        tuple(name for name in question.by if needs_rows(name)),
    )


def needs_attributions(question: Question) -> bool:
    """Whether a question names or filters attributions at all."""
    return shape_of(question).uses_attribution or filters_attributions(question.selection)


def _extra_column(name: str) -> str:
    if name == ALL_TAGS:
        return "g.key || '=' || g.value"
    return TAG_VALUE if name.startswith(TAG_PREFIX) else f"s.{name}"


def time_conditions(conditions: Conditions, column: str, since_ms: int | None, until_ms: int | None) -> None:
    """Bound a time column by a half-open range."""
    if since_ms is not None:
        conditions.add(f"{column} >= ?", since_ms)
    if until_ms is not None:
        conditions.add(f"{column} < ?", until_ms)


Ids = Sequence[object]
"""slot, model id, attribution id, trait id, and the extras."""


@dataclass(slots=True)
class Groups:
    """Raw groups come in, named ones stay: `add` finds the group of a row of ids and remembers how."""

    shape: Shape
    dictionaries: Dictionaries
    found: dict[tuple[Key, int], Tally] = field(default_factory=dict)
    _known: dict[tuple[object, ...], Tally] = field(default_factory=dict)
    _labels: dict[tuple[str, int, int], str] = field(default_factory=dict)

    def tally(self, ids: Ids, offset_ms: int) -> Tally:
        """The running sums of the group that a row of ids belongs to."""
        raw = (offset_ms, *ids)
        tally = self._known.get(raw)
        if tally is None:
            tally = self.found.setdefault(self._named(ids, offset_ms), Tally())
            self._known[raw] = tally
        return tally

    def cells(self) -> tuple[Cell, ...]:
        """All groups that hold anything."""
        return tuple(Cell(key, epoch, tally) for (key, epoch), tally in self.found.items() if not tally.is_empty)

    def _named(self, ids: Ids, offset_ms: int) -> tuple[Key, int]:
        slot = int(str(ids[0]))
        extras = dict(zip(self.shape.extras, ids[4:], strict=False))
        key: list[str | None] = []
        for name in self.shape.question.by:
            if name in TIME_DIMENSIONS:
                key.append(self._bucket(name, slot, offset_ms))
            elif name in extras:
                value = extras[name]
                key.append(None if value is None else str(value))
            else:
                key.append(self.dictionaries.value(name, (int(str(ids[1])), int(str(ids[2])), int(str(ids[3])))))
        return tuple(key), self._epoch(slot)

    def _bucket(self, name: str, slot: int, offset_ms: int) -> str:
        label = self._labels.get((name, slot, offset_ms))
        if label is None:
            bucket = Bucket(name)
            is_finer = bucket is not Bucket.HOUR and self.shape.slot is Bucket.HOUR
            label = bucket_label(bucket, slot // HOURS_PER_DAY if is_finer else slot, offset_ms)
            self._labels[name, slot, offset_ms] = label
        return label

    def _epoch(self, slot: int) -> int:
        epochs = self.shape.question.epochs
        if not epochs:
            return 0
        day = slot // HOURS_PER_DAY if self.shape.slot is Bucket.HOUR else slot
        return bisect_right([day_number(first) for first in epochs], day)
