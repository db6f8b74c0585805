"""Roll-ups on a big ledger: how fast they are caught up, and how long the questions of a report take from them."""

import sqlite3
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from tests.benchmarks._figure import Figure
from tests.benchmarks.big_ledger import END, make

from llmledger.core.period import Clock, parse_window
from llmledger.core.report import Question
from llmledger.core.selection import Selection
from llmledger.core.window import Window
from llmledger.exporters import load
from llmledger.ledger import open_reader
from llmledger.ledger.queries.aggregate import aggregate
from llmledger.ledger.queries.export import read_view
from llmledger.ledger.rollups.upkeep import keep_up

QUESTIONS = (
    ("7d by model, with percentiles", ("model",), "7d", "Europe/Berlin", True, "60 ms at 10 M"),
    ("all time by model", ("model",), None, "Europe/Berlin", False, "100 ms at 10 M"),
    ("90d by day and model, home zone", ("day", "model"), "90d", "Europe/Berlin", False, "60 ms at 10 M"),
    ("90d by day and model, UTC", ("day", "model"), "90d", "UTC", False, "60 ms at 10 M"),
    ("90d by day and model, New York", ("day", "model"), "90d", "America/New_York", False, "150 ms at 10 M"),
    ("30d by project and model", ("project", "model"), "30d", "Europe/Berlin", False, "100 ms at 10 M"),
)


def measure(scratch: Path, smoke: bool, rows: int = 1_000_000) -> Iterator[Figure]:
    """So many requests over a year (2,000 in a smoke run); the reference is the same question from rows alone."""
    rows = 2_000 if smoke else rows
    path = scratch / "big.db"
    make(path, rows)
    reading = sqlite3.connect(f"file:{path}?mode=ro", uri=True, isolation_level=None)
    slow = [_best(reading, question[1:5]) for question in QUESTIONS]
    began = time.perf_counter()
    done = keep_up(reading, "Europe/Berlin", patience_s=None, worth_it=1)
    yield Figure("catching up", done / (time.perf_counter() - began), "rows/s", budget=">= 80,000")
    yield Figure("file size", path.stat().st_size / rows, "bytes/row", budget="300")
    yield Figure("log show, by the last 8 digits", _show(path) * 1000, "ms", budget="5 ms")
    for (name, *asked, budget), reference in zip(QUESTIONS, slow, strict=True):
        yield Figure(name, _best(reading, asked) * 1000, "ms", reference * 1000, "from rows", budget)
    for name in ("csv", "json"):
        yield Figure(f"export {name}", rows / _export(reading, name), "rows/s", budget=">= 150,000")


def _best(reading: sqlite3.Connection, asked: tuple | list) -> float:
    by, since, zone, latencies = asked
    window = parse_window(Clock(END + timedelta(seconds=1), zone), since=since)
    question = Question(window=window, by=by, latencies=latencies)
    times = []
    for _ in range(3):
        began = time.perf_counter()
        aggregate(reading, question)
        times.append(time.perf_counter() - began)
    return min(times)


def _show(path: Path) -> float:
    """The slowest of three requests: the first, one in the middle, the last."""
    times = []
    with open_reader(path) as reader:
        [last] = reader.connection.execute("SELECT max(id) FROM requests").fetchone()
        for row in (1, last // 2, last):
            [identity] = reader.connection.execute("SELECT request_id FROM requests WHERE id = ?", (row,)).fetchone()
            began = time.perf_counter()
            [found] = reader.find(identity.hex()[-8:])
            reader.request(found)
            times.append(time.perf_counter() - began)
    return max(times)


def _export(reading: sqlite3.Connection, name: str) -> float:
    began = time.perf_counter()
    for _ in load(name).write(read_view(reading, Window(), Selection())):
        pass
    return time.perf_counter() - began
