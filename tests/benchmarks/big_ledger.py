"""A big ledger of many dimensions for benchmarks, the same on every machine.

python -m tests.benchmarks.big_ledger /tmp/big.db 10000000

It is as wide as a real one: provider ids, sessions with branch and tags, components, a correction per thousand requests,
random request ids. Ten million rows take some minutes and 3 GB.
"""

import random
import sqlite3
import struct
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from llmledger.ledger import open_ledger

DAYS = 365
END = datetime(2026, 11, 21, 12, tzinfo=UTC)
END_MS = int(END.timestamp()) * 1000
MODELS, PEOPLE = 24, 60
PER_SESSION = 50
CORRECTED = 1000
"""One request in so many was priced again."""

Row = tuple[object, ...]

_COLUMNS = (
    "request_id, started_ms, model_id, attribution_id, trait_id, outcome_id, session_id, provider_request_id, attempts, "
    "cache_hit, latency_ms, first_token_ms, input_tokens, cache_read_tokens, output_tokens, reasoning_tokens, "
    "cost_nanousd, components, price_version_id, rate_id"
)
_INSERT_REQUEST = f"INSERT INTO requests ({_COLUMNS}) VALUES ({', '.join('?' for _ in _COLUMNS.split(','))})"
_CORRECT = """
INSERT INTO adjustments (kind, cause, request_id, effective_ms, booked_ms, reason, model_id, attribution_id, trait_id,
  outcome_id, session_id, requests, failed, unpriced, estimated, untold, input_tokens, cache_read_tokens, cache_write_tokens,
  cache_write_1h_tokens, cache_write_12h_tokens, input_audio_tokens, input_image_tokens, output_tokens, reasoning_tokens,
  output_audio_tokens, output_image_tokens, web_searches, cost_nanousd, price_version_id, rate_id)
SELECT 'reprice', 'reprice:' || id, request_id, started_ms, started_ms + 86400000, 'prices of the day after', model_id,
  attribution_id, trait_id, outcome_id, session_id, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1000, 1, 1
FROM requests WHERE id > ? AND id % ? = 3
"""


def make(path: Path, rows: int, *, batch: int = 50_000) -> None:
    """Write a ledger of so many requests over a year, in the order of their times; roll-ups are not caught up."""
    open_ledger(path, now=lambda: END, home_zone="Europe/Berlin").close()
    connection = sqlite3.connect(path, isolation_level=None)
    # Nobody misses it when it is lost half-way: without a journal every page is written once.
    connection.execute("PRAGMA journal_mode = OFF")
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute("PRAGMA cache_size = -1000000")
    # Most of the time of an insert is spent by the guards, which have nothing to guard here.
    guards = connection.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'").fetchall()
    connection.execute("BEGIN")
    for name, _ in guards:
        connection.execute(f"DROP TRIGGER {name}")
    _dictionaries(connection, rows)
    chance = random.Random(7)
    latencies = [int(chance.lognormvariate(7.6, 0.8)) for _ in range(4096)]
    for low in range(0, rows, batch):
        requests = list(_requests(chance, latencies, low, min(low + batch, rows), rows))
        connection.executemany(_INSERT_REQUEST, requests)
        connection.executemany(
            "INSERT INTO seen VALUES (?, ?, 0, ?)", [(row[0], low + n, row[16]) for n, row in enumerate(requests, 1)]
        )
        connection.execute(_CORRECT, (low, CORRECTED))
    for _, guard in guards:
        connection.execute(guard)
    connection.execute("COMMIT")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.close()


def _dictionaries(connection: sqlite3.Connection, rows: int) -> None:
    connection.executemany(
        "INSERT INTO models VALUES (?, ?, ?)", [(n, f"provider{n % 5}", f"model-{n}") for n in range(1, MODELS + 1)]
    )
    connection.executemany(
        "INSERT INTO attributions (id, digest, user, project, app) VALUES (?, ?, ?, ?, ?)",
        [(n, n.to_bytes(16, "big"), f"user{n % 12}", f"project{n % 20}", f"app{n % 3}") for n in range(1, PEOPLE + 1)],
    )
    connection.executemany(
        "INSERT INTO sessions (digest, session, branch, tags) VALUES (?, ?, ?, ?)",
        (
            (n.to_bytes(16, "big"), f"session-{n}", f"branch-{n % 40}", f'{{"env":"{"dev" if n % 3 else "ci"}"}}')
            for n in range(rows // PER_SESSION + 1)
        ),
    )
    connection.executemany(
        "INSERT INTO traits VALUES (?, 'proxy', 'openai_chat', '/v1/chat/completions', ?, 'api', ?, ?)",
        [
            (1, "completed", "computed", "exact"),
            (2, "failed", "computed", "exact"),
            (3, "completed", "computed", "estimated"),
            (4, "completed", "none", "exact"),
        ],
    )
    connection.execute("INSERT INTO outcomes (id, digest, http_status) VALUES (1, zeroblob(16), 200)")
    connection.execute("INSERT INTO price_versions VALUES (1, '2026-11-20+1f2e3d4c')")
    connection.execute("INSERT INTO rates VALUES (1, zeroblob(16), 'provider1/model-1@2025-11-20', '{}')")


def _requests(chance: random.Random, latencies: list[int], low: int, high: int, rows: int) -> Iterator[Row]:
    step = DAYS * 86_400_000 / rows
    first_session = 1
    drawn = struct.iter_unpack("<6H12s", chance.randbytes(24 * (high - low)))
    for number, (one, two, three, four, five, six, tail) in zip(range(low, high), drawn, strict=True):
        # Somewhat out of order, as requests end: the row is written then.
        started = END_MS - int((rows - number) * step) - latencies[one & 4095]
        count, output = 100 + 30_000 * one // 65_536, 10 + 2_000 * two // 65_536
        cost = None if number % 1000 == 7 else count * 3000 + output * 15_000
        who = 1 + PEOPLE * three // 65_536
        # Each has two models: some two hundred different places a day.
        model = (who * 7 + (0 if four < 52_429 else 5)) % MODELS + 1
        trait = 4 if cost is None else 2 if number % 50 == 0 else 3 if number % 200 == 1 else 1
        latency = latencies[one & 4095]
        yield (
            started.to_bytes(6, "big") + (0x7000 | five & 0xFFF).to_bytes(2, "big") + bytes([0x80]) + tail[:7],
            *(started, model, who, trait, 1, first_session + number // PER_SESSION),
            None if trait == 2 else f"chatcmpl-{tail.hex()}{six:04x}",
            *(1, 0, latency, latency // 4, count, count // 2, output, output // 4, cost),
            None if cost is None else f'{{"i":[{count},{count * 3000}],"o":[{output},{output * 15_000}]}}',
            *(1, None if cost is None else 1),
        )


if __name__ == "__main__":
    make(Path(sys.argv[1]), int(sys.argv[2]))
