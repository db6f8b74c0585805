"""Taking another ledger's keys over, so that what it imported is not imported again here."""

import sqlite3

SOURCE_KEY = 8
"""From this status on a `seen` key is an importer's, not a request's."""

Key = tuple[bytes, int, int | None, bytes]
"""The key, its status, its cost, and the id of the request that it belongs to."""


def take_over(connection: sqlite3.Connection, keys: list[Key]) -> None:
    """Note keys that were never seen here, in the caller's transaction; their requests must be here already."""
    connection.executemany(
        "INSERT INTO seen (key, row, status, cost_nanousd) "
        "SELECT ?1, (SELECT row FROM seen WHERE key = ?4), ?2, ?3 "
        "WHERE NOT EXISTS (SELECT 1 FROM seen WHERE key = ?1) AND EXISTS (SELECT 1 FROM seen WHERE key = ?4)",
        keys,
    )


def has_pruned_detail(connection: sqlite3.Connection) -> bool:
    """Whether a ledger has requests that only live on in its roll-ups, and so cannot be taken over."""
    return connection.execute("SELECT 1 FROM prunings WHERE what = 'detail' AND requests > 0").fetchone() is not None


def count_of_reconciled(connection: sqlite3.Connection) -> int:
    """How many corrections by invoices a ledger has."""
    found: int = connection.execute("SELECT count(*) FROM adjustments WHERE kind = 'reconcile'").fetchone()[0]
    return found
