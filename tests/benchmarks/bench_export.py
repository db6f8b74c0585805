"""How fast rows leave in each format, by the CPU they take, beside reading the same rows from SQLite and from the view."""

import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.benchmarks._figure import Figure
from tests.benchmarks.big_ledger import END, make

from llmledger.core.window import Window
from llmledger.ledger import open_reader
from llmledger.operations.export import ExportRequest, export

TABLE, VIEW = "SELECT * FROM requests ORDER BY id", "SELECT * FROM requests_v1 ORDER BY row"


def measure(scratch: Path, smoke: bool) -> Iterator[Figure]:
    """Nothing is written to a disk: what is measured is the program."""
    rows = 1_000 if smoke else 200_000
    path = scratch / "ledger.db"
    make(path, rows)
    connection = sqlite3.connect(path)
    table = rows / _cpu(lambda: _read(connection, TABLE))
    yield Figure(
        "the view, without a format", rows / _cpu(lambda: _read(connection, VIEW)), "rows/s", table, "the table"
    )
    connection.close()
    for name, budget in (("csv", "150,000"), ("tsv", ""), ("json", "150,000"), ("jsonl", "150,000"), ("focus", "")):
        speed = rows / _cpu(lambda name=name: _export(path, name))  # type: ignore[misc]
        yield Figure(f"export as {name}", speed, "rows/s", table, "the table", budget)


class _Nowhere:
    """Takes every byte."""

    def write(self, data: bytes, /) -> int:
        return len(data)


def _export(path: Path, name: str) -> None:
    with open_reader(path) as reader:
        export(reader, ExportRequest(format=name, window=Window()), _Nowhere(), now=END, advance=lambda _: None)


def _read(connection: sqlite3.Connection, sql: str) -> None:
    cursor = connection.execute(sql)
    while cursor.fetchmany(500):
        pass


def _cpu(work: Callable[[], None]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began
