"""A glance at a ledger: what one range cost, in one indexed query and with few modules, for a prompt that waits.

Full reports are in `queries`; a test holds the two together.
"""

import sqlite3
from contextlib import closing
from typing import Any, NamedTuple

from llmledger.errors import StorageError

_SUMS = """
SELECT COALESCE(sum(n), 0), COALESCE(sum(cost), 0), COALESCE(sum(unpriced), 0) FROM (
  SELECT 1 AS n, x.cost_nanousd AS cost, x.cost_nanousd IS NULL AS unpriced, x.trait_id, x.session_id
  FROM requests x WHERE x.started_ms >= :since AND x.started_ms < :until
  UNION ALL
  SELECT x.requests, x.cost_nanousd, x.unpriced, x.trait_id, x.session_id
  FROM adjustments x WHERE x.effective_ms >= :since AND x.effective_ms < :until AND x.kind <> 'reconcile'
) JOIN traits t ON t.id = trait_id LEFT JOIN sessions s ON s.id = session_id
WHERE t.billing <> 'subscription' AND (:session IS NULL OR s.session = :session)"""


class Glance(NamedTuple):
    """What one range holds; the cost in nano-USD is None when every request is unpriced."""

    requests: int
    nanousd: int | None
    unpriced: int


def glance(path: str, since_ms: int, until_ms: int, session: str | None = None) -> Glance:
    """Sum up a range of a ledger (of one session). Raises StorageError when it cannot be read."""
    found = _first_row(path, _SUMS, {"since": since_ms, "until": until_ms, "session": session})
    requests, nanousd, unpriced = found
    return Glance(requests, None if requests and nanousd == 0 and unpriced >= requests else nanousd, unpriced)


def home_zone(path: str) -> str:
    """The zone in which a ledger keeps its days. Raises StorageError when it cannot be read."""
    return str(_first_row(path, "SELECT COALESCE(max(value), 'UTC') FROM meta WHERE key = 'home_zone'", {})[0])


def _first_row(path: str, sql: str, values: dict[str, object]) -> tuple[Any, ...]:
    quoted = path.replace("%", "%25").replace("?", "%3f").replace("#", "%23")
    try:
        with closing(sqlite3.connect(f"file:{quoted}?mode=ro", uri=True, timeout=0.2)) as connection:
            row: tuple[Any, ...] = connection.execute(sql, values).fetchone()
            return row
    except sqlite3.Error as error:
        raise StorageError(f"Ledger {path} cannot be read: {error}.") from error
