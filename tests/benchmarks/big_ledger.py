"""A big ledger of many dimensions for benchmarks, the same on every machine.

python -m tests.benchmarks.big_ledger /tmp/big.db 1000000
"""

import random
import sqlite3
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from llmledger.ledger import open_ledger

DAYS = 365
END = datetime(2026, 11, 21, 12, tzinfo=UTC)
END_MS = int(END.timestamp()) * 1000
MODELS, PEOPLE = 24, 60
_COLUMNS = (
    "request_id, started_ms, model_id, attribution_id, trait_id, outcome_id, attempts, cache_hit, latency_ms, "
    "first_token_ms, input_tokens, cache_read_tokens, output_tokens, cost_nanousd, components"
)


def make(path: Path, rows: int) -> None:
    """Write a ledger of so many requests over a year, in the order of their times; roll-ups are not caught up."""
    open_ledger(path, now=lambda: END, home_zone="Europe/Berlin").close()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA synchronous = OFF")
    _dictionaries(connection)
    marks = ", ".join("?" for _ in _COLUMNS.split(","))
    chance = random.Random(7)
    for low in range(0, rows, 50_000):
        batch = list(_requests(chance, low, min(low + 50_000, rows), rows))
        connection.executemany(f"INSERT INTO requests ({_COLUMNS}) VALUES ({marks})", batch)
        connection.executemany(
            "INSERT INTO seen VALUES (?, ?, 0, ?)", [(row[0], low + n, row[13]) for n, row in enumerate(batch, 1)]
        )
        connection.commit()
    connection.close()


def _dictionaries(connection: sqlite3.Connection) -> None:
    connection.executemany(
        "INSERT INTO models VALUES (?, ?, ?)", [(n, f"provider{n % 5}", f"model-{n}") for n in range(1, MODELS + 1)]
    )
    connection.executemany(
        "INSERT INTO attributions (id, digest, user, project, app) VALUES (?, ?, ?, ?, ?)",
        [(n, n.to_bytes(16, "big"), f"user{n % 12}", f"project{n % 20}", f"app{n % 3}") for n in range(1, PEOPLE + 1)],
    )
    connection.executemany(
        "INSERT INTO traits VALUES (?, 'proxy', 'openai_chat', '/v1/chat/completions', ?, 'api', 'computed', ?)",
        [(1, "completed", "exact"), (2, "failed", "exact"), (3, "completed", "estimated")],
    )
    connection.execute("INSERT INTO outcomes (id, digest, http_status) VALUES (1, zeroblob(16), 200)")


def _requests(chance: random.Random, low: int, high: int, rows: int) -> Iterator[tuple[object, ...]]:
    step = DAYS * 86_400_000 / rows
    for number in range(low, high):
        started = END_MS - int((rows - number) * step)
        count, output = chance.randrange(100, 30_000), chance.randrange(10, 2_000)
        cost = None if number % 1000 == 7 else count * 3000 + output * 15_000
        identity = started.to_bytes(6, "big") + b"\x70\x00" + number.to_bytes(8, "big")
        who = chance.randrange(1, PEOPLE + 1)
        # Each has two models: some two hundred different places a day.
        model = (who * 7 + (0 if chance.random() < 0.8 else 5)) % MODELS + 1
        trait = 2 if number % 50 == 0 else 3 if number % 200 == 1 else 1
        latency = int(chance.lognormvariate(7.6, 0.8))
        components = f'{{"i":[{count},{count * 3000}],"o":[{output},{output * 15_000}]}}'
        yield (
            *(identity, started, model, who, trait, 1, 1, 0, latency, latency // 4),
            *(count, count // 2, output, cost, components),
        )


if __name__ == "__main__":
    make(Path(sys.argv[1]), int(sys.argv[2]))
