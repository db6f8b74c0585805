"""Taking a person's name out of texts and records: the same rules for a ledger and for archives of it.

The name is looked for as a whole word, in any case. What is the person's own loses it in every field; of what belongs to
others only that which names people or their machines does, since a project or a model keeps its name.
"""

import re
from collections.abc import Mapping
from typing import Any

ERASED = "erased"
"""What stands where the name stood: their requests still count, for nobody in particular."""
_OWN = ("client", "team", "project", "operation", "app")
"""What a person's requests are for: erased in their own, kept in those of others."""
_ALWAYS = ("host", "session", "branch", "tags")
_ATTRIBUTION = frozenset({"user", "key", *_OWN, *_ALWAYS})
_KEPT = frozenset(
    {"provider", "model", "served_model", "source", "dialect", "endpoint", "rate", "rate_id", "price_version"}
)
"""Fields of a record that name a service and never a person."""


class Eraser:
    """Replaces one name wherever it stands. Unchanged values are returned as they are, so `is` tells what changed."""

    def __init__(self, name: str) -> None:
        """Look for a name as a whole word."""
        self.name = name.strip()
        self._folded = self.name.casefold()
        self._word = re.compile(rf"(?<!\w){re.escape(self.name)}(?!\w)", re.IGNORECASE)

    def holds(self, text: str | None) -> bool:
        """Whether a text has the name in it."""
        return text is not None and self._word.search(text) is not None

    def is_person(self, user: str | None) -> bool:
        """Whether a user is this person."""
        return user is not None and user.strip().casefold() == self._folded

    def text(self, text: str) -> str:
        """A text without the name."""
        return self._word.sub(ERASED, text)

    def plain(self, value: Any) -> Any:
        """Plain JSON values without the name, at any depth, also as a key."""
        if isinstance(value, str):
            changed: Any = self.text(value)
        elif isinstance(value, Mapping):
            changed = {self.text(key): self.plain(inner) for key, inner in value.items()}
        elif isinstance(value, list):
            changed = [self.plain(inner) for inner in value]
        else:
            return value
        return value if changed == value else changed

    def attribution(self, who: Mapping[str, Any]) -> Mapping[str, Any]:
        """For whom and from where: all of it when it is the person's own, else what may name them by the way."""
        is_own = self.is_person(who.get("user"))
        fields = (*_OWN, *_ALWAYS) if is_own else _ALWAYS
        changed = {name: self.plain(value) if name in fields else value for name, value in who.items()}
        if is_own:
            changed["user"] = ERASED
        return who if changed == who else changed

    def record(self, value: Any) -> Any:
        """A request, correction or text as plain values, without the name; attributions inside by their own rules."""
        if isinstance(value, list):
            changed: Any = [self.record(inner) for inner in value]
        elif not isinstance(value, Mapping):
            return self.plain(value)
        elif value and _ATTRIBUTION.issuperset(value):
            return self.attribution(value)
        else:
            changed = {key: inner if key in _KEPT else self.record(inner) for key, inner in value.items()}
        return value if changed == value else changed

    def owns(self, value: Any) -> bool:
        """Whether a record is of one of the person's requests."""
        if not isinstance(value, Mapping):
            return False
        return self.is_person(value.get("user")) or any(self.owns(inner) for inner in value.values())
