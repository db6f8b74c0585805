"""What imports remember in the ledger: how far each log was read, what could not be read, and how a source is paid.

None of it keeps a request from counting twice (`seen` does that): it saves time, and it can be deleted.
"""

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from llmledger.core.request import Finished
from llmledger.ledger.booking import Booked, Books, source_digest
from llmledger.ledger.bulk import PlainRow
from llmledger.ledger.codec import compact
from llmledger.ledger.ledger import Ledger, RecordCounts
from llmledger.ledger.manners import Manners
from llmledger.ledger.rows import ms_of, time_of

PATIENCE_S = 120.0
"""How long an import waits for the others: no client waits for it, and its writes cannot go to the spool."""
PATIENT = Manners(patience_s=PATIENCE_S, open_patience_s=PATIENCE_S)
"""How an import opens a ledger: several may run at once, and each takes its turn."""
PROBLEMS_KEPT = 1_000
"""Of one file; the rest are counted in its note alone."""
_ASKED_AT_ONCE = 500
CACHE_KIB = 24_000
"""Keys of an import fall all over their indexes: pages that stay in memory are not written twice."""


@dataclass(frozen=True, slots=True)
class FileNote:
    """How far one log was read: `state` is the importer's affair."""

    path: str
    state: Mapping[str, Any]
    imported_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class FileProblem:
    """A line or row that could not be read: where and why, never the text."""

    path: str
    line: int
    reason: str
    found_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """What one transaction of an import writes: requests, and how far their logs are then read."""

    source: str
    records: Sequence[PlainRow | Finished]
    notes: Sequence[FileNote] = ()
    problems: Sequence[FileProblem] = ()
    forgotten: Sequence[str] = field(default=())
    """Logs that are read anew from their beginning: their problems are found again."""


def import_batch(ledger: Ledger, batch: Batch, *, now: datetime) -> RecordCounts:
    """Write a batch in one transaction; each request counts once however often it is handed in. Raises StorageError."""
    booked: list[Booked] = ledger.call(lambda books: _write(books, batch, ms_of(now)), patience_s=PATIENCE_S)
    return RecordCounts(
        added=booked.count(Booked.ADDED),
        known=booked.count(Booked.KNOWN),
        linked=booked.count(Booked.LINKED),
        snapshots=booked.count(Booked.SNAPSHOT) + booked.count(Booked.LATE),
    )


def read_notes(connection: sqlite3.Connection, source: str) -> dict[str, FileNote]:
    """How far each log of a source was read, by path."""
    rows = connection.execute("SELECT path, state, imported_ms FROM import_files WHERE source = ?", (source,))
    return {path: FileNote(path, json.loads(state), time_of(imported_ms)) for path, state, imported_ms in rows}


def last_imported(connection: sqlite3.Connection, source: str) -> datetime | None:
    """When a log of this source was last read."""
    row = connection.execute("SELECT max(imported_ms) FROM import_files WHERE source = ?", (source,)).fetchone()
    return None if row[0] is None else time_of(row[0])


def read_problems(connection: sqlite3.Connection) -> dict[str, list[FileProblem]]:
    """The quarantine, by source."""
    found: dict[str, list[FileProblem]] = {}
    query = "SELECT source, path, line, reason, found_ms FROM import_problems ORDER BY source, path, line"
    for source, path, line, reason, found_ms in connection.execute(query):
        found.setdefault(source, []).append(FileProblem(path, line, reason, time_of(found_ms)))
    return found


def remembered_billing(connection: sqlite3.Connection) -> dict[str, str]:
    """How each source is paid, as the user once said."""
    rows = connection.execute("SELECT substr(key, 9), value FROM meta WHERE key GLOB 'billing:*'")
    return dict(rows.fetchall())


def remember_billing(ledger: Ledger, source: str, kind: str) -> None:
    """Keep the user's word for the next time."""
    ledger.call(
        lambda books: (
            books.connection.execute(
                "INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                (f"billing:{source}", kind),
            ).rowcount
        ),
        patience_s=PATIENCE_S,
    )


def seen_keys(connection: sqlite3.Connection, source_keys: Iterable[str]) -> set[str]:
    """Those of some source keys that were recorded before."""
    by_digest = {source_digest(key): key for key in source_keys}
    digests = list(by_digest)
    found: set[str] = set()
    for start in range(0, len(digests), _ASKED_AT_ONCE):
        asked = digests[start : start + _ASKED_AT_ONCE]
        marks = ",".join("?" * len(asked))
        found.update(
            by_digest[row[0]] for row in connection.execute(f"SELECT key FROM seen WHERE key IN ({marks})", asked)
        )
    return found


def _write(books: Books, batch: Batch, now_ms: int) -> list[Booked]:
    books.connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
    plain = [row for row in batch.records if isinstance(row, PlainRow)]
    booked = books.finish_plain(plain)
    booked += [books.finish(row) for row in batch.records if not isinstance(row, PlainRow)]
    connection = books.connection
    connection.executemany(
        "DELETE FROM import_problems WHERE source = ? AND path = ?", [(batch.source, path) for path in batch.forgotten]
    )
    connection.executemany(
        "INSERT OR REPLACE INTO import_problems (source, path, line, reason, found_ms) SELECT ?1, ?2, ?3, ?4, ?5"
        f" WHERE (SELECT count(*) FROM import_problems WHERE source = ?1 AND path = ?2) < {PROBLEMS_KEPT}",
        [(batch.source, problem.path, problem.line, problem.reason, now_ms) for problem in batch.problems],
    )
    connection.executemany(
        "INSERT OR REPLACE INTO import_files (source, path, state, imported_ms) VALUES (?, ?, ?, ?)",
        [(batch.source, note.path, compact(dict(note.state)), now_ms) for note in batch.notes],
    )
    return booked
