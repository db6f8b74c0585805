"""Requests on their way out: as the public view has them, or verbatim with their corrections, one at a time."""

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import Any

from llmledger.core.export import Chunk, Chunked, Style, Table, Written
from llmledger.core.selection import Selection
from llmledger.core.window import Window, from_unix_ms
from llmledger.ledger.codec import to_plain
from llmledger.ledger.merging import SOURCE_KEY
from llmledger.ledger.queries.aggregate import Connection
from llmledger.ledger.queries.export_columns import read_chunks, view_columns
from llmledger.ledger.queries.filter import Conditions, allowed_ids, read_dictionaries
from llmledger.ledger.queries.log import STANDING_REQUESTS, standing_conditions
from llmledger.ledger.queries.shape import time_conditions
from llmledger.ledger.request_lines import CHUNK, read_lines
from llmledger.ledger.rows import SELECT_ADJUSTMENT, adjustment_from_row, as_dict


def read_view(connection: Connection, window: Window, selection: Selection, *, content: bool = False) -> Table:
    """The selected requests as the view `requests_v1` has them, in the order in which they were recorded."""
    conditions = standing_conditions(connection, window, selection)
    if not content:
        rows = f"SELECT r.id FROM {STANDING_REQUESTS} {conditions.sql}" if conditions.clauses else ""
        chunks = partial(read_chunks, connection, rows, conditions.params)
        return Table(view_columns(connection), Chunked(chunks))
    chosen = "" if not conditions.clauses else _chosen("v.row", conditions.sql)
    cursor = connection.execute(
        "SELECT v.*, c.prompt, c.response FROM requests_v1 v JOIN requests q ON q.id = v.row "
        f"LEFT JOIN contents c ON c.request_id = q.request_id {chosen} ORDER BY v.row",
        conditions.params,
    )
    return Table(tuple(column[0] for column in cursor.description), cursor)


def read_records(
    connection: Connection, window: Window, selection: Selection, *, content: bool = False, size: int = CHUNK
) -> Table:
    """The selected requests as they were written, followed by their corrections; then those without a row, and keys.

    A request is JSON text already (`ledger.request_lines`), everything else plain values; the corrections of `size` requests
    come together.
    """

    def chunks(_: Style | None) -> Iterator[Chunk]:
        yield from _requests(connection, window, selection, content=content, size=size)
        yield from _singly(_orphans(connection, window, selection))
        yield from _singly(_keys(connection, window, selection))

    return Table(("record", "value"), Chunked(chunks))


def read_contents(connection: Connection, window: Window) -> Table:
    """The texts of prompts and responses in a range, in order of time."""
    conditions = Conditions()
    time_conditions(conditions, "c.started_ms", window.since_ms, window.until_ms)
    cursor = connection.execute(
        f"SELECT c.request_id, c.started_ms, c.prompt, c.response FROM contents c {conditions.sql} "
        "ORDER BY c.started_ms, c.request_id",
        conditions.params,
    )
    return Table(("record", "value"), (("content", _content(row)) for row in cursor))


def count_selected(connection: Connection, window: Window, selection: Selection) -> int:
    """How many requests are selected."""
    conditions = standing_conditions(connection, window, selection)
    return int(
        connection.execute(f"SELECT count(*) FROM {STANDING_REQUESTS} {conditions.sql}", conditions.params).fetchone()[
            0
        ]
    )


def _chosen(column: str, where: str) -> str:
    return f"WHERE {column} IN (SELECT r.id FROM {STANDING_REQUESTS} {where})"


def _requests(
    connection: Connection, window: Window, selection: Selection, *, content: bool, size: int
) -> Iterator[Chunk]:
    conditions = standing_conditions(connection, window, selection)
    chosen = "" if not conditions.clauses else _chosen("x.id", conditions.sql)
    corrected = _Beside(connection.execute(_CORRECTED))
    texts = _Beside(connection.execute(_WITH_TEXTS)) if content else None
    for lines in read_lines(connection, chosen, conditions.params, size=size):
        yield Chunk(len(lines.rows), (("request",) * len(lines.rows), Written(lines.texts)))
        for request_id in corrected.among(lines.rows):
            yield from _singly(_adjustments(connection, "x.request_id = ?", (request_id,)))
        for request_id in texts.among(lines.rows) if texts else ():
            yield from _singly(_contents(connection, request_id))


_CORRECTED = (
    "SELECT DISTINCT k.row, k.key FROM adjustments a JOIN seen k ON k.key = a.request_id "
    "WHERE a.request_id IS NOT NULL ORDER BY k.row"
)
_WITH_TEXTS = "SELECT k.row, k.key FROM contents c JOIN seen k ON k.key = c.request_id ORDER BY k.row"


class _Beside:
    """Rows that have something more, read in step with all rows: asking for each one costs more than the row itself."""

    def __init__(self, cursor: Iterator[tuple[int, bytes]]) -> None:
        self._cursor = cursor
        self._ahead = next(cursor, None)

    def among(self, rows: Sequence[int]) -> Iterator[bytes]:
        """The request ids of those that are among these rows, which come in order."""
        wanted = set(rows)
        while self._ahead is not None and self._ahead[0] <= rows[-1]:
            row, request_id = self._ahead
            self._ahead = next(self._cursor, None)
            if row in wanted:
                yield request_id


def _singly(rows: Iterable[tuple[object, ...]]) -> Iterator[Chunk]:
    """One at a time: a stored text may be long."""
    return (Chunk(1, tuple((value,) for value in row)) for row in rows)


def _orphans(connection: Connection, window: Window, selection: Selection) -> Iterator[tuple[object, ...]]:
    """The selected corrections without a row here: of whole days, as invoices make them, and of pruned requests."""
    if selection.needs_rows:
        return
    conditions = Conditions()
    conditions.add(
        "(x.request_id IS NULL OR NOT EXISTS (SELECT 1 FROM seen k JOIN requests q ON q.id = k.row "
        "WHERE k.key = x.request_id))"
    )
    time_conditions(conditions, "x.effective_ms", window.since_ms, window.until_ms)
    allowed_ids(selection, read_dictionaries(connection)).apply(conditions, "x.")
    yield from _adjustments(connection, " AND ".join(conditions.clauses), tuple(conditions.params))


def _adjustments(connection: Connection, condition: str, params: tuple[object, ...]) -> Iterator[tuple[object, ...]]:
    cursor = connection.execute(f"{SELECT_ADJUSTMENT} WHERE {condition} ORDER BY x.id", params)
    for row in cursor:
        yield "adjustment", to_plain(adjustment_from_row(as_dict(cursor, row)))


def _contents(connection: Connection, request_id: bytes) -> Iterator[tuple[object, ...]]:
    row = connection.execute(
        "SELECT request_id, started_ms, prompt, response FROM contents WHERE request_id = ?", (request_id,)
    ).fetchone()
    if row is not None:
        yield "content", _content(row)


def _content(row: Sequence[Any]) -> dict[str, object]:
    request_id, started_ms, prompt, response = row
    started_at = from_unix_ms(started_ms).isoformat()
    return {"request_id": request_id.hex(), "started_at": started_at, "prompt": prompt, "response": response}


def _keys(connection: Connection, window: Window, selection: Selection) -> Iterator[tuple[object, ...]]:
    """The importers' keys of the selected requests: with them, their logs are not counted again where this is restored."""
    conditions = standing_conditions(connection, window, selection)
    chosen = "" if not conditions.clauses else f"AND {_chosen('q.id', conditions.sql).removeprefix('WHERE ')}"
    cursor = connection.execute(
        "SELECT s.key, s.status, s.cost_nanousd, q.request_id FROM seen s JOIN requests q ON q.id = s.row "
        f"WHERE s.status >= {SOURCE_KEY} {chosen} ORDER BY q.id, s.key",
        conditions.params,
    )
    for key, status, cost, request_id in cursor:
        yield "key", {"key": key.hex(), "status": status, "cost_nanousd": cost, "request_id": request_id.hex()}
