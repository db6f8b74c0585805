"""One price file: its provider, and which entry claims a name."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum
from functools import cached_property
from pathlib import Path

from llmledger.errors import PriceTableError
from llmledger.pricebook._blocks import BlockText
from llmledger.pricebook._entry import Alias, Entry
from llmledger.pricebook._schema import DEFAULT_MODEL, read_entry, read_provider
from llmledger.pricebook.provider import Provider

_DATE = re.compile(r"(?:[-@]20\d\d-?[01]\d-?[0-3]\d|-v\d+:\d+)$")
"""What a dated name has more than the model's own: no resemblance is ever guessed beyond this."""


class Match(IntEnum):
    """How a name was found, the surest first."""

    EXACT = 0
    ALIAS = 1
    DATED = 2
    PREFIX = 3
    PATTERN = 4
    ANY = 5
    DEFAULT = 6


@dataclass(frozen=True, slots=True)
class Found:
    """The entry that claims a name; `aliases` are moving names, whose model depends on the time."""

    match: Match
    entry: Entry | None
    aliases: tuple[tuple[Alias, Entry], ...] = ()

    def at(self, instant: datetime | None) -> Entry | None:
        """The entry that the name meant at an instant, or means last."""
        for alias, entry in self.aliases:
            if alias.until is None if instant is None else alias.holds_at(instant):
                return entry
        return self.entry


@dataclass
class PriceFile:
    """One `<provider>.toml`, read lazily: its header, and its models one by one."""

    stem: str
    blocks: BlockText
    _entries: dict[int, Entry] = field(default_factory=dict)

    @cached_property
    def provider(self) -> Provider:
        """The provider that the header describes."""
        return read_provider(self.blocks.header, self.blocks.where, self.stem)

    def entry(self, index: int) -> Entry:
        """One model by its place in the file."""
        entry = self._entries.get(index)
        if entry is None:
            data, where = self.blocks.model(index), self.blocks.place(index)
            try:
                entry = read_entry(data, self.provider.name, where)
            except PriceTableError as error:
                raise self._at_key(error, index) from None
            self._entries[index] = entry
        return entry

    def entries(self) -> Iterator[Entry]:
        """Every model of the file."""
        return (self.entry(index) for index in range(len(self.blocks.starts)))

    def exact(self, name: str) -> Entry | None:
        """The entry that has this very name. Raises `PriceTableError` when two have it."""
        return self._only_one(name, (entry for entry in self._quoting([name]) if name in entry.names))

    def find(self, model: str) -> Found | None:
        """The entry that claims a name: exactly, by a dated alias, a date suffix, a prefix, a pattern or altogether."""
        spellings = list(self._spellings(model.lower()))
        stripped = [short for name in spellings for short in _undated(name)]
        near = self._quoting([*spellings, *stripped])
        aliases = tuple((alias, entry) for entry in near for alias in entry.aliases if alias.name in spellings)
        for match, entry in self._claims(near, spellings, stripped):
            if entry is not None:
                return Found(Match.ALIAS if aliases and match > Match.ALIAS else match, entry, aliases)
        return Found(Match.ALIAS, None, aliases) if aliases else None

    def _claims(
        self, near: list[Entry], spellings: list[str], stripped: list[str]
    ) -> Iterator[tuple[Match, Entry | None]]:
        for name in spellings:
            yield Match.EXACT, self._only_one(name, (entry for entry in near if name in entry.names))
        for name in stripped:
            yield Match.DATED, self._only_one(name, (entry for entry in near if entry.dated and name in entry.names))
        opened = [self.entry(index) for index in self.blocks.open_ended()]
        for name in spellings:
            yield Match.PREFIX, self._longest_prefix(name, opened)
            matching = (entry for entry in opened if any(pattern.match(name) for pattern in entry.patterns))
            yield Match.PATTERN, self._only_one(name, matching)
        name = spellings[0]
        yield Match.ANY, self._only_one(name, (e for e in opened if e.id != DEFAULT_MODEL and e.claims_openly(name)))
        yield Match.DEFAULT, self._default(name)

    def _default(self, name: str) -> Entry | None:
        entry = self.exact(DEFAULT_MODEL)
        return entry if entry is not None and entry.claims_openly(name) else None

    def _longest_prefix(self, name: str, opened: list[Entry]) -> Entry | None:
        claims = [(len(prefix), entry) for entry in opened for prefix in entry.prefixes if name.startswith(prefix)]
        longest = max((length for length, _ in claims), default=0)
        return self._only_one(name, (entry for length, entry in claims if length == longest))

    def _quoting(self, names: Iterable[str]) -> list[Entry]:
        return [self.entry(index) for index in self.blocks.claiming(names)]

    def _spellings(self, name: str) -> Iterator[str]:
        yield name
        for route in self.provider.routes:
            if name.startswith(route) and len(name) > len(route):
                yield from self._spellings(name[len(route) :])

    def _only_one(self, name: str, claims: Iterable[Entry]) -> Entry | None:
        first: Entry | None = None
        for entry in claims:
            if first is not None and entry is not first:
                raise PriceTableError(
                    f"{entry.where}: both {first.id} and {entry.id} claim the name {name}",
                    hint="Leave the name to one of them.",
                )
            first = entry
        return first

    def _at_key(self, error: PriceTableError, index: int) -> PriceTableError:
        """The error with the line of the key it complains about, instead of the model's."""
        key = re.search(r"`([A-Za-z0-9_]+)`", error.message)
        if key is None:
            return error
        place = self.blocks.place(index)
        return PriceTableError(error.message.replace(place, self.blocks.line(index, key[1]), 1), hint=error.hint)


def read_file(path: Path) -> PriceFile:
    """Open one price file. Raises `PriceTableError` when it cannot be read as text."""
    try:
        text = path.read_bytes().decode("utf-8").replace("\r\n", "\n")
    except OSError as error:
        raise PriceTableError(f"{path}: cannot be read: {error.strerror}", hint="Check the file's rights.") from error
    except UnicodeDecodeError as error:
        raise PriceTableError(f"{path}: is no UTF-8 text", hint="Save the file as UTF-8.") from error
    return PriceFile(path.stem, BlockText(str(path), text))


def _undated(name: str) -> Iterator[str]:
    """The name without its date or version suffixes, one by one."""
    found = _DATE.search(name)
    while found is not None and found.start() > 0:
        name = name[: found.start()]
        yield name
        found = _DATE.search(name)
