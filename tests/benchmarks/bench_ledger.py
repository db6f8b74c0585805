"""Durable writes as a caller sees them, beside raw SQLite that commits one bare row with the same settings."""

import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from tests.benchmarks._figure import Figure
from tests.support import writing_process

from llmledger.ledger import Ledger, open_ledger

RAW = "raw SQLite, FULL"


def measure(scratch: Path, smoke: bool) -> Iterator[Figure]:
    """Latency of begin and finish, rows per second in groups, bytes per row, the longest wait among eight processes."""
    count = 50 if smoke else 5_000
    raw = _times(_raw_insert(scratch / "raw.db"), count)
    with open_ledger(scratch / "one.db", now=lambda: datetime.now(UTC)) as ledger:
        requests = [writing_process.a_request("bench", number) for number in range(count)]
        both = [(_time(lambda b=b: ledger.begin(b)), _time(lambda f=f: ledger.finish(f))) for b, f in requests]
    begins, finishes = sorted(begin for begin, _ in both), sorted(finish for _, finish in both)
    for name, times in (("begin, durable", begins), ("finish, durable", finishes)):
        yield Figure(f"{name}, p50", _at(times, 50), "ms", _at(raw, 50), RAW, "0.3 ms")
        yield Figure(f"{name}, p99", _at(times, 99), "ms", _at(raw, 99), RAW, "3 ms")
    yield from _grouped(scratch, 200 if smoke else 20_000)
    yield from _opened(scratch, 3 if smoke else 50)
    yield from _side_by_side(scratch, 2 if smoke else 8, 5 if smoke else 500)


def _grouped(scratch: Path, count: int) -> Iterator[Figure]:
    requests = [writing_process.a_request("group", number)[1] for number in range(count)]
    raw = sqlite3.connect(scratch / "grouped.db", isolation_level=None)
    _prepare(raw)
    started = time.perf_counter()
    for begin in range(0, count, 250):
        raw.execute("BEGIN IMMEDIATE")
        raw.executemany("INSERT INTO row (a, b) VALUES (?, ?)", [(n, b"x" * 200) for n in range(begin, begin + 250)])
        raw.execute("COMMIT")
    raw_rate = count / (time.perf_counter() - started)
    raw.close()
    path = scratch / "many.db"
    with open_ledger(path, now=lambda: datetime.now(UTC)) as ledger:
        started = time.perf_counter()
        ledger.record_many(requests)
        rate = count / (time.perf_counter() - started)
        streamed = _streamed(ledger, count // 4)
    yield Figure("record_many", rate, "rows/s", raw_rate, "raw SQLite, 250 a commit")
    yield Figure("begin and finish, 64 in flight", streamed, "requests/s")
    yield Figure("file size", path.stat().st_size / (count + count // 4), "bytes/row", budget="300")


def _streamed(ledger: Ledger, count: int) -> float:
    """Requests per second when 64 are in flight at any time, each with two durable writes."""
    requests = [writing_process.a_request("stream", number) for number in range(count)]
    started = time.perf_counter()
    for at in range(0, count, 64):
        wave = requests[at : at + 64]
        for written in [ledger.begin_soon(begun) for begun, _ in wave]:
            written.result()
        for written in [ledger.finish_soon(finished) for _, finished in wave]:
            written.result()
    return count / (time.perf_counter() - started)


def _opened(scratch: Path, count: int) -> Iterator[Figure]:
    def open_and_close(number: int) -> None:
        begun, finished = writing_process.a_request("open", number)
        with open_ledger(scratch / "opened.db", now=lambda: datetime.now(UTC)) as ledger:
            ledger.begin(begun)
            ledger.finish(finished)

    yield Figure("open, begin, finish, close", _at(_times(open_and_close, count), 50), "ms")


def _side_by_side(scratch: Path, processes: int, requests: int) -> Iterator[Figure]:
    command = [sys.executable, writing_process.__file__, str(scratch / "eight.db"), str(requests)]
    started = time.perf_counter()
    together = [subprocess.Popen([*command, f"w{n}"], stdout=subprocess.PIPE, text=True) for n in range(processes)]
    ends = [process.communicate()[0].splitlines()[-1].split() for process in together]
    rate = processes * requests / (time.perf_counter() - started)
    yield Figure(f"{processes} processes: longest wait", max(float(end[1]) for end in ends), "ms", budget="250 ms")
    yield Figure(f"{processes} processes: median wait", max(float(end[2]) for end in ends), "ms")
    yield Figure(f"{processes} processes: together", rate, "requests/s")


def _times(action: Callable[[int], object], count: int) -> list[float]:
    return sorted(_time(lambda n=number: action(n)) for number in range(count))


def _time(action: Callable[[], object]) -> float:
    started = time.perf_counter()
    action()
    return 1000 * (time.perf_counter() - started)


def _at(times: list[float], percent: int) -> float:
    return times[min(len(times) - 1, len(times) * percent // 100)]


def _raw_insert(path: Path) -> Callable[[int], object]:
    raw = sqlite3.connect(path, isolation_level=None)
    _prepare(raw)
    return lambda number: raw.execute("INSERT INTO row (a, b) VALUES (?, ?)", (number, b"x" * 200))


def _prepare(raw: sqlite3.Connection) -> None:
    raw.execute("PRAGMA journal_mode = WAL")
    raw.execute("PRAGMA synchronous = FULL")
    raw.execute("CREATE TABLE row (id INTEGER PRIMARY KEY, a INTEGER, b BLOB)")
