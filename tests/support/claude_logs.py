"""Invented Claude Code logs, line by line, and an import of them into a ledger."""

import json
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from tests.support.builders import NOON

from llmledger.core.request import Attribution
from llmledger.core.words import Billing
from llmledger.ledger import open_ledger
from llmledger.ledger.imports import PATIENT
from llmledger.operations._import_rows import without_git
from llmledger.operations.import_logs import MUCH, LedgerSink, Means, SourceOrder, SourceResult, import_logs
from llmledger.pricebook import load, packaged_folder

BOOK = load([packaged_folder()])


def line(message: int, /, *, output: int = 100, minute: int = 0, session: str = "s1", **top: Any) -> str:
    """One answer of claude-sonnet-4-5: 10 tokens in, `output` out."""
    at = NOON - timedelta(days=20) + timedelta(minutes=minute)
    entry = {
        "type": "assistant",
        "timestamp": at.isoformat().replace("+00:00", "Z"),
        "sessionId": session,
        "cwd": "/home/u/ledger",
        "gitBranch": "",
        "isSidechain": False,
        "message": {
            "id": f"msg_01{message:016d}",
            "model": "claude-sonnet-4-5",
            "stop_reason": "end_turn",
            "usage": {
                "input_tokens": 10,
                "cache_read_input_tokens": 0,
                "cache_creation_input_tokens": 0,
                "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
                "output_tokens": output,
            },
        },
        **top,
    }
    return json.dumps(entry, separators=(",", ":")) + "\n"


def means(**changes: Any) -> Means:
    """Prices of the packaged table, the tests' clock, projects by folder name."""
    standard = Means(
        prices=BOOK,
        attribute=lambda folder, app: without_git(folder, Attribution(app=app, host="here")),
        now=lambda: NOON,
    )
    return replace(standard, **changes)


def import_files(
    ledger: Path,
    files: Sequence[Path],
    *,
    source: str = "claude_code",
    since: datetime | None = None,
    attribute: Callable[[Path | None, str | None], Attribution] | None = None,
    much: int = MUCH,
    **order: Any,
) -> SourceResult:
    """Import some logs of one source into a ledger."""
    order.setdefault("billing", Billing.API)
    with open_ledger(ledger, now=lambda: NOON, manners=PATIENT) as opened, LedgerSink(opened, lambda: NOON) as sink:
        orders = [SourceOrder(name=source, files=tuple(files), **order)]
        (result,) = import_logs(
            orders,
            sink,
            means(since=since, much=much, **({"attribute": attribute} if attribute else {})),
        )
    return result


def totals(ledger: Path) -> tuple[int, int, int, int]:
    """Requests, input tokens, output tokens and nano-USD: rows and adjustments added up."""
    query = """
        SELECT sum(requests), sum(input_tokens), sum(output_tokens), sum(cost_nanousd) FROM (
          SELECT 1 AS requests, input_tokens, output_tokens, cost_nanousd FROM requests
          UNION ALL SELECT requests, input_tokens, output_tokens, cost_nanousd FROM adjustments)"""
    with closing(sqlite3.connect(ledger)) as connection:
        found = connection.execute(query).fetchone()
    return tuple(value or 0 for value in found)  # type: ignore[return-value]


def rows(ledger: Path, query: str) -> list[Any]:
    """What a query finds."""
    with closing(sqlite3.connect(ledger)) as connection:
        return connection.execute(query).fetchall()
