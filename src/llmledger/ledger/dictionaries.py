"""The ids of the small tables that rows point to: each distinct set of values is stored once and remembered here."""

import hashlib
import json
import sqlite3
from collections.abc import Callable, Mapping
from typing import Any

from llmledger.core.adjustment import Answer, Place
from llmledger.core.request import Attribution
from llmledger.ledger.codec import compact

TABLES = {
    "model_id": ("models", ("provider", "model")),
    "trait_id": ("traits", ("source", "dialect", "endpoint", "status", "billing", "cost_source", "usage_quality")),
    "outcome_id": (
        "outcomes",
        ("served_model", "http_status", "error_type", "finish_reason", "price_context", "flags", "unpriced_units"),
    ),
    "price_version_id": ("price_versions", ("version AS price_version",)),
    "rate_id": ("rates", ("name AS rate", "body AS rate_body")),
    "attribution_id": ("attributions", ("user", "client", "team", "project", "operation", "app", "key", "host")),
    "session_id": ("sessions", ("session", "branch", "tags")),
}
"""By the column that has their ids: the tables, and their columns by the names that these have on their way out, in the order of
the complete format.
"""

_MOST_REMEMBERED = 20_000


def digest_of(*values: Any) -> bytes:
    """16 bytes that stand for a set of plain values, None included."""
    text = json.dumps(values, separators=(",", ":"), sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=16).digest()


_SOURCE = hashlib.blake2b(digest_size=16, person=b"source")


def source_digest(source_key: str) -> bytes:
    """The 16 bytes that stand for an importer's key."""
    digest = _SOURCE.copy()
    digest.update(source_key.encode("utf-8", "surrogatepass"))
    return digest.digest()


class Dictionaries:
    """Finds or makes the id of a value inside the caller's transaction. Forget all after a rollback."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._known: dict[Any, int] = {}

    def forget(self) -> None:
        """Drop what is remembered: ids made in a transaction that was rolled back do not exist."""
        self._known.clear()

    def model(self, provider: str, model: str) -> int:
        """The id of a provider and model."""
        return self._id(
            ("m", provider, model),
            "SELECT id FROM models WHERE provider = ? AND model = ?",
            (provider, model),
            "INSERT INTO models (provider, model) VALUES (?, ?)",
            lambda: (provider, model),
        )

    def trait(self, place: Place) -> int:
        """The id of how a request came and ended."""
        values = (
            place.source,
            place.dialect,
            place.endpoint,
            place.status.value,
            place.billing.value,
            place.cost_source.value,
            place.usage_quality.value,
        )
        return self._id(("t", *values), _FIND_TRAIT, values, _MAKE_TRAIT, lambda: values)

    def attribution(self, attribution: Attribution) -> int:
        """The id of for whom and from where."""
        values = (
            attribution.client,
            attribution.user,
            attribution.team,
            attribution.project,
            attribution.operation,
            attribution.app,
            attribution.key,
            attribution.host,
        )
        return self._digested("attributions", values, _MAKE_ATTRIBUTION)

    def session(self, attribution: Attribution) -> int | None:
        """The id of session, branch and tags; None when there is none of them."""
        tags = compact(dict(sorted(attribution.tags.items()))) if attribution.tags else None
        values = (attribution.session, attribution.branch, tags)
        return None if values == (None, None, None) else self._digested("sessions", values, _MAKE_SESSION)

    def outcome(self, answer: Answer) -> int:
        """The id of what an answer said about itself."""
        context = compact(dict(sorted(answer.price_context.items()))) if answer.price_context else None
        values = (
            answer.served_model,
            answer.http_status,
            answer.error_type,
            answer.finish_reason,
            context,
            " ".join(answer.flags) or None,
            " ".join(answer.unpriced_units) or None,
        )
        return self._digested("outcomes", values, _MAKE_OUTCOME)

    def price_version(self, version: str | None) -> int | None:
        """The id of a price table's version."""
        if version is None:
            return None
        return self._id(
            ("v", version),
            "SELECT id FROM price_versions WHERE version = ?",
            (version,),
            "INSERT INTO price_versions (version) VALUES (?)",
            lambda: (version,),
        )

    def rate(self, name: str | None, rate: Mapping[str, object] | None, *, version: str | None) -> int | None:
        """The id of a rate, kept verbatim under its name. One version of the price table has one body for a name."""
        if name is None:
            return None
        found = self._known.get(("r", name, version))
        if found is not None and version is not None:
            return found
        body = compact(rate if rate is not None else {})
        digest = digest_of(name, body)
        return self._id(
            ("r", name, version),
            "SELECT id FROM rates WHERE digest = ?",
            (digest,),
            "INSERT INTO rates (digest, name, body) VALUES (?, ?, ?)",
            lambda: (digest, name, body),
        )

    def _digested(self, table: str, values: tuple[Any, ...], make: str) -> int:
        found = self._known.get((table, values))
        if found is not None:
            return found
        digest = digest_of(*values)
        return self._id(
            (table, values),
            f"SELECT id FROM {table} WHERE digest = ?",
            (digest,),
            make,
            lambda: (digest, *values),
        )

    def _id(
        self, key: Any, find: str, wanted: tuple[Any, ...], make: str, values: Callable[[], tuple[Any, ...]]
    ) -> int:
        found = self._known.get(key)
        if found is not None:
            return found
        row = self._connection.execute(find, wanted).fetchone()
        number: int = row[0] if row else _inserted(self._connection.execute(make, values()))
        if len(self._known) >= _MOST_REMEMBERED:
            self._known.clear()
        self._known[key] = number
        return number


def _inserted(cursor: sqlite3.Cursor) -> int:
    if cursor.lastrowid is None:
        raise sqlite3.IntegrityError("the insert gave no id")
    return cursor.lastrowid


_TRAIT = "source, dialect, endpoint, status, billing, cost_source, usage_quality"
_FIND_TRAIT = f"SELECT id FROM traits WHERE ({_TRAIT}) = (?, ?, ?, ?, ?, ?, ?)"
_MAKE_TRAIT = f"INSERT INTO traits ({_TRAIT}) VALUES (?, ?, ?, ?, ?, ?, ?)"
_MAKE_ATTRIBUTION = (
    "INSERT INTO attributions (digest, client, user, team, project, operation, app, key, host)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_MAKE_SESSION = "INSERT INTO sessions (digest, session, branch, tags) VALUES (?, ?, ?, ?)"
_MAKE_OUTCOME = (
    "INSERT INTO outcomes (digest, served_model, http_status, error_type, finish_reason, price_context, flags,"
    " unpriced_units) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)
