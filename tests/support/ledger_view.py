"""What a ledger holds, read as any SQL program would read it: through the public view."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any


def rows(path: Path) -> list[dict[str, Any]]:
    """Every request of a ledger, the oldest first, by the names of the public view."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute("SELECT * FROM requests_v1 ORDER BY row")]


def the_row(path: Path) -> dict[str, Any]:
    """The only request of a ledger."""
    (row,) = rows(path)
    return row


def begun(path: Path) -> int:
    """How many requests have begun and not ended."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        return int(connection.execute("SELECT count(*) FROM inflight").fetchone()[0])
