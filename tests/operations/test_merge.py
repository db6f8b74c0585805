"""Several ledgers as one: each request once, its corrections too, and the importers' keys."""

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from tests.conftest import RunCli
from tests.support.builders import NOON, a_begun, a_finished

from llmledger.core.adjustment import Kind, Measures, reversal, standing_of
from llmledger.core.request import Attribution
from llmledger.ledger import open_ledger, open_reader


@pytest.fixture
def two(tmp_path: Path, run_cli: RunCli) -> list[Path]:
    """Laptop and desktop: one request is in both, one was imported, one was assigned."""
    laptop, desktop = tmp_path / "laptop.db", tmp_path / "desktop.db"
    shared = a_finished(a_begun(attribution=Attribution(user="ada")), nanousd=1)
    with open_ledger(laptop, now=lambda: NOON, home_zone="Asia/Kolkata") as book:
        book.record(shared)
        book.record(a_finished({"source": "import:llm", "model": "other"}, nanousd=20, source_key="llm:1"))
    with open_ledger(desktop, now=lambda: NOON) as book:
        book.record(shared)
        book.record(a_finished({"started_at": NOON - timedelta(days=40)}, nanousd=300))
    run_cli("assign", "--user", "ada", "--to-project", "web", "--yes", "--ledger", laptop)
    return [laptop, desktop]


def test_several_ledgers_are_read_as_one(run_cli: RunCli, two: list[Path]) -> None:
    """1 + 20 + 300 nano-USD; days are the first one's; the correction came along."""
    ledgers = ("--ledger", two[0], "--ledger", two[1])
    report = json.loads(run_cli("report", "--json", "--by", "project", *ledgers).stdout)

    assert (report["totals"]["requests"], report["totals"]["cost_usd"]) == (3, "0.000000321")
    assert report["timezone"] == "Asia/Kolkata"
    assert {row["project"]: row["requests"] for row in report["rows"]} == {"web": 1, None: 2}
    assert len(run_cli("log", "--format", "jsonl", *ledgers).stdout.splitlines()) == 3
    assert len(run_cli("export", "--format", "csv", *ledgers).stdout.splitlines()) == 4


def test_a_merge_is_idempotent_and_brings_the_importers_keys(run_cli: RunCli, two: list[Path]) -> None:
    """The second time nothing is new, and what the other imported is not imported again."""
    first = run_cli("db", "merge", two[0], "--ledger", two[1])
    second = run_cli("db", "merge", two[0], "--ledger", two[1])

    assert first.stdout == "1 of 2 requests and 2 of 2 corrections were new.\n"
    assert second.stdout == "0 of 2 requests and 0 of 2 corrections were new.\n"
    with open_ledger(two[1], now=lambda: NOON) as book:
        assert not book.record(a_finished({"source": "import:llm", "model": "other"}, nanousd=20, source_key="llm:1"))
    assert json.loads(run_cli("report", "--json", "--ledger", two[1]).stdout)["totals"]["requests"] == 3


def test_corrections_by_invoices_stay_where_they_were_settled(run_cli: RunCli, two: list[Path]) -> None:
    """They are the difference between an invoice and one ledger; both would call theirs `reconcile:1:0`."""
    for path, nanousd in zip(two, (5, 9), strict=True):
        with open_ledger(path, now=lambda: NOON) as book:
            settled = replace(
                reversal(standing_of(a_finished()), kind=Kind.RECONCILE, cause="reconcile:1:0", reason="billed",
                         booked_at=NOON),
                request_id=None, after=None, measures=Measures(cost_nanousd=nanousd),
            )  # fmt: skip
            assert book.adjust(settled)

    merged = run_cli("db", "merge", two[0], "--ledger", two[1])
    read = run_cli("report", "--ledger", two[0], "--ledger", two[1])

    assert "Its 1 corrections by invoices are not: reconcile those invoices here" in merged.stderr
    assert read.stderr.count("its 1 corrections by invoices are not part of this") == 2
    with open_reader(two[1]) as reader:
        kept = reader.connection.execute("SELECT sum(cost_nanousd) FROM adjustments WHERE kind = 'reconcile'")
        assert kept.fetchone() == (9,)


def test_what_was_pruned_elsewhere_is_said_to_be_missing(run_cli: RunCli, two: list[Path]) -> None:
    """Roll-ups cannot be joined by request; the archive can."""
    run_cli("prune", "--older-than", "30d", "--yes", "--ledger", two[1])

    merged = run_cli("db", "merge", two[1], "--ledger", two[0])
    report = run_cli("report", "--ledger", two[0], "--ledger", two[1])

    assert "pruned requests are not part" in merged.stderr
    assert "pruned requests are not part" in report.stderr
