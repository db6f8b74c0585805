"""Conversations: the text of earlier prompts and answers, where the user asked for it to be kept."""

import json
from dataclasses import dataclass
from typing import Any

from llmledger.ledger.connection import storage_errors
from llmledger.ledger.reader import Reader

_LAST = """
SELECT c.request_id, s.session FROM contents c JOIN seen k ON k.key = c.request_id
  JOIN requests r ON r.id = k.row JOIN traits t ON t.id = r.trait_id LEFT JOIN sessions s ON s.id = r.session_id
WHERE t.source = 'run' AND c.response IS NOT NULL AND (?1 IS NULL OR s.session = ?1)
ORDER BY r.id DESC LIMIT 1
"""
_TURNS = """
SELECT c.prompt, c.response, m.provider, m.model FROM contents c JOIN seen k ON k.key = c.request_id
  JOIN requests r ON r.id = k.row JOIN models m ON m.id = r.model_id LEFT JOIN sessions s ON s.id = r.session_id
WHERE c.request_id = ?1 OR (?2 IS NOT NULL AND s.session = ?2 AND c.response IS NOT NULL)
ORDER BY r.id
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """What was said so far, in order, and with whom."""

    session: str | None
    provider: str
    model: str
    system: str | None
    turns: tuple[tuple[str, str], ...]
    """(prompt, answer), the oldest first."""

    @property
    def name(self) -> str:
        """The model it was held with: `provider/model`."""
        return f"{self.provider}/{self.model}"

    @property
    def messages(self) -> tuple[tuple[str, str], ...]:
        """What was said, each with its role: `user` or `assistant`."""
        pairs = ((("user", prompt), ("assistant", answer)) for prompt, answer in self.turns)
        return tuple(message for pair in pairs for message in pair)


def prompt_text(prompt: str, system: str | None) -> str:
    """A prompt as it is kept: JSON, so that the system prompt can be told from the rest."""
    return json.dumps({"system": system, "prompt": prompt} if system else {"prompt": prompt}, ensure_ascii=False)


def last_conversation(reader: Reader, session: str | None = None) -> Conversation | None:
    """The latest conversation of `run` whose text was kept (in a session, if one is named), or None."""
    with storage_errors(reader.path):
        last = reader.connection.execute(_LAST, (session,)).fetchone()
        if last is None:
            return None
        rows: list[Any] = reader.connection.execute(_TURNS, last).fetchall()
    said = [_said(row[0]) for row in rows]
    return Conversation(
        session=last[1],
        provider=rows[-1][2],
        model=rows[-1][3],
        system=next((one["system"] for one in reversed(said) if one.get("system")), None),
        turns=tuple((one["prompt"], row[1]) for one, row in zip(said, rows, strict=True) if row[1] is not None),
    )


def _said(stored: str | None) -> dict[str, str]:
    try:
        found = json.loads(stored or "")
    except ValueError:
        found = None
    if isinstance(found, dict) and isinstance(found.get("prompt"), str):
        return found
    return {"prompt": stored or ""}
