"""Checking price files: what makes them unusable, what makes them doubtful."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from itertools import pairwise
from pathlib import Path

from llmledger.core.rates import Rate, instant_text
from llmledger.core.usage import UNIT_BY_NAME
from llmledger.errors import PriceTableError
from llmledger.pricebook._entry import Entry
from llmledger.pricebook._file import read_file
from llmledger.pricebook._folder import VERSION_FILE
from llmledger.pricebook._schema import DEFAULT_MODEL

STALE_AFTER_DAYS = 60
BIGGEST_JUMP = 5
"""A price that changes by more than this factor is more often a slip than news."""


class Severity(StrEnum):
    """Whether a table can be used with it."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong or doubtful, where it stands, and what to write instead."""

    severity: Severity
    message: str
    hint: str = ""


def check_path(path: Path, *, today: date) -> Iterator[Problem]:
    """Every problem of a price file, or of all files of a folder, one by one; a broken model does not hide the next."""
    if path.is_file():
        yield from _check_file(path, today)
        return
    for one in sorted(path.glob("*.toml")):
        if one.name != VERSION_FILE:
            yield from _check_file(one, today)


def _check_file(path: Path, today: date) -> Iterator[Problem]:
    try:
        file = read_file(path)
        _ = file.provider
    except PriceTableError as error:
        yield _error(error)
        return
    entries = []
    for index in range(len(file.blocks.starts)):
        try:
            entries.append(file.entry(index))
        except PriceTableError as error:
            yield _error(error)
    yield from _double_claims(entries)
    for entry in entries:
        yield from _doubts(entry, today)


def _error(error: PriceTableError) -> Problem:
    return Problem(Severity.ERROR, error.message, error.hint or "")


def _double_claims(entries: list[Entry]) -> Iterator[Problem]:
    owners: dict[str, Entry] = {}
    for entry in entries:
        for name in sorted(entry.names):
            owner = owners.setdefault(name, entry)
            if owner is not entry:
                what = f"{entry.where}: both {owner.id} and {entry.id} claim the name {name}"
                yield Problem(Severity.ERROR, what, "Leave the name to one of them.")


def _doubts(entry: Entry, today: date) -> Iterator[Problem]:
    place = f"{entry.where}, model {entry.id}"
    for earlier, later in pairwise(entry.rates):
        yield from _change(place, earlier, later)
    for rate in entry.rates:
        if rate.source is None:
            yield Problem(Severity.WARNING, f"{place}: a rate has no source", 'Write source = "https://..."')
        if rate.checked is None:
            yield Problem(Severity.WARNING, f"{place}: a rate has no `checked`", f"Write checked = {today}")
        elif rate.until is None and not rate.free and (today - rate.checked).days > STALE_AFTER_DAYS:
            age = (today - rate.checked).days
            yield Problem(Severity.WARNING, f"{place}: last checked {age} days ago", "Look at its source again.")
        yield from _magnitudes(place, rate)
    if not entry.rates and entry.id != DEFAULT_MODEL:
        yield Problem(Severity.WARNING, f"{place}: it has no rate", "Requests for it are unpriced.")


def _change(place: str, earlier: Rate, later: Rate) -> Iterator[Problem]:
    if earlier.until is not None and later.since is not None and earlier.until < later.since:
        gap = f"{instant_text(earlier.until)} to {instant_text(later.since)}"
        yield Problem(Severity.WARNING, f"{place}: no rate from {gap}", "Requests of that time are unpriced.")
    for unit, was in earlier.prices.items():
        now = later.prices.get(unit)
        if now and was and not was <= now * BIGGEST_JUMP <= was * BIGGEST_JUMP**2:
            key, since = UNIT_BY_NAME[unit].price_key, instant_text(later.since) if later.since else "the start"
            what = f"{place}: `{key}` changes by more than {BIGGEST_JUMP}x at {since}"
            yield Problem(Severity.WARNING, what, "Look at the source: is the unit right?")


def _magnitudes(place: str, rate: Rate) -> Iterator[Problem]:
    whole = rate.prices.get("input_tokens")
    for part in ("cache_read_tokens",):
        if whole is not None and rate.prices.get(part, 0) > whole:
            key = UNIT_BY_NAME[part].price_key
            yield Problem(Severity.WARNING, f"{place}: `{key}` costs more than input", "Look at the source.")
