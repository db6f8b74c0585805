"""One model of a price table: the names it claims, and its dated rates."""

import re
from dataclasses import dataclass, field
from datetime import date, datetime

from llmledger.core.rates import Rate


@dataclass(frozen=True, slots=True)
class Alias:
    """A moving name, such as `-latest`, that meant this model from one day until another."""

    name: str
    since: datetime | None = None
    until: datetime | None = None

    def holds_at(self, at: datetime) -> bool:
        """Whether the name meant this model then."""
        return (self.since is None or self.since <= at) and (self.until is None or at < self.until)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Entry:
    """The names that one model claims, and its rates in the order of their periods."""

    provider: str
    id: str
    rates: tuple[Rate, ...] = ()
    names: frozenset[str] = frozenset()
    """The id and its other exact spellings, in lower case."""
    aliases: tuple[Alias, ...] = ()
    dated: bool = False
    """Whether a dated name is the same model: `-20250929`, `-2025-09-29`, `@20250929`, `-v1:0`."""
    prefixes: tuple[str, ...] = ()
    patterns: tuple[re.Pattern[str], ...] = ()
    any: bool = False
    excepts: tuple[re.Pattern[str], ...] = ()
    retired: date | None = None
    extends: bool = False
    """Whether it changes only what it names of the entry in the layers below."""
    where: str = ""
    """File and line, for messages."""
    title: str | None = field(default=None)

    def claims_openly(self, name: str) -> bool:
        """Whether the model serves whatever it is asked for, and this name is not excepted."""
        return self.any and not any(pattern.search(name) for pattern in self.excepts)
