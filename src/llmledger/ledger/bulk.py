"""Writing many rows that differ in little: the fast way of an import, beside `Books.finish` and to the same rows.

A million requests of a log share some thousands of headings (model, session, folder, rate ...). The ids of a heading
are looked up once; what was seen before, or has another witness, goes the long way.
"""

import json
import marshal
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, TypeAlias, cast

from llmledger.core.adjustment import answer_of, place_of
from llmledger.core.cost import components_from_json
from llmledger.core.request import Finished
from llmledger.core.usage import Usage
from llmledger.core.words import UsageQuality
from llmledger.ledger.dictionaries import Dictionaries
from llmledger.ledger.rows import USAGE_COLUMNS, time_of
from llmledger.ledger.storable import LARGEST_COUNT, LARGEST_NANOUSD, LONGEST_NAME, storable

RowValues: TypeAlias = tuple[Any, ...]
"""A plain row: the number of its heading, source key, digest of that, then the values of `_OWN` as they are stored."""
_KEY, DIGEST, _REQUEST_ID, STARTED, _PROVIDER_ID, _LATENCY, _FIRST_TOKEN, _USAGE = 1, 2, 3, 4, 5, 6, 7, 8
COST, _COMPONENTS = _USAGE + len(USAGE_COLUMNS), _USAGE + len(USAGE_COLUMNS) + 1

_OWN = (
    *("request_id", "started_ms", "provider_request_id", "latency_ms", "first_token_ms"),
    *(*USAGE_COLUMNS, "cost_nanousd", "components"),
)
_OF_THE_HEADING = (
    *("model_id", "attribution_id", "trait_id", "outcome_id", "session_id", "price_version_id", "rate_id"),
)
_COLUMNS = ("id", *_OWN, *_OF_THE_HEADING)
_INSERT = (
    f"INSERT INTO requests ({', '.join(_COLUMNS)}, attempts, cache_hit, timeline)"
    f" VALUES ({', '.join('?' * len(_COLUMNS))}, 1, 0, '')"
)
"""What an import cannot know is NULL, and the rest as in `rows.request_row`. One row for each statement: one that inserts
several keeps a journal of every page that it touches, which takes longer than the rows.
"""
_SEE = "INSERT INTO seen (key, row, status, cost_nanousd) VALUES (?, ?, ?, ?)"
_ASKED_AT_ONCE = 500
_COMPLETED, _SOURCE_KEY = 0, 8
_GUARDS = ("requests_no_replace", "seen_no_replace")
_MANY = 2_000
"""From so many rows on it pays to lay the guards aside: the schema is read again after it."""

Ids = tuple[int | None, ...]


class Heading:
    """What many requests have in common: a completed request that stands for all of them, its own figures aside."""

    __slots__ = ("is_exact", "template")

    def __init__(self, template: Finished) -> None:
        """Make the template storable: the rows below it are written as they are."""
        self.template = storable(template)
        self.is_exact = template.usage_quality is UsageQuality.EXACT


@dataclass(frozen=True, slots=True)
class Sheaf:
    """Plain rows of one source below their headings; packed, so that many of them wait in little memory."""

    source: str
    headings: Sequence[Heading]
    packed: bytes
    count: int

    def rows(self) -> list[RowValues]:
        """The rows."""
        return cast("list[RowValues]", marshal.loads(self.packed))  # noqa: S302 - packed by this program


def pack(rows: Sequence[RowValues]) -> bytes:
    """Rows as a sheaf holds them."""
    return marshal.dumps(list(rows), 2)


def is_plain(name: str) -> bool:
    """Whether a name needs no mending."""
    return name.isascii() and len(name) <= LONGEST_NAME and "\x00" not in name


def is_storable(told: Sequence[Any], counts: Mapping[str, int], cost_nanousd: int) -> bool:
    """Whether nothing in a row's own values needs mending; else it goes the long way.

    `told` is the provider's request id, the latency and the time to the first token.
    """
    provider_id, latency_ms, first_token_ms = told
    if provider_id is not None and not is_plain(provider_id):
        return False
    largest = max(*counts.values(), latency_ms or 0, first_token_ms or 0)
    return largest <= LARGEST_COUNT and cost_nanousd <= LARGEST_NANOUSD


def whole_of(heading: Heading, row: RowValues) -> Finished:
    """The request of a plain row, for the long way."""
    template = heading.template
    cost, components = row[COST], row[_COMPONENTS]
    charged = replace(
        template.charged,
        cost_nanousd=cost,
        computed_nanousd=cost,
        components=components_from_json(json.loads(components)) if components else (),
    )
    return replace(
        template,
        begun=replace(template.begun, request_id=row[_REQUEST_ID], started_at=time_of(row[STARTED])),
        usage=Usage(**dict(zip(USAGE_COLUMNS, row[_USAGE:COST], strict=True))),
        charged=charged,
        provider_request_id=row[_PROVIDER_ID],
        latency_ms=row[_LATENCY],
        first_token_ms=row[_FIRST_TOKEN],
        source_key=row[_KEY],
    )


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
    work = _Insertion(connection, ids, crowded or (1, 0))
    done = 0
    with _guards_laid_aside(connection, sum(sheaf.count for sheaf in sheaves)):
        for sheaf in sheaves:
            work.add(sheaf)
            done += 1
            if done < len(sheaves) and (len(work.others) >= _MANY or is_awaited()):
                break
        work.see()
    return done, work.added, work.known, work.others


class _Insertion:
    """One transaction's rows. Their source keys fall all over `seen`: written at its end, in order, each page is touched
    once.
    """

    def __init__(self, connection: sqlite3.Connection, ids: Dictionaries, crowded: tuple[int, int]) -> None:
        self._since, self._until = crowded
        self.added = self.known = 0
        self.others: list[tuple[Heading, RowValues]] = []
        self._connection, self._ids = connection, ids
        self._number: int = connection.execute(
            "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'requests'"
        ).fetchone()[0]
        self._own: dict[bytes, tuple[int, int, bool]] = {}
        """By digest the number of each new row, its cost, and whether it is exact."""
        self._found: dict[int, Ids] = {}

    def add(self, sheaf: Sheaf) -> None:
        """Insert the fresh rows of a sheaf, and their request ids."""
        rows, headings = sheaf.rows(), sheaf.headings
        seen = self._seen(sorted(row[DIGEST] for row in rows))
        fresh: list[tuple[Any, ...]] = []
        ids: list[tuple[Any, ...]] = []
        for row in rows:
            heading, digest = headings[row[0]], row[DIGEST]
            if digest in self._own or digest in seen:
                self._put_aside(heading, row, seen.get(digest))
                continue
            if self._since <= row[STARTED] + (row[_LATENCY] or 0) and row[STARTED] <= self._until:
                self.others.append((heading, row))
                continue
            self._number += 1
            self.added += 1
            self._own[digest] = (self._number, row[COST], heading.is_exact)
            fresh.append((self._number, *row[_REQUEST_ID:], *self._heading_ids(heading)))
            ids.append((row[_REQUEST_ID], self._number, _COMPLETED, row[COST]))
        self._connection.executemany(_INSERT, fresh)
        self._connection.executemany(_SEE, ids)

    def see(self) -> None:
        """Write the source keys of all rows."""
        own, status = self._own, _COMPLETED + _SOURCE_KEY
        keys = ((digest, own[digest][0], status, own[digest][1]) for digest in sorted(own))
        self._connection.executemany(_SEE, keys)

    def _put_aside(self, heading: Heading, row: RowValues, found: tuple[int, int | None] | None) -> None:
        """A row that was there before: known when it stands so already, else it goes the long way."""
        cost, own = row[COST], self._own.get(row[DIGEST])
        if own is not None:
            is_known = cost == own[1] and (own[2] or not heading.is_exact)
        else:
            is_known = found is not None and cost == found[1] and (not heading.is_exact or self._is_exact(found[0]))
        # An equal price tells an equal usage, unless it is nothing.
        if is_known and cost:
            self.known += 1
        else:
            self.others.append((heading, row))

    def _is_exact(self, number: int) -> bool:
        query = "SELECT t.usage_quality = 'exact' FROM requests r JOIN traits t ON t.id = r.trait_id WHERE r.id = ?"
        row = self._connection.execute(query, (number,)).fetchone()
        return bool(row and row[0])

    def _seen(self, digests: list[bytes]) -> "dict[bytes, tuple[int, int | None]]":
        found: dict[bytes, tuple[int, int | None]] = {}
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


@contextmanager
def _guards_laid_aside(connection: sqlite3.Connection, rows: int) -> Iterator[None]:
    """Without the guards against REPLACE while many rows are inserted; nobody else can write before they are back.

    They take a third of the time, and nothing here can offend against them: these are plain inserts, and `seen` has
    each key once by its own primary key. They go and come back in one transaction, which ends with them or not at all.
    """
    if rows < _MANY:
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
