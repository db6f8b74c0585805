"""Writing many rows of an import at once: beside `Books.finish`, to the same rows, in a tenth of its time.

The ids of a heading are looked up once, and what SQLite can do by itself is not told row by row. What was seen before,
or may have another witness, goes the long way.
"""

import sqlite3
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from typing import Any

from llmledger.core.adjustment import answer_of, place_of
from llmledger.ledger.bulk import COST, DIGEST, LATENCY, OWN, REQUEST_ID, STARTED, Heading, RowValues, Sheaf, pack
from llmledger.ledger.dictionaries import Dictionaries

_OF_THE_HEADING = (
    *("model_id", "attribution_id", "trait_id", "outcome_id", "session_id", "price_version_id", "rate_id"),
)
_ROWS_OF_A_STATEMENT = (32, 4, 1)
"""Each statement costs as much as two rows of it: it looks up where AUTOINCREMENT stands, and notes it."""
_KEYS_OF_A_STATEMENT = 500
"""Of each page that it touches a statement keeps a copy until it is done: some 10 MB at most."""
_SEE_IDS = (
    "INSERT INTO seen (key, row, status, cost_nanousd) SELECT request_id, id, 0, cost_nanousd FROM requests"
    " WHERE id > ? AND id <= ? ORDER BY request_id"
)
_MAKE_KEYS = "CREATE TEMP TABLE new_keys (key BLOB, row INTEGER, cost_nanousd INTEGER)"
_SORT_KEYS = (
    "INSERT INTO temp.new_keys SELECT substr(?1, 16 * (id - ?2) - 15, 16), id, cost_nanousd FROM requests"
    " WHERE id > ?2 ORDER BY 1, 2"
)
"""The digests of new rows lie one behind the other, in the order of the rows' numbers."""
_SEE_KEYS = (
    "INSERT OR IGNORE INTO seen (key, row, status, cost_nanousd) SELECT key, row, 8, cost_nanousd FROM temp.new_keys"
    " WHERE rowid > ? AND rowid <= ? ORDER BY rowid"
)
"""Source keys fall all over `seen`: in their order each page is touched once."""
_FIND_SEEN = (
    "SELECT k.row, s.row, s.cost_nanousd FROM temp.new_keys k CROSS JOIN seen s ON s.key = k.key WHERE s.row <> k.row"
)
_TAKE_BACK = "DELETE FROM requests WHERE id = ?"
_IS_EXACT = "SELECT t.usage_quality = 'exact' FROM requests r JOIN traits t ON t.id = r.trait_id WHERE r.id = ?"
_ASKED_AT_ONCE = 500
_TRIED = 32
"""Keys of a sheaf that are looked up before it is taken for new."""
_GUARDS = ("requests_no_replace", "requests_no_delete", "seen_no_replace")
_MANY = 2_000
"""From so many rows on it pays to lay the guards aside: the schema is read again after it."""

Ids = tuple[int | None, ...]
Found = tuple[int, int | None]
"""The number of a row that has a key, and its cost."""


def insert_sheaves(
    connection: sqlite3.Connection,
    ids: Dictionaries,
    sheaves: Sequence[Sheaf],
    *,
    is_awaited: Callable[[], bool],
    crowded: tuple[int, int] | None = None,
) -> tuple[int, int, int, list[tuple[Heading, RowValues]]]:
    """Insert the rows whose keys were never seen, in the caller's transaction, until somebody waits for it.

    A row that began within the `crowded` time (Unix milliseconds) is one of the others, whose way is long: a sheaf of
    them is enough for one transaction.
    Returns how many sheaves were taken, how many rows were inserted, how many were known for certain, and the others.
    Raises sqlite3.IntegrityError when a request id is there that no source key tells of, as after an export was read
    back: then all must go the long way.
    """
    done, are_many = 0, sum(sheaf.count for sheaf in sheaves) >= _MANY
    work = _Insertion(connection, ids, crowded or (1, 0), is_bold=are_many)
    with _guards_laid_aside(connection, are_many=are_many):
        for sheaf in sheaves:
            work.add(sheaf)
            done += 1
            if done < len(sheaves) and (len(work.others) >= _MANY or is_awaited()):
                break
        work.see()
    return done, work.added, work.known, work.others


class _Insertion:
    """One transaction's rows.

    A bold one takes a sheaf for new when none of some keys was seen, and takes back what turns out to be known as the
    keys are written, at its end. The others look up each key.
    """

    def __init__(
        self, connection: sqlite3.Connection, ids: Dictionaries, crowded: tuple[int, int], *, is_bold: bool
    ) -> None:
        self._since, self._until = crowded
        self._is_bold = is_bold
        self.added = self.known = 0
        self.others: list[tuple[Heading, RowValues]] = []
        self._connection, self._ids = connection, ids
        self._before: int = connection.execute(
            "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'requests'"
        ).fetchone()[0]
        self._digests = bytearray()
        self._sheaves: list[Sheaf] = []
        self._first: list[int] = []
        """Of each sheaf the number of its first row among the new ones."""
        self._found: dict[int, Ids] = {}

    def add(self, sheaf: Sheaf) -> None:
        """Insert the fresh rows of a sheaf."""
        told = sheaf.unpacked()
        is_alone = told.until_ms < self._since or self._until < told.since_ms
        if not (self._is_bold and is_alone and self._looks_new(told.digests)):
            fresh = self._sifted(sheaf)
            sheaf = replace(sheaf, packed=pack(fresh), count=len(fresh))
            told = sheaf.unpacked()
        self._sheaves.append(sheaf)
        self._first.append(self.added)
        for number, places, values in told.groups:
            self._insert(sheaf.headings[number], places, values)
        self._digests += told.digests

    def see(self) -> None:
        """Write the keys of all rows; those that are known are taken back."""
        connection, before, count = self._connection, self._before, self.added
        if not count:
            return
        parts = [(at, at + _KEYS_OF_A_STATEMENT) for at in range(0, count, _KEYS_OF_A_STATEMENT)]
        connection.execute(_MAKE_KEYS)
        connection.execute(_SORT_KEYS, (self._digests, before))
        if connection.executemany(_SEE_KEYS, parts).rowcount < count:
            for number, row, cost in connection.execute(_FIND_SEEN).fetchall():
                connection.execute(_TAKE_BACK, (number,))
                self.added -= 1
                self._put_aside(*self._row(number - before - 1), (row, cost))
        connection.execute("DROP TABLE temp.new_keys")
        connection.executemany(_SEE_IDS, [(before + first, before + last) for first, last in parts])

    def _insert(self, heading: Heading, places: tuple[int, ...], values: list[Any]) -> None:
        width, at = len(places), 0
        shared = self._heading_ids(heading)
        # Bytes would be offered to each adapter that a program may have registered; a bytearray is taken as it is.
        values[::width] = map(bytearray, values[::width])
        for size in _ROWS_OF_A_STATEMENT:
            step = size * width
            if len(values) - at < step:
                continue
            last = len(values) - (len(values) - at) % step
            first = self._before + self.added
            parts = ((*shared, first + (b - at) // width, *values[b : b + step]) for b in range(at, last, step))
            self._connection.executemany(_insert_rows(places, size), parts)
            self.added += (last - at) // width
            at = last

    def _sifted(self, sheaf: Sheaf) -> list[RowValues]:
        """The rows of a sheaf that were never seen and have no other witness."""
        rows = sheaf.rows()
        seen = self._seen(sorted(row[DIGEST] for row in rows))
        fresh: dict[bytes, RowValues] = {}
        for row in rows:
            heading, digest = sheaf.headings[row[0]], row[DIGEST]
            is_crowded = self._since <= row[STARTED] + (row[LATENCY] or 0) and row[STARTED] <= self._until
            if digest in seen:
                self._put_aside(heading, row, seen[digest])
            elif is_crowded or digest in fresh or (not self._is_bold and digest in self._digests):
                self.others.append((heading, row))
            else:
                fresh[digest] = row
        return list(fresh.values())

    def _put_aside(self, heading: Heading, row: RowValues, found: Found) -> None:
        """A row that was there before: known when it stands so already, else it goes the long way."""
        # An equal price tells an equal usage, unless it is nothing.
        if row[COST] and row[COST] == found[1] and (not heading.is_exact or self._is_exact(found[0])):
            self.known += 1
        else:
            self.others.append((heading, row))

    def _row(self, place: int) -> tuple[Heading, RowValues]:
        """The heading and the values of one of the new rows."""
        at = bisect_right(self._first, place) - 1
        sheaf = self._sheaves[at]
        row = sheaf.rows()[place - self._first[at]]
        return sheaf.headings[row[0]], row

    def _is_exact(self, number: int) -> bool:
        row = self._connection.execute(_IS_EXACT, (number,)).fetchone()
        return bool(row and row[0])

    def _looks_new(self, digests: bytes) -> bool:
        """Whether none of some keys was seen: those of logs that were read before nearly always were."""
        every = max(1, len(digests) // 16 // _TRIED)
        return not self._seen([digests[at : at + 16] for at in range(0, len(digests), 16 * every)])

    def _seen(self, digests: list[bytes]) -> dict[bytes, Found]:
        found: dict[bytes, Found] = {}
        for start in range(0, len(digests), _ASKED_AT_ONCE):
            asked = digests[start : start + _ASKED_AT_ONCE]
            query = f"SELECT key, row, cost_nanousd FROM seen WHERE key IN ({','.join('?' * len(asked))})"
            found.update((key, (row, cost)) for key, row, cost in self._connection.execute(query, asked))
        return found

    def _heading_ids(self, heading: Heading) -> Ids:
        found = self._found.get(id(heading))
        if found is None:
            ids, template = self._ids, heading.template
            begun, charged, who = template.begun, template.charged, template.begun.attribution
            found = self._found[id(heading)] = (
                ids.model(begun.provider, begun.model),
                ids.attribution(who),
                ids.trait(place_of(template)),
                ids.outcome(answer_of(template)),
                ids.session(who),
                ids.price_version(charged.price_version),
                ids.rate(charged.rate_id, charged.rate, version=charged.price_version),
            )
        return found


@cache
def _insert_rows(places: tuple[int, ...], count: int) -> str:
    """The statement for so many rows below one heading: its ids, the number before the first row, and their values.

    What an import cannot know is NULL, and the rest as in `rows.request_row`.
    """
    shared = ", ".join(f"?{number}" for number in range(1, len(_OF_THE_HEADING) + 1))
    before = len(_OF_THE_HEADING) + 1
    own = [OWN[place - REQUEST_ID] for place in places]
    rows = []
    for row in range(count):
        first = before + 1 + row * len(places)
        values = ", ".join(f"?{number}" for number in range(first, first + len(places)))
        rows.append(f"(?{before} + {row + 1}, {values}, {shared}, 1, 0, '')")
    columns = ", ".join(("id", *own, *_OF_THE_HEADING, "attempts", "cache_hit", "timeline"))
    return f"INSERT INTO requests ({columns}) VALUES {', '.join(rows)}"


@contextmanager
def _guards_laid_aside(connection: sqlite3.Connection, *, are_many: bool) -> Iterator[None]:
    """Without the guards against REPLACE while many rows are inserted; nobody else can write before they are back.

    They take a third of the time, and nothing here can offend against them: these are plain inserts, `seen` has each
    key once by its own primary key, and only rows of this very transaction are taken back. They go and come back in one
    transaction, which ends with them or not at all.
    """
    if not are_many:
        yield
        return
    names = ", ".join(f"'{name}'" for name in _GUARDS)
    query = f"SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' AND name IN ({names})"
    guards = connection.execute(query).fetchall()
    for name, _ in guards:
        connection.execute(f"DROP TRIGGER {name}")
    yield
    for _, text in guards:
        connection.execute(text)
