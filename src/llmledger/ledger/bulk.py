"""Writing many rows that differ in little: the fast way of an import, beside `Books.finish` and to the same rows.

A million requests of a log share some thousands of headings (model, session, folder, rate ...). The ids of a heading
are looked up once; what was seen before, or has another witness, goes the long way.
"""

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from typing import NamedTuple

from llmledger.core.adjustment import answer_of, place_of
from llmledger.core.request import Finished
from llmledger.core.usage import UNIT_BY_NAME
from llmledger.ledger.dictionaries import Dictionaries
from llmledger.ledger.rows import REQUEST_COLUMNS, USAGE_COLUMNS

_ASKED_AT_ONCE = 500
_COMPLETED, _SOURCE_KEY = 0, 8
_COLUMNS = ("id", *REQUEST_COLUMNS)
_INSERT = f"INSERT INTO requests ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))})"
_SEE = "INSERT INTO seen (key, row, status, cost_nanousd) VALUES (?, ?, ?, ?)"
_CODES = {name: UNIT_BY_NAME[name].code for name in UNIT_BY_NAME}


class Heading:
    """What many requests have in common: a completed request that stands for all of them, its own figures aside."""

    __slots__ = ("template",)

    def __init__(self, template: Finished) -> None:
        self.template = template


class PlainRow(NamedTuple):
    """One completed request with its own figures. A tuple, because a million of them are made in one run."""

    heading: Heading
    request_id: bytes
    source_key: str
    digest: bytes
    """Of the source key."""
    started_ms: int
    provider_request_id: str | None
    latency_ms: int | None
    first_token_ms: int | None
    usage: tuple[int | None, ...]
    """In the order of `USAGE_COLUMNS`."""
    cost_nanousd: int
    components: tuple[tuple[str, int, int], ...]
    """Unit, quantity and nano-USD; they sum to the cost."""
    whole: Callable[[], Finished]
    """The same request for the long way."""


Ids = tuple[int | None, ...]


def insert_plain(
    connection: sqlite3.Connection, ids: Dictionaries, rows: Sequence[PlainRow]
) -> tuple[list[PlainRow], int]:
    """Insert the rows whose keys were never seen, in the caller's transaction; returns the others, and how many went in."""
    seen = _seen(connection, [*(row.digest for row in rows), *(row.request_id for row in rows)])
    fresh: list[PlainRow] = []
    others: list[PlainRow] = []
    for row in rows:
        (others if row.digest in seen or row.request_id in seen else fresh).append(row)
    number = connection.execute("SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'requests'").fetchone()[
        0
    ]
    known: dict[int, Ids] = {}
    values = (_values(number + i, row, _ids(row.heading, ids, known)) for i, row in enumerate(fresh, start=1))
    connection.executemany(_INSERT, values)
    pairs = ((row.request_id, row.digest, number + i, row.cost_nanousd) for i, row in enumerate(fresh, start=1))
    keys = chain.from_iterable(
        ((request_id, place, _COMPLETED, cost), (digest, place, _COMPLETED + _SOURCE_KEY, cost))
        for request_id, digest, place, cost in pairs
    )
    connection.executemany(_SEE, sorted(keys))
    return others, len(fresh)


def _seen(connection: sqlite3.Connection, keys: list[bytes]) -> set[bytes]:
    found: set[bytes] = set()
    for start in range(0, len(keys), _ASKED_AT_ONCE):
        asked = keys[start : start + _ASKED_AT_ONCE]
        query = f"SELECT key FROM seen WHERE key IN ({','.join('?' * len(asked))})"
        found.update(row[0] for row in connection.execute(query, asked))
    return found


def _ids(heading: Heading, ids: Dictionaries, known: dict[int, Ids]) -> Ids:
    found = known.get(id(heading))
    if found is None:
        template = heading.template
        begun, charged, who = template.begun, template.charged, template.begun.attribution
        found = known[id(heading)] = (
            ids.model(begun.provider, begun.model),
            ids.attribution(who),
            ids.trait(place_of(template)),
            ids.outcome(answer_of(template)),
            ids.session(who),
            ids.price_version(charged.price_version),
            ids.rate(charged.rate_id, charged.rate, version=charged.price_version),
        )
    return found


def _values(number: int, row: PlainRow, ids: Ids) -> tuple[object, ...]:
    """The values of `_COLUMNS`; what an import cannot know is NULL, as in `rows.request_row`."""
    model, attribution, trait, outcome, session, version, rate = ids
    components = ",".join([f'"{_CODES[unit]}":[{quantity},{nanousd}]' for unit, quantity, nanousd in row.components])
    return (
        *(number, row.request_id, row.started_ms, model, attribution, trait, outcome, session),
        *(row.provider_request_id, None, None, 1, 0, row.latency_ms, row.first_token_ms, "", None, None),
        *row.usage,
        *(None, None, None, row.cost_nanousd, None, None, None, f"{{{components}}}" if components else None),
        *(version, rate),
    )


def usage_values(counts: "Mapping[str, int]") -> tuple[int | None, ...]:
    """A usage's counts in the order of the columns."""
    return tuple([counts.get(name) for name in USAGE_COLUMNS])
