"""What a check of `doctor` yields."""

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How much a finding matters."""

    FINE = "fine"
    NOTE = "note"
    """Worth knowing; nothing is broken."""
    PROBLEM = "problem"
    """Something does not work, or will lose data."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the diagnosis."""

    level: Level
    subject: str
    text: str
    todo: str | None = None
