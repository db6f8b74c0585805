"""Finding the other records of one request: the same provider's id, close in time, from another source."""

import sqlite3
from dataclasses import dataclass
from datetime import datetime

from llmledger.core import witness
from llmledger.core.request import Finished
from llmledger.ledger.dictionaries import digest_of
from llmledger.ledger.rows import ms_of, time_of

_TOLERANCE_MS = int(witness.TOLERANCE.total_seconds() * 1000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Witness:
    """One record of a request by one source."""

    row: int
    request_id: bytes
    started_at: datetime
    source: str


# First: the index over the id's last six characters. Second: the ids that late finishes brought.
_FIND = """
SELECT x.id, x.request_id, x.started_ms, t.source
FROM requests x JOIN models m ON m.id = x.model_id JOIN traits t ON t.id = x.trait_id
WHERE substr(x.provider_request_id, -6) = substr(:id, -6) AND x.provider_request_id = :id
  AND m.provider = :provider AND x.started_ms BETWEEN :since AND :until AND x.request_id <> :self
UNION
SELECT k.row, a.request_id, a.effective_ms, t.source
FROM adjustments a JOIN models m ON m.id = a.model_id JOIN traits t ON t.id = a.trait_id
  JOIN seen k ON k.key = a.request_id
WHERE a.provider_request_id = :id AND a.requests > 0
  AND m.provider = :provider AND a.effective_ms BETWEEN :since AND :until AND a.request_id <> :self
"""


def witnesses_of(connection: sqlite3.Connection, finished: Finished) -> list[Witness]:
    """The other records of this request, the best witness first, then the nearest in time."""
    started_ms = ms_of(finished.begun.started_at)
    rows = connection.execute(
        _FIND,
        {
            "id": finished.provider_request_id,
            "provider": finished.begun.provider,
            "since": started_ms - _TOLERANCE_MS,
            "until": started_ms + _TOLERANCE_MS,
            "self": finished.begun.request_id,
        },
    ).fetchall()
    found = [
        Witness(row=row, request_id=request_id, started_at=time_of(ms), source=source)
        for row, request_id, ms, source in rows
    ]
    return sorted(found, key=lambda other: _distance(other, finished.begun.started_at))


def linked_key(better: bytes, source: str) -> bytes:
    """The `seen` key which says that a request already stands for one record of that source."""
    return digest_of("link", better.hex(), source)


def _distance(other: Witness, moment: datetime) -> tuple[int, float, int]:
    return (witness.rank(other.source), abs((other.started_at - moment).total_seconds()), other.row)
