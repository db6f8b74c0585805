"""What a look at a ledger comes to: one finding for each thing that was looked at, and what to do about it."""

from dataclasses import dataclass
from enum import StrEnum

from llmledger.core.counted import counted


class Level(StrEnum):
    """How much a finding matters."""

    FINE = "fine"
    NOTE = "note"
    """Worth knowing; nothing is broken."""
    PROBLEM = "problem"
    """A promise is broken, or will be; something does not work, or will lose data."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was found, and what to do about it."""

    level: Level
    text: str
    todo: str | None = None
    promise: str | None = None
    """What was checked, when it was a promise about the rows; the same words whether it is kept or broken."""
    broken: int = 0
    """In how many places it is broken."""
    where: tuple[str, ...] = ()
    """The first of them: table, row, day."""


def kept(promise: str) -> Finding:
    """A promise that holds."""
    return Finding(Level.FINE, promise, promise=promise)


def broken(promise: str, count: int, where: tuple[str, ...], todo: str) -> Finding:
    """A promise that does not hold, and the first places where."""
    text = f"{promise}: broken in {counted(count, 'place')}, first {where[0]}"
    return Finding(Level.PROBLEM, text, todo, promise=promise, broken=count, where=where)
