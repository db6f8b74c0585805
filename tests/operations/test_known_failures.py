"""How other systems grew slow, bloated, orphaned or rounded away what they kept, each as a test of ours.

More of them: sums of days in every zone in tests/ledger/test_queries.py (litellm#27780, #29568), secrets in
tests/proxy/test_canaries.py (litellm#27143, #39964), memory of streams in tests/proxy/test_soak.py (litellm#12685).
"""

import sqlite3
import tracemalloc
from contextlib import closing
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

from tests.support.builders import NOON, a_begun, a_charge, a_finished

import llmledger
from llmledger.core.report import Question
from llmledger.core.window import Window
from llmledger.ledger import open_ledger, open_reader
from llmledger.ledger.finding import Level
from llmledger.ledger.queries.aggregate import aggregate
from llmledger.ledger.verification import verify
from llmledger.operations.prune import PruneRequest, prune

TEXTS, SIZE = 60, 150_000


def with_texts(path: Path) -> Path:
    """Sixty requests of forty days ago, each with 300 kB of text: 18 MB."""
    begun_ones = [a_begun(started_at=NOON - timedelta(days=40, seconds=number)) for number in range(TEXTS)]
    with open_ledger(path, now=lambda: NOON) as book:
        book.record_many(a_finished(begun, nanousd=7) for begun in begun_ones)
        for begun in begun_ones:
            book.store_content(begun.request_id, begun.started_at, prompt="p" * SIZE, response="r" * SIZE)
    return path


def pruned(path: Path, tier: str, *, archive: Path | None = None) -> tuple[int, int, int]:
    """Bytes of the file before and after, and the most memory that Python held meanwhile."""
    request = PruneRequest(older_than={tier: NOON - timedelta(days=30)}, archive=archive)
    with open_reader(path) as reader:
        tracemalloc.start()
        done = prune(reader, path, request, now=lambda: NOON)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    return done.bytes_before, done.bytes_after, peak


def test_texts_go_by_themselves_and_the_file_shrinks(tmp_path: Path) -> None:
    """litellm#13998, litellm#16582: prompts could not be dropped alone, and what was deleted stayed on the disk."""
    path = with_texts(tmp_path / "ledger.db")

    before, after, _ = pruned(path, "content")

    assert after < before - TEXTS * SIZE
    with closing(sqlite3.connect(path)) as connection:
        counts = connection.execute("SELECT (SELECT count(*) FROM contents), (SELECT count(*) FROM requests)")
        assert counts.fetchone() == (0, TEXTS)


def test_pruning_leaves_no_orphan_and_does_not_load_what_it_removes(tmp_path: Path) -> None:
    """litellm#21908, litellm#29342: retention loaded all rows into memory, and left an index table behind."""
    path = with_texts(tmp_path / "ledger.db")

    _, _, peak = pruned(path, "detail", archive=tmp_path / "kept")

    assert peak < TEXTS * SIZE // 2
    assert [finding.text for finding in verify(path) if finding.level is not Level.FINE] == []
    with closing(sqlite3.connect(path)) as connection:
        counts = connection.execute("SELECT (SELECT count(*) FROM contents), (SELECT count(*) FROM requests)")
        assert counts.fetchone() == (0, 0)


def test_no_report_reads_a_text(tmp_path: Path) -> None:
    """litellm#2171, bifrost#4838, bifrost#2172: facets and sums went over rows with the bodies inside."""
    read: set[str | None] = set()

    def note(action: int, table: str | None, *_: object) -> int:
        if action == sqlite3.SQLITE_READ:
            read.add(table)
        return sqlite3.SQLITE_OK

    with open_reader(with_texts(tmp_path / "ledger.db")) as reader:
        reader.connection.set_authorizer(note)
        for by in ((), ("model", "user"), ("session",), ("day", "status")):
            aggregate(reader.connection, Question(window=Window(), by=by))

    assert "requests" in read and "contents" not in read


def test_costs_far_below_a_micro_dollar_add_up_exactly(tmp_path: Path) -> None:
    """otari keeps money in REAL and makes them 0. 6 tokens at $0.02 per 1M are 120 nano-dollars; 2,000 of them $0.00024."""
    cost = llmledger.price("openai/text-embedding-3-small", llmledger.Usage(input_tokens=6), at=NOON)
    with open_ledger(tmp_path / "ledger.db", now=lambda: NOON) as book:
        book.record_many(a_finished(charged=a_charge(cost.nanousd)) for _ in range(2_000))
    with open_reader(tmp_path / "ledger.db") as reader:
        (cell,) = aggregate(reader.connection, Question(window=Window(), latencies=False)).cells

    assert (cost.nanousd, cost.usd) == (120, Decimal("0.00000012"))
    assert 240_000 in cell.tally.spent
