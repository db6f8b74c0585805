"""Finding the other records of one request: the same provider's id, close in time, from another source."""

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter

from llmledger.core import witness
from llmledger.core.request import Finished
from llmledger.core.window import DAY_MS
from llmledger.ledger.dictionaries import digest_of
from llmledger.ledger.rows import ms_of, time_of

LINK = 16
"""What `seen.status` adds for a key that links records of several witnesses."""

_TOLERANCE_MS = int(witness.TOLERANCE.total_seconds() * 1000)
_NEARNESS_MS = int(witness.NEARNESS.total_seconds() * 1000)
_LONGEST_ANSWER_MS = 10 * 60 * 1000
_HOUR_MS = 3_600_000
_LAST_HOUR = (1 << 24) - 1
"""Of those that three bytes number: in the year 3883."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Witness:
    """One record of a request by one source."""

    row: int
    request_id: bytes
    started_at: datetime
    source: str


# First: the index over the day and the id's last six characters; without the plus SQLite would put the id itself into `substr`,
# and no longer see the index. Second: the ids that late finishes brought.
_FIND = """
SELECT x.id, x.request_id, x.started_ms, t.source
FROM requests x JOIN models m ON m.id = x.model_id JOIN traits t ON t.id = x.trait_id
WHERE x.started_ms / 86400000 IN (:first_day, :last_day) AND substr(x.provider_request_id, -6) = substr(:id, -6)
  AND x.provider_request_id IS NOT NULL AND +x.provider_request_id = :id
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
    since, until = started_ms - _TOLERANCE_MS, started_ms + _TOLERANCE_MS
    rows = connection.execute(
        _FIND,
        {
            "id": finished.provider_request_id,
            "provider": finished.begun.provider,
            "since": since,
            "until": until,
            "first_day": since // DAY_MS,
            "last_day": until // DAY_MS,
            "self": finished.begun.request_id,
        },
    ).fetchall()
    return _sorted(rows, finished.begun.started_at)


# Where one of two has no id that tells: who bills, the model, the tokens, and times that lie together.
_FIND_ALIKE = f"""
SELECT x.id, x.request_id, x.started_ms, t.source
FROM requests x JOIN models m ON m.id = x.model_id JOIN traits t ON t.id = x.trait_id
  LEFT JOIN outcomes o ON o.id = x.outcome_id
WHERE x.started_ms BETWEEN :since AND :until AND x.started_ms + coalesce(x.latency_ms, 0) >= :from
  AND x.input_tokens = :input AND x.output_tokens = :output
  AND m.provider = :provider AND (m.model = :model OR o.served_model = :model)
  AND (NOT :is_telling OR coalesce(length(x.provider_request_id), 0) < {witness.SHORTEST_TELLING_ID})
  AND t.source <> :source AND x.request_id <> :self
"""


def alike(connection: sqlite3.Connection, finished: Finished) -> list[Witness]:
    """Records that can only be of this request although no id says so, the best witness first, then the nearest."""
    begun, usage = finished.begun, finished.usage
    if not usage.input_tokens or usage.output_tokens is None:
        return []
    started_ms = ms_of(begun.started_at)
    values = {
        "since": started_ms - _LONGEST_ANSWER_MS,
        "until": started_ms + (finished.latency_ms or 0) + _NEARNESS_MS,
        "from": started_ms - _NEARNESS_MS,
        "input": usage.input_tokens,
        "output": usage.output_tokens,
        "provider": begun.provider,
        "model": finished.served_model or begun.model,
        "is_telling": witness.is_telling(finished.provider_request_id),
        "source": begun.source,
        "self": begun.request_id,
    }
    rows = connection.execute(_FIND_ALIKE, values).fetchall()
    found = [
        Witness(row=row, request_id=other, started_at=time_of(ms), source=source) for row, other, ms, source in rows
    ]
    return sorted(found, key=lambda other: _distance(other, begun.started_at))


MARGIN_MS = _TOLERANCE_MS + _NEARNESS_MS + _LONGEST_ANSWER_MS
"""How far apart two records of one request can be, beside the time that it took."""
ALWAYS = (-(1 << 62), 1 << 62)


def time_of_others(connection: sqlite3.Connection, rank: int) -> tuple[int, int] | None:
    """Between which times requests lie that witnesses of another rank recorded; None when there are none.

    Generous: days from the roll-ups, which may stand for months, and the rows above their watermarks.
    """
    if connection.execute("SELECT 1 FROM meta WHERE key = 'witnesses_pruned'").fetchone() is not None:
        return ALWAYS
    sources = connection.execute("SELECT id, source FROM traits").fetchall()
    others = json.dumps([number for number, source in sources if witness.rank(source) != rank])
    since, until = connection.execute(_TIME_OF_OTHERS, {"traits": others, "day": DAY_MS}).fetchone()
    return None if since is None else (since - MARGIN_MS, until + MARGIN_MS)


_TIME_OF_OTHERS = """
WITH others AS MATERIALIZED (SELECT value AS id FROM json_each(:traits)),
  marks AS (SELECT coalesce(max(CAST(value AS INTEGER)) FILTER (WHERE key = 'rolled_request'), 0) AS request,
    coalesce(max(CAST(value AS INTEGER)) FILTER (WHERE key = 'rolled_adjustment'), 0) AS adjustment FROM meta)
SELECT min(since), max(until) FROM (
  SELECT min(day) * :day AS since, (max(day) + 32) * :day AS until FROM rollup_days
    WHERE zone = 0 AND trait_id IN (SELECT id FROM others)
  UNION ALL SELECT min(started_ms), max(started_ms) FROM requests
    WHERE id > (SELECT request FROM marks) AND trait_id IN (SELECT id FROM others)
  UNION ALL SELECT min(effective_ms), max(effective_ms) FROM adjustments
    WHERE id > (SELECT adjustment FROM marks) AND trait_id IN (SELECT id FROM others))
"""


def linked_key(better: bytes, source: str) -> bytes:
    """The `seen` key which says that a request already stands for one record of that source."""
    return digest_of("link", better.hex(), source)


def cause_key(cause: str) -> bytes:
    """The `seen` key which says that a correction with this cause was booked, also when it is pruned."""
    return digest_of("cause", cause)


def pruned_key(provider: str, provider_request_id: str, rank: int, hour: int) -> bytes:
    """The `seen` key of a provider's id whose row, by a witness of this rank and of that hour since 1970, was pruned.

    It begins with the hour: what is pruned together then lies together, where scattered keys would touch a page each.
    """
    text = f"{rank}\0{provider}\0{provider_request_id}".encode("utf-8", "surrogatepass")
    digest = hashlib.blake2b(text, digest_size=12, person=b"pruned").digest()
    return b"\xff" + min(max(0, hour), _LAST_HOUR).to_bytes(3, "big") + digest


def pruned_witness(
    connection: sqlite3.Connection, finished: Finished, ranks: Iterable[int]
) -> tuple[int, bytes] | None:
    """The row number of a pruned record of this request by a witness of one of these ranks, and the key to link it by.

    It stands for one record of a source: ids of careless servers repeat.
    """
    begun = finished.begun
    kinds = {key for (key,) in connection.execute(_KINDS_PRUNED)}
    for rank in ranks if kinds else ():
        for key in _pruned_keys(finished, rank, kinds):
            found = connection.execute("SELECT row FROM seen WHERE key = ?", (key,)).fetchone()
            link = linked_key(key, begun.source)
            if found and connection.execute("SELECT 1 FROM seen WHERE key = ?", (link,)).fetchone() is None:
                return found[0], link
    return None


def _pruned_keys(finished: Finished, rank: int, kinds: set[str]) -> Iterator[bytes]:
    provider, identity = finished.begun.provider, finished.provider_request_id or ""
    if "pruned_hours" in kinds:
        at = ms_of(finished.begun.started_at)
        for hour in range((at - _TOLERANCE_MS) // _HOUR_MS, (at + _TOLERANCE_MS) // _HOUR_MS + 1):
            yield pruned_key(provider, identity, rank, hour)
    if "witnesses_pruned" in kinds:
        yield digest_of("pruned", provider, identity, rank)


def remember_witnesses(connection: sqlite3.Connection, rows: Sequence[int], adjustments: Sequence[int] = ()) -> None:
    """Note the telling provider ids of requests and adjustments (by their numbers) that are about to be pruned.

    In the transaction of the prune. Without it an import after a prune would count again what the pruned row, now in
    the roll-ups, had counted.
    """
    numbers = {"rows": json.dumps(list(rows)), "adjustments": json.dumps(list(adjustments))}
    notes = [
        {"key": pruned_key(provider, provider_id, witness.rank(source), ms // _HOUR_MS), "row": row, "status": LINK}
        for provider, provider_id, row, source, ms in connection.execute(_IDS_OF, numbers)
        if witness.is_telling(provider_id)
    ]
    connection.executemany(_NOTE_PRUNED, sorted(notes, key=itemgetter("key")))
    connection.execute("INSERT OR IGNORE INTO meta (key, value) VALUES ('pruned_hours', '1')")


_KINDS_PRUNED = "SELECT key FROM meta WHERE key IN ('pruned_hours', 'witnesses_pruned')"
_IDS_OF = """
SELECT m.provider, x.provider_request_id, x.id, t.source, x.started_ms
FROM requests x JOIN models m ON m.id = x.model_id JOIN traits t ON t.id = x.trait_id
WHERE x.id IN (SELECT value FROM json_each(:rows)) AND x.provider_request_id IS NOT NULL
UNION ALL
SELECT m.provider, a.provider_request_id, coalesce(k.row, 0), t.source, a.effective_ms FROM adjustments a
  JOIN models m ON m.id = a.model_id JOIN traits t ON t.id = a.trait_id LEFT JOIN seen k ON k.key = a.request_id
WHERE a.id IN (SELECT value FROM json_each(:adjustments)) AND a.provider_request_id IS NOT NULL
"""
_NOTE_PRUNED = """
INSERT INTO seen (key, row, status, cost_nanousd)
SELECT :key, :row, :status, NULL WHERE NOT EXISTS (SELECT 1 FROM seen WHERE key = :key)
"""


def _sorted(rows: Sequence[tuple[int, bytes, int, str]], moment: datetime) -> list[Witness]:
    found = [
        Witness(row=row, request_id=request_id, started_at=time_of(ms), source=source)
        for row, request_id, ms, source in rows
    ]
    return sorted(found, key=lambda other: _distance(other, moment))


def _distance(other: Witness, moment: datetime) -> tuple[int, float, int]:
    return (witness.rank(other.source), abs((other.started_at - moment).total_seconds()), other.row)
