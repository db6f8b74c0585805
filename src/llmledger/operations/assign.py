"""Assign: say afterwards for whom requests were made. Nothing is written over: each is moved by a pair of entries."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from llmledger.core.adjustment import Adjustment, Kind, move
from llmledger.core.request import Attribution, id_text
from llmledger.core.selection import ATTRIBUTION_DIMENSIONS, Selection
from llmledger.core.window import Window
from llmledger.errors import UsageError
from llmledger.ledger.queries import Connection
from llmledger.ledger.queries_log import find_rows
from llmledger.ledger.standing import Recorded, recorded_row

ASSIGNABLE = tuple(name for name in ATTRIBUTION_DIMENSIONS if name != "key")
"""All of an attribution but the key: which key paid is a fact."""


class Book(Protocol):
    """What assigning needs of a ledger that is open for writing."""

    def adjust(self, *entries: Adjustment) -> bool:
        """Append entries together; False when they were booked before, or the request has changed meanwhile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """What would change, or did: how many requests, and what they cost."""

    requests: int
    unchanged: int
    nanousd: int
    unpriced: int
    booked: int = 0


def plan_assignment(
    connection: Connection, window: Window, selection: Selection, values: Mapping[str, str | None]
) -> Iterator[Recorded]:
    """The selected requests whose attribution would change, as they stand now. Raises UsageError without values."""
    if not values:
        raise UsageError(
            "there is nothing to assign", hint="Give at least one of --to-project, --to-client, --to-user ..."
        )
    for row in find_rows(connection, window, selection):
        recorded = recorded_row(connection, row)
        if recorded is not None:
            yield recorded


def assign(
    found: Iterator[Recorded], values: Mapping[str, str | None], *, book: Book | None, now: datetime
) -> Assignment:
    """Move requests to another attribution; without a book nothing is written and only counted."""
    requests = unchanged = nanousd = unpriced = booked = 0
    for recorded in found:
        standing = recorded.standing
        attribution = replace(standing.place.attribution, **values)  # type: ignore[arg-type]
        if attribution == standing.place.attribution:
            unchanged += 1
            continue
        requests += 1
        nanousd += standing.measures.cost_nanousd
        unpriced += standing.measures.unpriced
        if book is not None:
            booked += book.adjust(*_entries(recorded, attribution, values, now))
    return Assignment(requests=requests, unchanged=unchanged, nanousd=nanousd, unpriced=unpriced, booked=booked)


def _entries(
    recorded: Recorded, attribution: Attribution, values: Mapping[str, str | None], now: datetime
) -> tuple[Adjustment, Adjustment]:
    standing = recorded.standing
    # The price that counts now may come from an earlier correction; it moves along.
    priced = next((entry for _, entry in reversed(recorded.adjustments) if entry.measures.requests > 0), None)
    told = ", ".join(f"{name} {value}" if value else f"no {name}" for name, value in sorted(values.items()))
    digest = hashlib.blake2b(told.encode(), digest_size=6).hexdigest()
    new = Adjustment(
        kind=Kind.ASSIGN,
        cause=f"assign:{id_text(standing.request_id)}:{standing.last_adjustment}:{digest}",
        effective_at=standing.started_at,
        booked_at=now,
        reason=f"assigned to {told}",
        place=replace(standing.place, attribution=attribution),
        measures=standing.measures,
        request_id=standing.request_id,
        answer=priced.answer if priced else None,
        price_version=priced.price_version if priced else None,
        rate_id=priced.rate_id if priced else None,
        rate=priced.rate if priced else None,
    )
    return move(standing, new)
