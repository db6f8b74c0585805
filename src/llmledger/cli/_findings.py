"""What a check of `doctor` yields."""

from dataclasses import dataclass

from llmledger.ledger.finding import Level


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the diagnosis."""

    level: Level
    subject: str
    text: str
    todo: str | None = None
