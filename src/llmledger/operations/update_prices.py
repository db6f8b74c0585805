"""Update the managed price table from another: new models are added, changed prices appended, nothing overwritten."""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Any

from llmledger.core.rates import rate_at
from llmledger.core.usage import UNIT_BY_NAME
from llmledger.operations.compare_prices import Change, ChangeKind, price_changes
from llmledger.pricebook import Entry, PriceBook
from llmledger.pricebook.checking import BIGGEST_JUMP
from llmledger.pricebook.editing import EditedFile, read_for_editing
from llmledger.pricebook.tables import model_table, period_table


@dataclass(slots=True, kw_only=True)
class PriceUpdate:
    """What an update would change, and the texts of the files that it would write."""

    changes: list[Change] = field(default_factory=list)
    kept: list[Change] = field(default_factory=list)
    """Prices that the other table has differently, but ours is from better evidence."""
    files: dict[Path, str] = field(default_factory=dict)

    @property
    def insane(self) -> list[Change]:
        """Changes by more than a factor of five: more often a slip than news."""
        return [
            one
            for one in self.changes
            if one.factor is not None and not 1 <= one.factor * BIGGEST_JUMP <= BIGGEST_JUMP**2
        ]


def plan_update(ours: PriceBook, theirs: PriceBook, managed: Path, *, now: datetime, source: str) -> PriceUpdate:
    """Compare and write the new texts, on paper. Raises `PriceTableError` when either table cannot be used.

    A price that changed closes the period in force and opens one: from the other table's own date when that is later
    than ours, else from today, as the day on which it was seen. `source` begins the sources that the other may correct.
    """
    update = PriceUpdate()
    for provider in theirs.provider_names():
        edited: EditedFile | None = None
        for entry in theirs.entries(provider):
            model = _updated(ours, entry, update, now=now, source=source)
            if model is not None:
                edited = edited or read_for_editing(managed / f"{provider}.toml", provider)
                edited.put(model)
        if edited is not None:
            update.files[edited.path] = edited.checked_text()
    return update


def write_update(update: PriceUpdate) -> None:
    """Write the planned files, each whole or not at all; all were checked before the first is written."""
    for path, text in update.files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        half = path.with_suffix(".toml.new")
        half.write_text(text, encoding="utf-8")
        half.replace(path)


def _updated(
    ours: PriceBook, entry: Entry, update: PriceUpdate, *, now: datetime, source: str
) -> dict[str, Any] | None:
    """The model's table with what is new in it, or None when there is nothing."""
    known = ours.entry(entry.provider, entry.id, at=now)
    theirs = rate_at(entry.rates, now)
    if theirs is None or (known is not None and known.any):
        return None
    if known is None or known.provider != entry.provider or entry.id.lower() not in known.names:
        update.changes.append(Change(kind=ChangeKind.ADDED, provider=entry.provider, model=entry.id))
        return model_table(entry)
    current = rate_at(known.rates, now)
    changes = [
        one
        for one in price_changes(entry.provider, known.id, current, theirs)
        if one.after is not None and not _is_better_known(current.source if current else None, one, source)
    ]
    if current is None or not changes:
        return None
    if not (current.source or "").startswith(source):
        update.kept += changes
        return None
    update.changes += changes
    return _appended(model_table(known), period_table(theirs), now, theirs.since)


def _is_better_known(ours: str | None, change: Change, source: str) -> bool:
    """Whether our rate says that this price is from somewhere else: "genai-prices 0.2.3; litellm 1.109.1 for input"."""
    others = [part for part in (ours or "").split("; ") if not part.startswith(source)]
    key = UNIT_BY_NAME[change.unit].price_key if change.unit else ""
    return any(key in part.partition(" for ")[2].split(", ") for part in others)


def _appended(
    model: dict[str, Any], theirs: Mapping[str, Any], now: datetime, since: datetime | None
) -> dict[str, Any]:
    """The model with the period in force closed, and theirs from then on."""
    periods: list[dict[str, Any]] = deepcopy(model["period"])
    index = max(i for i, one in enumerate(periods) if _begun(one, now))
    last = periods[index]
    told = since is not None and since <= now and (_since(last) is None or since > _since(last))  # type: ignore[operator]
    start = since.date() if told and since is not None else now.date()
    fresh = {**theirs, "from": start, "observed": not told}
    if "until" in last:
        fresh["until"] = last["until"]
    last["until"] = start
    periods.insert(index + 1, fresh)
    return {**model, "period": periods}


def _since(period: Mapping[str, Any]) -> datetime | None:
    since = period.get("from")
    if since is None or isinstance(since, datetime):
        return since
    return datetime.combine(since, time(), UTC)


def _begun(period: Mapping[str, Any], now: datetime) -> bool:
    since = _since(period)
    return since is None or since <= now
