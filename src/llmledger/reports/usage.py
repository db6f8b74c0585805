"""The usage report: what the ledger added up, put in order, cut to the top, compared, converted and annotated."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from difflib import get_close_matches

from llmledger.core.report import (
    COST,
    RECONCILED,
    Answer,
    Cell,
    ExchangeRates,
    Key,
    Measures,
    Question,
    Report,
    ReportRow,
    Tally,
    measures_of,
)
from llmledger.core.selection import TIME_DIMENSIONS
from llmledger.core.window import Bucket, Window, bucket_before
from llmledger.errors import UsageError
from llmledger.reports._notes import notes_on

REST = "(others)"

SORTS: dict[str, Callable[[Measures], int | None]] = {
    "cost": lambda measures: measures.cost_nanousd,
    "requests": lambda measures: measures.requests,
    "failed": lambda measures: measures.failed,
    "unpriced": lambda measures: measures.unpriced,
    "input": lambda measures: measures.units.get("input_tokens", 0),
    "output": lambda measures: measures.units.get("output_tokens", 0),
    "plan": lambda measures: measures.plan_value_nanousd,
    "p50": lambda measures: measures.latency_p50_ms,
    "p95": lambda measures: measures.latency_p95_ms,
    "p99": lambda measures: measures.latency_p99_ms,
}
"""What rows may be sorted by, largest first; `key` sorts by the groups themselves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """How a report is put in order and shown."""

    sort: str | None = None
    """By default the costliest first, and buckets of time in their order."""
    top: int | None = None
    rates: ExchangeRates | None = None
    charged: bool = False


@dataclass(slots=True)
class _Group:
    """One row in the making: its sums, and its cost per epoch of the exchange rates."""

    key: Key
    tally: Tally = field(default_factory=Tally)
    cost_by_epoch: dict[int, int] = field(default_factory=dict)

    def add(self, other: Tally, cost_by_epoch: dict[int, int]) -> None:
        # The tally may be the answer's own: it is never written to.
        merged = Tally()
        merged.merge(self.tally)
        merged.merge(other)
        self.tally = merged
        for epoch, nanousd in cost_by_epoch.items():
            self.cost_by_epoch[epoch] = self.cost_by_epoch.get(epoch, 0) + nanousd

    def measures(self, rates: ExchangeRates | None) -> Measures:
        measures = measures_of(self.tally)
        if rates is None or measures.cost_nanousd is None:
            return measures
        return replace(measures, converted=rates.convert(self.cost_by_epoch))


def compose(
    question: Question, answer: Answer, *, look: Look, generated_at: datetime, previous: Answer | None = None
) -> Report:
    """Make a report of an answer, and of the answer for the range before when there is one.

    With a bucket of time among the groups, each is compared with the bucket before it. Raises UsageError for an unknown
    order, and for hours that are to be compared.
    """
    if previous is not None:
        check_comparable(question.window, question.by)
    groups = _groups(answer.cells, charged=look.charged)
    before = None if previous is None else _before(question.by, groups, _groups(previous.cells, charged=look.charged))
    keys = [*groups, *(key for key in before or {} if key not in groups and not _has_time(question.by))]
    rows = [_row(key, groups.get(key), None if before is None else before.get(key), look, before) for key in keys]
    ordered = _sorted(rows, question.by, look.sort)
    cut = len(ordered) if look.top is None else look.top
    totals = _total(answer, look)
    return Report(
        generated_at=generated_at,
        window=question.window,
        selection=question.selection,
        by=question.by,
        rows=tuple(ordered[:cut]),
        rest=_rest([row.key for row in ordered[cut:]], groups, before, look),
        totals=totals,
        previous_totals=None if previous is None else _total(previous, look),
        notes=notes_on(question, answer, ordered, totals, rates=look.rates),
        gaps=answer.gaps,
        price_version=answer.price_version,
        currency=None if look.rates is None else look.rates.currency,
        is_charged=look.charged,
    )


def _row(
    key: Key, group: _Group | None, earlier: _Group | None, look: Look, before: dict[Key, _Group] | None
) -> ReportRow:
    return ReportRow(
        key=key,
        measures=Measures() if group is None else group.measures(look.rates),
        previous=None if before is None else (Measures() if earlier is None else earlier.measures(look.rates)),
    )


def _has_time(by: tuple[str, ...]) -> bool:
    return any(name in TIME_DIMENSIONS for name in by)


def _before(by: tuple[str, ...], groups: dict[Key, _Group], earlier: dict[Key, _Group]) -> dict[Key, _Group]:
    """What each group is compared with: itself in the range before, or its own bucket before."""
    times = [name for name in by if name in TIME_DIMENSIONS]
    if not times:
        return earlier
    place, bucket = by.index(times[0]), Bucket(times[0])
    everything = {**earlier, **groups}
    found = {}
    for key in groups:
        label = bucket_before(bucket, key[place] or "")
        match = everything.get((*key[:place], label, *key[place + 1 :]))
        if match is not None:
            found[key] = match
    return found


def check_comparable(window: Window, by: tuple[str, ...]) -> None:
    """Refuse to compare a range that is open, or by buckets that have none before them; raises UsageError."""
    window.previous()
    times = [name for name in by if name in TIME_DIMENSIONS]
    if len(times) > 1 or times == [Bucket.HOUR.value]:
        raise UsageError("--compare needs one bucket of day, week or month", hint="Compare by day, or leave time out.")


def check_sort(name: str | None, by: tuple[str, ...]) -> None:
    """Refuse an order that a report does not have; raises UsageError with near matches."""
    known = [*SORTS, "key", *by]
    if name is not None and _plain_sort(name) not in known:
        near = get_close_matches(_plain_sort(name), known, n=1)
        hint = f"Did you mean {near[0]}?" if near else f"Use {', '.join(known)}; add :asc or :desc to turn it round."
        raise UsageError(f"cannot sort by {name!r}", hint=hint)


def _plain_sort(name: str) -> str:
    return name.lower().removesuffix(":asc").removesuffix(":desc")


def _groups(cells: Iterable[Cell], *, charged: bool) -> dict[Key, _Group]:
    groups: dict[Key, _Group] = {}
    for cell in cells:
        cost = cell.tally.spent[COST] + (cell.tally.spent[RECONCILED] if charged else 0)
        known = groups.get(cell.key)
        if known is None:
            groups[cell.key] = _Group(cell.key, cell.tally, {cell.epoch: cost})
        else:
            known.add(cell.tally, {cell.epoch: cost})
    return groups


def _measures(cells: Iterable[Cell], look: Look) -> dict[Key, Measures]:
    return {key: group.measures(look.rates) for key, group in _groups(cells, charged=look.charged).items()}


def _total(answer: Answer, look: Look) -> Measures:
    return _measures(answer.totals, look).get((), Measures())


def _sorted(rows: list[ReportRow], by: tuple[str, ...], sort: str | None) -> list[ReportRow]:
    check_sort(sort, by)
    in_key_order = sorted(rows, key=lambda row: tuple((part is None, part or "") for part in row.key))
    name = _plain_sort(sort) if sort else ("key" if set(by) & set(TIME_DIMENSIONS) else "cost")
    downwards = (sort or "").lower().endswith(":desc")
    if name == "key":
        return in_key_order[::-1] if downwards else in_key_order
    if name in by:
        place = by.index(name)
        return sorted(in_key_order, key=lambda row: (row.key[place] is None, row.key[place] or ""), reverse=downwards)
    upwards = (sort or "").lower().endswith(":asc")
    return sorted(in_key_order, key=lambda row: _rank(row.measures, name, upwards=upwards))


def _rank(measures: Measures, name: str, *, upwards: bool) -> tuple[bool, int, int]:
    """Largest first, unknown ones last in either direction, equal ones by their requests."""
    value = SORTS[name](measures)
    sign = 1 if upwards else -1
    return (value is None, sign * (value or 0), sign * measures.requests)


def _rest(keys: list[Key], groups: dict[Key, _Group], before: dict[Key, _Group] | None, look: Look) -> ReportRow | None:
    """The groups below the top as one row."""
    if not keys:
        return None
    name: Key = (f"{len(keys)} {REST}", *(None for _ in keys[0][1:]))
    sums, earlier = _merged(name, keys, groups), _merged(name, keys, before or {})
    return replace(_row(name, sums, earlier, look, before), others=len(keys))


def _merged(name: Key, keys: list[Key], groups: dict[Key, _Group]) -> _Group:
    merged = _Group(name)
    for key in keys:
        if key in groups:
            merged.add(groups[key].tally, groups[key].cost_by_epoch)
    return merged
