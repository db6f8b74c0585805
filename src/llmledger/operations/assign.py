"""Assign: say afterwards for whom requests were made and how they are paid. Each is moved by a pair of entries."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from llmledger.core.adjustment import Adjustment, Kind, Place, move
from llmledger.core.request import id_text
from llmledger.core.selection import BILLINGS, Selection, parse_choices
from llmledger.core.window import Window
from llmledger.core.words import Billing
from llmledger.errors import UsageError
from llmledger.ledger.queries.aggregate import Connection
from llmledger.ledger.queries.log import find_rows
from llmledger.ledger.standing import Recorded, recorded_row

BILLING = "billing"


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


def check_values(values: Mapping[str, str | None]) -> None:
    """Refuse an assignment to nothing, and to a billing that there is not; raises UsageError."""
    if not values:
        raise UsageError(
            "there is nothing to assign", hint="Give at least one of --to-project, --to-client, --to-user ..."
        )
    if BILLING in values and len(parse_choices("to-billing", [values[BILLING] or ""], BILLINGS)) != 1:
        raise UsageError("--to-billing takes one value", hint=f"Use {', '.join(BILLINGS)}.")


def plan_assignment(connection: Connection, window: Window, selection: Selection) -> Iterator[Recorded]:
    """The selected requests as they stand now."""
    for row in find_rows(connection, window, selection):
        recorded = recorded_row(connection, row)
        if recorded is not None:
            yield recorded


def assign(
    found: Iterator[Recorded], values: Mapping[str, str | None], *, book: Book | None, now: datetime
) -> Assignment:
    """Move requests to another attribution or billing; without a book nothing is written and only counted."""
    requests = unchanged = nanousd = unpriced = booked = 0
    for recorded in found:
        standing = recorded.standing
        place = _moved(standing.place, values)
        if place == standing.place:
            unchanged += 1
            continue
        requests += 1
        nanousd += standing.measures.cost_nanousd
        unpriced += standing.measures.unpriced
        if book is not None:
            booked += book.adjust(*_entries(recorded, place, values, now))
    return Assignment(requests=requests, unchanged=unchanged, nanousd=nanousd, unpriced=unpriced, booked=booked)


def _moved(place: Place, values: Mapping[str, str | None]) -> Place:
    """Where a request with these values counts."""
    who = {name: value for name, value in values.items() if name != BILLING}
    billing = Billing(str(values[BILLING]).lower()) if BILLING in values else place.billing
    return replace(place, attribution=replace(place.attribution, **who), billing=billing)  # type: ignore[arg-type]


def _entries(
    recorded: Recorded, place: Place, values: Mapping[str, str | None], now: datetime
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
        place=place,
        measures=standing.measures,
        request_id=standing.request_id,
        answer=priced.answer if priced else None,
        price_version=priced.price_version if priced else None,
        rate_id=priced.rate_id if priced else None,
        rate=priced.rate if priced else None,
    )
    return move(standing, new)
