"""The view `requests_v1` by columns: the same values, without asking the view for every row.

Of a request that was never corrected the view says what its row says. So rows are read as they are stored, with the ids of
their dictionaries, and each entry of a dictionary is read once. What was corrected comes through the view.
"""

import json
import sqlite3
from bisect import bisect_left
from collections.abc import Hashable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

from llmledger.core.export import Chunk, Coded
from llmledger.core.money import usd_text
from llmledger.core.window import DAY_MS, EPOCH_DAY
from llmledger.ledger.rows import USAGE_COLUMNS

Connection = sqlite3.Connection
Standing = Mapping[int, Sequence[object]]
"""Corrected rows by their number, as the view has them."""

CHUNK = 500
"""Rows at a time. With more they leave the cache of the processor, and all is slower."""
MOST_REMEMBERED = 20_000
"""Entries of a dictionary that are kept from chunk to chunk."""
_MINUTE_MS = 60_000

_STORED = (
    *("id", "request_id", "started_ms", "provider_request_id", "client_request_id", "error_message", "attempts"),
    *("cache_hit", "latency_ms", "first_token_ms", *USAGE_COLUMNS, "other_usage", "cost_nanousd", "components"),
)
_DICTIONARIES = {
    "model_id": ("models", ("provider", "model")),
    "attribution_id": ("attributions", ("client", "user", "team", "project", "operation", "app", "key", "host")),
    "session_id": ("sessions", ("session", "branch", "tags")),
    "trait_id": (
        "traits",
        ("source", "dialect", "endpoint", "status", "billing", "usage_quality", "cost_source"),
    ),
    "outcome_id": (
        "outcomes",
        ("served_model", "http_status", "error_type", "finish_reason", "price_context", "flags", "unpriced_units"),
    ),
    "price_version_id": ("price_versions", ("version AS price_version",)),
    "rate_id": ("rates", ("name AS rate",)),
}
"""By the column that has their ids: the table, and its columns by their names in the view."""
_SELECT = ", ".join(f"x.{name}" for name in (*_STORED, *_DICTIONARIES))
_CORRECTED = (
    "SELECT k.row FROM adjustments a JOIN seen k ON k.key = a.request_id "
    "WHERE a.request_id IS NOT NULL AND a.kind <> 'reconcile'"
)


def view_columns(connection: Connection) -> tuple[str, ...]:
    """The names of the view's columns, in order."""
    return tuple(column[0] for column in connection.execute("SELECT * FROM requests_v1 LIMIT 0").description)


def read_chunks(connection: Connection, chosen: str, params: Sequence[object]) -> Iterator[Chunk]:
    """The rows of the view in chunks, in the order of its rows; `chosen` are the rows to select, `SELECT ...`, or nothing."""
    names = view_columns(connection)
    dictionaries = [_Dictionary(connection, column, names) for column in _DICTIONARIES]
    which = f"WHERE x.id IN ({chosen})" if chosen else ""
    stored = connection.execute(f"SELECT {_SELECT} FROM requests x {which} ORDER BY x.id", params)
    also = f"AND v.row IN ({chosen})" if chosen else ""
    corrected = connection.execute(
        f"SELECT v.* FROM requests_v1 v WHERE v.row IN ({_CORRECTED}) {also} ORDER BY v.row", params
    )
    ahead = corrected.fetchone()
    while rows := stored.fetchmany(CHUNK):
        standing: dict[int, Sequence[object]] = {}
        while ahead is not None and ahead[0] <= rows[-1][0]:
            standing[ahead[0]] = ahead
            ahead = corrected.fetchone()
        columns = dict(zip((*_STORED, *_DICTIONARIES), zip(*rows, strict=True), strict=True))
        found: dict[str, Sequence[object] | Coded] = {**_of_rows(columns, names, standing)}
        for dictionary in dictionaries:
            found |= dictionary.columns(columns, standing)
        yield Chunk(len(rows), [found[name] for name in names])


def _of_rows(
    columns: Mapping[str, Sequence[Any]], names: Sequence[str], standing: Standing
) -> dict[str, Sequence[object]]:
    """What the rows themselves say, as the view writes it."""
    rows = columns["id"]
    found: dict[str, Sequence[object]] = {
        **{name: columns[name] for name in _STORED if name in names},
        "row": rows,
        "request_id": b"".join(columns["request_id"]).hex(" ", 16).split(" "),
        "started_at": _times(columns["started_ms"]),
        "cost_usd": [usd_text(nanousd) for nanousd in columns["cost_nanousd"]],
        "requests": [1] * len(rows),
        "adjustments": [0] * len(rows),
    }
    places = _places(rows, standing)
    if places:
        for name, column in found.items():
            number, now = names.index(name), list(column)
            for place, row in places:
                now[place] = standing[row][number]
            found[name] = now
    return found


def _places(rows: Sequence[int], standing: Standing) -> list[tuple[int, int]]:
    """Where the corrected rows of a chunk are; its rows are in order."""
    return [(bisect_left(rows, row), row) for row in standing]


class _Dictionary:
    """A dictionary table by columns. What was read is remembered; a corrected row has an entry of its own, below zero."""

    def __init__(self, connection: Connection, id_column: str, names: Sequence[str]) -> None:
        table, columns = _DICTIONARIES[id_column]
        self._connection = connection
        self._id_column = id_column
        self._places = {name: names.index(name) for name in (column.rpartition(" ")[2] for column in columns)}
        self._select = f"SELECT id, {', '.join(columns)} FROM {table} WHERE id IN (SELECT value FROM json_each(?))"
        self._forget()

    def columns(self, columns: Mapping[str, Sequence[Any]], standing: Standing) -> dict[str, Coded]:
        """The columns of a chunk, all with one list of codes."""
        codes: Sequence[int | None] = columns[self._id_column]
        if len(self._values[0]) > MOST_REMEMBERED:
            self._forget()
        if new := set(codes) - self._values[0].keys():
            for code, *values in self._connection.execute(self._select, (json.dumps(list(new)),)):
                self._remember(code, values)
        if standing:
            codes = list(codes)
            for place, row in _places(columns["id"], standing):
                codes[place] = -row
                self._remember(-row, [standing[row][number] for number in self._places.values()])
        return {name: Coded(codes, known) for name, known in zip(self._places, self._values, strict=True)}

    def _remember(self, code: int, values: Sequence[object]) -> None:
        for known, value in zip(self._values, values, strict=True):
            known[code] = value

    def _forget(self) -> None:
        self._values: list[dict[Hashable, object]] = [{None: None} for _ in self._places]


class _Days(dict[int, str]):
    """The text of a day since 1970."""

    def __missing__(self, day: int) -> str:
        text = self[day] = f"{EPOCH_DAY + timedelta(days=day)}"
        return text


class _Seconds(dict[int, str]):
    """The text of the milliseconds of a minute, of which there are sixty thousand."""

    def __missing__(self, ms: int) -> str:
        text = self[ms] = f":{ms // 1000:02d}.{ms % 1000:03d}Z"
        return text


_MINUTES = [f"T{minute // 60:02d}:{minute % 60:02d}" for minute in range(24 * 60)]
_SECONDS = _Seconds()


def _times(column: Sequence[int]) -> list[str]:
    days = _Days()
    return [f"{days[ms // DAY_MS]}{_MINUTES[ms % DAY_MS // _MINUTE_MS]}{_SECONDS[ms % _MINUTE_MS]}" for ms in column]
