"""Reconcile a million statement lines with a million requests: by id, and by day and meter; wall time and memory.

Each with lines that all agree, and with a tenth and all of them disagreeing: another price, input told apart otherwise, more output,
or an id that the ledger does not know.
"""

import csv
import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import groupby, islice
from pathlib import Path

from tests.benchmarks._figure import Figure

from llmledger.ledger import open_ledger

FIRST = datetime(2026, 10, 1, tzinfo=UTC)
FIRST_MS = int(FIRST.timestamp()) * 1000
SPAN_MS = 31 * 86_400_000
Row = tuple[int, int, int, int]
"""Start in Unix milliseconds, input of which cached, output."""
_COLUMNS = (
    "request_id, provider_request_id, started_ms, model_id, attribution_id, trait_id, outcome_id, attempts, cache_hit,"
    " input_tokens, cache_read_tokens, output_tokens, cost_nanousd, components"
)
_ODD_SHARES = (0, 10, 100)
"""Percent of the lines that disagree."""
_GENERATIONS = (
    "generation_id,created_at,cost_total,tokens_prompt,tokens_completion,tokens_cached,model_permaslug,api_key_name\n"
)
_COSTS = "start_time,end_time,amount_value,amount_currency,quantity,quantity_unit,line_item,api_key_id,project_id\n"


def measure(scratch: Path, smoke: bool) -> Iterator[Figure]:
    """By id, then by day and meter; each beside the time that reading the same file as CSV takes."""
    count = 2_000 if smoke else 1_000_000
    ledger = scratch / "ledger.db"
    _make(ledger, count)
    for name, write in (("by id", _write_generations), ("by day and meter", _write_costs)):
        for odd in _ODD_SHARES:
            path = scratch / f"{name.replace(' ', '_')}_{odd}.csv"
            write(path, count, odd)
            what = f"{count:,} lines {name}" + (f", {odd} % disagreeing" if odd else "")
            bare = _bare(path)
            wall, busy, memory = _reconciled(path, ledger)
            yield Figure(what, wall, "s", bare, "reading the CSV", "30 s")
            yield Figure(f"{what}, CPU", busy, "s", budget="30 s")
            yield Figure(f"{what}, memory", memory, "MB", budget="400 MB")


def _row(number: int) -> Row:
    at = FIRST_MS + number * SPAN_MS // 1_000_001
    return at, 1_000 + number % 977, number % 500, 50 + number % 89


def _make(path: Path, count: int) -> None:
    open_ledger(path, now=lambda: FIRST).close()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA synchronous = OFF")
    connection.executemany("INSERT INTO models VALUES (?, ?, 'demo/model')", [(1, "openrouter"), (2, "openai")])
    connection.execute("INSERT INTO attributions (id, digest) VALUES (1, zeroblob(16))")
    connection.execute(
        "INSERT INTO traits VALUES (1, 'proxy', 'openai_chat', '/v1', 'completed', 'api', 'computed', 'exact')"
    )
    connection.execute("INSERT INTO outcomes (id, digest, http_status) VALUES (1, zeroblob(16), 200)")
    marks = ", ".join("?" for _ in _COLUMNS.split(","))
    for model in (1, 2):
        rows = (_stored(number, model) for number in range(count))
        connection.executemany(f"INSERT INTO requests ({_COLUMNS}) VALUES ({marks})", rows)
        connection.commit()
    connection.close()


def _stored(number: int, model: int) -> tuple[object, ...]:
    at, prompt, cached, output = _row(number)
    parts = {
        "i": [prompt - cached, (prompt - cached) * 250],
        "cr": [cached, cached * 25],
        "o": [output, output * 2_000],
    }
    cost = sum(nano for _, nano in parts.values())
    identity = (number + model * 10**9).to_bytes(16, "big")
    text = json.dumps(parts, separators=(",", ":"))
    return identity, f"gen-{model}-abcdefgh-{number:09d}", at, model, 1, 1, 1, 1, 0, prompt, cached, output, cost, text


def _write_generations(path: Path, count: int, odd: int) -> None:
    with path.open("w", encoding="utf-8") as stream:
        stream.write(_GENERATIONS)
        for number in range(count):
            at, prompt, cached, output = _row(number)
            identity = f"gen-1-abcdefgh-{number:09d}"
            cost = (prompt - cached) * 250 + cached * 25 + output * 2_000
            if number % 100 < odd:
                cost, cached, output, identity = _otherwise(number // 100, (cost, cached, output, identity))
            moment = datetime.fromtimestamp(at / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
            amount = f"{cost / 10**9:.9f}"
            stream.write(f"{identity},{moment},{amount},{prompt},{output},{cached},demo/model,laptop\n")


def _otherwise(turn: int, told: tuple[int, int, int, str]) -> tuple[int, int, int, str]:
    """The same line in one of the four ways in which lines disagree."""
    cost, cached, output, identity = told
    return (
        (cost * 2, cached, output, identity),
        (cost + cached * 225, 0, output, identity),
        (cost + 7 * 2_000, cached, output + 7, identity),
        (cost + 300 * 2_000, cached, output + 300, identity.replace("gen-1", "gen-9")),
    )[turn % 4]


def _write_costs(path: Path, count: int, odd: int) -> None:
    """One line for each meter of every three requests: as many lines as requests, and together all that they cost."""
    prices = {"input": 250, "cached input": 25, "output": 2_000}
    with path.open("w", encoding="utf-8") as stream:
        stream.write(_COSTS)
        for day, rows in groupby(map(_row, range(count)), key=lambda row: row[0] // 86_400_000 * 86_400):
            for number, three in enumerate(_batched(rows, 3)):
                told = (sum(p - c for _, p, c, _ in three), sum(row[2] for row in three), sum(row[3] for row in three))
                for (kind, price), quantity in zip(prices.items(), told, strict=True):
                    more = 7 if kind == "output" and number % 100 < odd else 0
                    head = f"{day},{day + 86400},{(quantity + more) * price / 10**9:.9f},usd,{quantity + more},tokens"
                    stream.write(f'{head},"demo/model, {kind}",key_{number % 4},proj_{number % 50}\n')


def _batched(rows: Iterator[Row], count: int) -> Iterator[tuple[Row, ...]]:
    while some := tuple(islice(rows, count)):
        yield some


def _bare(path: Path) -> float:
    began = time.perf_counter()
    with path.open(newline="", encoding="utf-8") as stream:
        for _ in csv.reader(stream):
            pass
    return time.perf_counter() - began


def _reconciled(path: Path, ledger: Path) -> tuple[float, float, float]:
    """Wall and CPU seconds, and the most memory in MB."""
    command = [
        sys.executable,
        "-m",
        "llmledger",
        "reconcile",
        str(path),
        "--ledger",
        str(ledger),
        "--tolerance",
        "100%",
    ]
    began = time.perf_counter()
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, env={**os.environ, "LLMLEDGER_HOME": str(ledger.parent)}
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (0, 1):
        raise RuntimeError(f"reconcile ended with {process.returncode}")
    memory = usage.ru_maxrss / (1024 if sys.platform == "linux" else 1024**2)
    return time.perf_counter() - began, usage.ru_utime + usage.ru_stime, memory
