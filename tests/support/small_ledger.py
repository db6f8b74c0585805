"""A small ledger on disk with a bit of everything: priced, free, unpriced, estimated, failed, plan use."""

import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.support.builders import NOON
from tests.support.ledger_rows import Fact, LedgerRows

from llmledger.ledger import open_ledger


def ms(at: datetime) -> int:
    """Milliseconds since 1970."""
    return (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def write_ledger(path: Path, facts: list[Fact], home_zone: str = "UTC") -> list[bytes]:
    """A ledger with these requests; answers with their ids."""
    open_ledger(path, now=lambda: NOON, home_zone=home_zone).close()
    connection = sqlite3.connect(path)
    rows = LedgerRows(connection)
    ids = [rows.add(fact) for fact in facts]
    connection.commit()
    connection.close()
    return ids


def sample_facts() -> list[Fact]:
    """Twelve requests of the last two days."""
    noon, before = ms(NOON), ms(NOON - timedelta(days=1))
    claude = {"provider": "anthropic", "model": "claude-sonnet-4-5", "user": "ada", "project": "web"}
    usage = {"input_tokens": 10_000, "cache_read_tokens": 8_800, "output_tokens": 500}
    return [
        *(Fact(started_ms=noon - n, cost=4_000_000_000, latency_ms=9_400, usage=usage, **claude) for n in range(4)),
        Fact(started_ms=before, cost=0, status="failed", cost_source="not_billed", latency_ms=90, usage={}, **claude),
        *(Fact(started_ms=before + n, cost=136_000_000, latency_ms=3_100, user="bob") for n in range(3)),
        Fact(started_ms=noon, cost=31_000_000, usage_quality="estimated", user="bob"),
        Fact(started_ms=noon, provider="ollama", model="qwen3:8b", billing="local", latency_ms=6_800),
        Fact(started_ms=noon, provider="openrouter", model="stealth/lark-2", cost=None, latency_ms=5_200),
        Fact(started_ms=before, billing="subscription", cost=1_250_000_000, source="import:claude_code", **claude),
    ]
