"""How requests stand now: their rows and what was appended to them."""

import sqlite3
from dataclasses import dataclass, replace

from llmledger.core.adjustment import Adjustment, Kind, Measures, Standing, standing_of
from llmledger.core.request import Finished
from llmledger.ledger.rows import SELECT_ADJUSTMENT, SELECT_REQUEST, adjustment_from_row, as_dict, finished_from_row

# The days that have such ids, one step of the index each, and in each the ids that end alike (why the plus: `witnesses._FIND`).
_UNDER = """
WITH RECURSIVE days (day) AS (
  SELECT min(started_ms / 86400000) FROM requests WHERE provider_request_id IS NOT NULL
  UNION ALL
  SELECT (SELECT min(started_ms / 86400000) FROM requests
      WHERE provider_request_id IS NOT NULL AND started_ms / 86400000 > days.day)
    FROM days WHERE days.day IS NOT NULL)
SELECT x.id FROM days CROSS JOIN requests x JOIN models m ON m.id = x.model_id
WHERE x.started_ms / 86400000 = days.day AND substr(x.provider_request_id, -6) = substr(?1, -6)
  AND x.provider_request_id IS NOT NULL AND +x.provider_request_id = ?1 AND m.provider = ?2
ORDER BY x.id DESC LIMIT 1"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """A request as the ledger has it: the row as it was written, its corrections in order, and how it stands now."""

    row: int
    finished: Finished
    adjustments: tuple[tuple[int, Adjustment], ...]
    standing: Standing


def recorded_row(connection: sqlite3.Connection, row: int) -> Recorded | None:
    """The request with this row number, or None when there is none (any more)."""
    cursor = connection.execute(f"{SELECT_REQUEST} WHERE x.id = ?", (row,))
    found = cursor.fetchone()
    if found is None:
        return None
    finished = finished_from_row(as_dict(cursor, found))
    adjustments = adjustments_of(connection, finished.begun.request_id)
    return Recorded(
        row=row, finished=finished, adjustments=adjustments, standing=_applied(standing_of(finished), adjustments)
    )


def recorded_under(connection: sqlite3.Connection, provider: str, provider_request_id: str) -> Recorded | None:
    """The latest request that a provider gave this id, or None when there is none."""
    found = connection.execute(_UNDER, (provider_request_id, provider)).fetchone()
    return None if found is None else recorded_row(connection, found[0])


def adjustments_of(connection: sqlite3.Connection, request_id: bytes) -> tuple[tuple[int, Adjustment], ...]:
    """What was appended to a request, with its numbers, in order."""
    cursor = connection.execute(f"{SELECT_ADJUSTMENT} WHERE x.request_id = ? ORDER BY x.id", (request_id,))
    rows = [as_dict(cursor, row) for row in cursor.fetchall()]
    return tuple((row["id"], adjustment_from_row(row)) for row in rows)


def apply_adjustments(connection: sqlite3.Connection, standing: Standing) -> Standing:
    """How a request stands whose row is known: for one that is pruned, whose adjustments may still be there."""
    return _applied(standing, adjustments_of(connection, standing.request_id))


def _applied(standing: Standing, adjustments: tuple[tuple[int, Adjustment], ...]) -> Standing:
    measures, place, last = standing.measures, standing.place, standing.last_adjustment
    for number, entry in adjustments:
        last = number
        if entry.kind is Kind.RECONCILE:
            continue
        measures = measures + entry.measures
        if entry.measures.requests > 0:
            place = entry.place
    return replace(standing, measures=_told(measures, standing.measures), place=place, last_adjustment=last)


def _told(measures: Measures, first: Measures) -> Measures:
    """Adjustments store nothing told as 0: what was untold and is still zero stays untold."""
    still = {
        name: None
        for name, quantity in measures.usage.told().items()
        if quantity == 0 and getattr(first.usage, name) is None
    }
    return replace(measures, usage=replace(measures.usage, **still)) if still else measures
