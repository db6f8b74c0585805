"""Which single requests are meant: their row numbers, newest first, as they stand after their corrections."""

from collections.abc import Iterator

from llmledger.core.selection import Selection
from llmledger.core.window import Window
from llmledger.ledger.queries.aggregate import Connection
from llmledger.ledger.queries.filter import (
    NET_UNPRICED,
    Conditions,
    allowed_ids,
    clearing_conditions,
    filters_attributions,
    read_dictionaries,
    session_conditions,
)
from llmledger.ledger.queries.shape import time_conditions

STANDING_REQUESTS = """requests r LEFT JOIN adjustments n ON n.id = (
  SELECT max(x.id) FROM adjustments x WHERE x.request_id = r.request_id AND x.requests > 0 AND x.kind <> 'reconcile')
  LEFT JOIN sessions s ON s.id = COALESCE(n.session_id, r.session_id)"""
"""Requests (`r`) with the entry that says where each counts now, if it was moved (`n`), and its session (`s`)."""
_COUNTS = """NOT EXISTS (SELECT 1 FROM adjustments x WHERE x.request_id = r.request_id AND x.requests < 0) OR
  1 + (SELECT sum(x.requests) FROM adjustments x WHERE x.request_id = r.request_id AND x.kind <> 'reconcile') > 0"""
"""Whether a request still counts: duplicates do not."""


def find_rows(
    connection: Connection, window: Window, selection: Selection, *, limit: int | None = None
) -> Iterator[int]:
    """The row numbers of the requests that pass, newest first; at most `limit`."""
    conditions = standing_conditions(connection, window, selection)
    conditions.add(f"({_COUNTS})")
    sql = f"SELECT r.id FROM {STANDING_REQUESTS} {conditions.sql} ORDER BY r.started_ms DESC, r.id DESC LIMIT ?"
    for (row,) in connection.execute(sql, [*conditions.params, -1 if limit is None else limit]):
        yield int(row)


def standing_conditions(connection: Connection, window: Window, selection: Selection) -> Conditions:
    """What a request has to fulfil as it stands now, over `STANDING_REQUESTS`."""
    dictionaries = read_dictionaries(connection, attributions=filters_attributions(selection))
    allowed = allowed_ids(selection, dictionaries)
    conditions = Conditions()
    time_conditions(conditions, "r.started_ms", window.since_ms, window.until_ms)
    for column, ids in (
        ("model_id", allowed.models),
        ("attribution_id", allowed.attributions),
        ("trait_id", allowed.traits),
    ):
        conditions.ids(f"COALESCE(n.{column}, r.{column})", ids)
    session_conditions(conditions, selection)
    clearing_conditions(conditions, selection, alias="r", time="started_ms", known="r.id <= q.last_request")
    if selection.unpriced:
        conditions.add(NET_UNPRICED)
    return conditions
