"""What imports remember in the ledger: how far each log was read, what could not be read, and how a source is paid.

None of it keeps a request from counting twice (`seen` does that): it saves time, and it can be deleted.
"""

import json
import sqlite3
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Any

from llmledger.core.request import Finished
from llmledger.ledger.booking import Booked, Books
from llmledger.ledger.bulk import Sheaf
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
_FIRST_ROWS, _MOST_ROWS = 10_000, 30_000


@dataclass(frozen=True, slots=True)
class FileNote:
    """How far one log was read: `state` is the importer's affair."""

    path: str
    state: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class FileProblem:
    """A line or row that could not be read: where and why, never the text."""

    path: str
    line: int
    reason: str
    found_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """What an import writes together: requests, and how far their logs are then read."""

    source: str
    sheaves: Sequence[Sheaf] = ()
    records: Sequence[Finished] = ()
    """Those with more to them than a plain row holds."""
    notes: Sequence[FileNote] = ()
    problems: Sequence[FileProblem] = ()
    forgotten: Sequence[str] = field(default=())
    """Logs that are read anew from their beginning: their problems are found again."""

    @property
    def size(self) -> int:
        """How many records it has."""
        return sum(sheaf.count for sheaf in self.sheaves) + len(self.records)

    def __add__(self, later: "Batch") -> "Batch":
        """Both as one; of the same source."""
        return Batch(
            self.source,
            (*self.sheaves, *later.sheaves),
            (*self.records, *later.records),
            (*self.notes, *later.notes),
            (*self.problems, *later.problems),
            (*self.forgotten, *later.forgotten),
        )


class Pace:
    """How much an import writes in one transaction: twice as much as before while nobody waits, little when one did.

    Each page of an index is written once for all rows of a transaction; but whoever waits does so until their keys are
    in too.
    """

    def __init__(self) -> None:
        self._rows = _FIRST_ROWS

    def taken(self, sheaves: Sequence[Sheaf]) -> Sequence[Sheaf]:
        """The sheaves of the next transaction: one at least."""
        total = count = 0
        while count < len(sheaves) and (not count or total + sheaves[count].count <= self._rows):
            total += sheaves[count].count
            count += 1
        return sheaves[:count]

    def learn(self, *, is_awaited: bool) -> None:
        """Whether somebody waited for the last one."""
        self._rows = 0 if is_awaited else min(_MOST_ROWS, max(_FIRST_ROWS, 2 * self._rows))


def import_batch(ledger: Ledger, batch: Batch, *, now: datetime, pace: Pace | None = None) -> RecordCounts:
    """Write a batch; each request counts once however often it is handed in. Raises StorageError.

    In as many transactions as the pace wants. How far the logs are read stands in the last.
    """
    booked: Counter[Booked] = Counter()
    rest: Sequence[Sheaf] = batch.sheaves
    pace = pace or Pace()
    one_by_one = is_last = False
    while not is_last:
        part = replace(batch, sheaves=rest[:1] if one_by_one else pace.taken(rest))
        is_all = len(part.sheaves) == len(rest)
        try:
            done, counts = ledger.call(
                partial(_write, batch=part, now_ms=ms_of(now), is_all=is_all, one_by_one=one_by_one),
                patience_s=PATIENCE_S,
                is_bulk=True,
            )
        except sqlite3.IntegrityError:
            if one_by_one:
                raise
            one_by_one = True
            continue
        booked += counts
        is_last = is_all and done == len(rest)
        pace.learn(is_awaited=done < len(part.sheaves))
        rest = rest[done:]
    return RecordCounts(
        added=booked[Booked.ADDED],
        known=booked[Booked.KNOWN],
        linked=booked[Booked.LINKED],
        snapshots=booked[Booked.SNAPSHOT] + booked[Booked.LATE],
    )


def read_notes(connection: sqlite3.Connection, source: str) -> dict[str, FileNote]:
    """How far each log of a source was read, by path."""
    rows = connection.execute("SELECT path, state FROM import_files WHERE source = ?", (source,))
    return {path: FileNote(path, json.loads(state)) for path, state in rows}


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


def seen_digests(connection: sqlite3.Connection, digests: Sequence[bytes]) -> set[bytes]:
    """Those of some source keys' digests that were recorded before."""
    found: set[bytes] = set()
    for start in range(0, len(digests), _ASKED_AT_ONCE):
        asked = digests[start : start + _ASKED_AT_ONCE]
        marks = ",".join("?" * len(asked))
        found.update(row[0] for row in connection.execute(f"SELECT key FROM seen WHERE key IN ({marks})", asked))
    return found


def _write(books: Books, *, batch: Batch, now_ms: int, is_all: bool, one_by_one: bool) -> tuple[int, Counter[Booked]]:
    """Write as many sheaves as can be, and the rest of the batch after the last; how many, and what became of all."""
    done, booked = (
        books.finish_sheaves(batch.sheaves, one_by_one=one_by_one) if batch.sheaves else (0, Counter[Booked]())
    )
    if is_all and done == len(batch.sheaves):
        booked.update(books.finish(record) for record in batch.records)
        _write_notes(books.connection, batch, now_ms)
    return done, booked


def _write_notes(connection: sqlite3.Connection, batch: Batch, now_ms: int) -> None:
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
