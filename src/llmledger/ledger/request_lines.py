"""A request in our complete format: its stored row as one JSON object, by the names that its columns have everywhere.

Written many at once: what a row has of its own is put together by SQLite, and what the dictionaries say is written once for
all rows that share it. Texts that are JSON already stay as they are stored, checked by SQLite. What is unknown is null or
left out; without a `timeline` no more is known than the two durations say, as in the row.
"""

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import mod
from typing import Any

from llmledger.core.request import Finished
from llmledger.ledger.dictionaries import TABLES
from llmledger.ledger.rows import USAGE_COLUMNS, finished_from_row, ms_of

CHUNK = 250
"""Rows at a time, some 200 kB. With more they leave the cache of the processor, and all is slower."""
MOST_REMEMBERED = 20_000
"""Texts that are kept from chunk to chunk, of the entries of a dictionary and of what rows share."""

_OBJECTS = frozenset({"price_context", "rate_body", "tags"})

_KNOWN = ("input_tokens", "cache_read_tokens", "output_tokens", "reasoning_tokens", "latency_ms", "first_token_ms")
"""Numbers that most rows have: null where one has not."""
_RARE = {
    **dict.fromkeys([name for name in USAGE_COLUMNS if name not in _KNOWN], "x.{}"),
    **dict.fromkeys(("estimated_input_tokens", "max_output_tokens"), "x.{}"),
    **dict.fromkeys(("cost_high_nanousd", "computed_cost_nanousd", "reported_cost_nanousd"), "x.{}"),
    **dict.fromkeys(("other_usage", "raw_usage", "parts"), "json(x.{})"),
    **dict.fromkeys(("client_request_id", "error_message", "timeline"), "json_quote(x.{})"),
}
"""Columns that few rows have, and how they are written: looked at one by one only where there is any of them."""


def _select() -> str:
    ms = "(x.started_ms % 1000 + 1000) % 1000"  # of a time before 1970 too
    beginning = (
        """printf('%s","started_at":"%s.%03dZ"', lower(hex(x.request_id)), """
        f"strftime('%Y-%m-%dT%H:%M:%S', (x.started_ms - {ms}) / 1000, 'unixepoch'), {ms})"
    )
    any_rare = ", ".join(f"x.{name}" for name in _RARE)
    rare = " || ".join(
        f"iif(x.{name} IS NULL, '', ',\"{name}\":' || {how.format(name)})" for name, how in _RARE.items()
    )
    form = "".join(f',"{name}":%s' for name in ("cost_nanousd", "components", *_KNOWN, "provider_request_id"))
    values = ", ".join(
        f"ifnull({value}, 'null')"
        for value in ("x.cost_nanousd", "json(x.components)", *(f"x.{name}" for name in _KNOWN))
    )
    end = (
        f"""printf('{form},"attempts":%d,"cache_hit":%d%s}}', {values}, json_quote(x.provider_request_id), """
        f"x.attempts, x.cache_hit, iif(coalesce({any_rare}) IS NULL, '', {rare}))"
    )
    ids = ", ".join(f"x.{column}" for column in TABLES)
    return f"SELECT x.id, {beginning}, {end}, {ids} FROM requests x"


@dataclass(frozen=True, slots=True)
class Lines:
    """Some requests, in the order of their rows: the numbers of these, and the requests as JSON."""

    rows: Sequence[int]
    texts: Sequence[str]


def read_lines(
    connection: sqlite3.Connection,
    where: str,
    params: Sequence[object],
    *,
    size: int = CHUNK,
    remembered: int = MOST_REMEMBERED,
) -> Iterator[Lines]:
    """The requests that fulfil a condition over `requests x` (`WHERE ...`, or nothing), some hundred at a time."""
    *shared, sessions = (_Texts(connection, column, remembered) for column in TABLES)
    forms: dict[tuple[int | None, ...], str] = {}
    cursor = connection.execute(f"{_select()} {where} ORDER BY x.id", params)
    while chunk := cursor.fetchmany(size):
        rows, beginnings, ends, *ids, session_ids = zip(*chunk, strict=True)
        keys = list(zip(*ids, strict=True))
        if len(forms) > remembered:
            forms.clear()
        if new := set(keys).difference(forms):
            known = [texts.of(numbers) for texts, numbers in zip(shared, ids, strict=True)]
            for key in new:
                forms[key] = _form([texts[number] for texts, number in zip(known, key, strict=True)])
        own = zip(beginnings, map(sessions.of(session_ids).__getitem__, session_ids), ends, strict=True)
        yield Lines(rows, list(map(mod, map(forms.__getitem__, keys), own)))


def _form(shared: Sequence[str]) -> str:
    """A request without what is its own: the beginning, its session, and the end."""
    *fields, attribution = (text.replace("%", "%%") for text in shared)
    return f'{{"request_id":"%s{"".join(fields)},"attribution":{{{attribution.removeprefix(",")}%s}}%s'


class _Texts:
    """The entries of a dictionary table as fields of an object, each behind a comma. What was read is remembered."""

    def __init__(self, connection: sqlite3.Connection, id_column: str, remembered: int) -> None:
        table, columns = TABLES[id_column]
        self._connection, self._remembered = connection, remembered
        self._names = [column.rpartition(" ")[2] for column in columns]
        self._select = f"SELECT id, {', '.join(columns)} FROM {table} WHERE id IN (SELECT value FROM json_each(?))"
        self._known: dict[int | None, str] = {None: ""}

    def of(self, numbers: Sequence[int | None]) -> Mapping[int | None, str]:
        """By their numbers the texts of entries, among which are these."""
        if len(self._known) > self._remembered:
            self._known = {None: ""}
        # Taking the keys away instead would go through all that is known, for every chunk.
        if new := set(numbers).difference(self._known):
            for number, *values in self._connection.execute(self._select, (json.dumps(list(new)),)):
                self._known[number] = "".join(map(_field, self._names, values))
        return self._known


def _field(name: str, value: Any) -> str:
    # A user is always there, so that a session can follow it.
    if value is None and name != "user":
        return ""
    return f',"{name}":{json.dumps(json.loads(value) if name in _OBJECTS else value, separators=(",", ":"))}'


class _Row(dict[str, Any]):
    """What is left out is unknown."""

    def __missing__(self, name: str) -> None:
        return None


def finished_from_object(value: Mapping[str, Any]) -> Finished:
    """A request from its object in the complete format. Raises ValueError, TypeError or KeyError when it is none."""
    row = _Row(value)
    row.update(value["attribution"])
    row["request_id"] = bytes.fromhex(value["request_id"])
    row["started_ms"] = ms_of(datetime.fromisoformat(value["started_at"]))
    row["rate_name"] = row["rate"]
    return finished_from_row(row)
