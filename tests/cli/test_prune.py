"""`prune`: a dry run with exact numbers, an archive that restores, receipts, refusals, and forgetting a person."""

import hashlib
import json
import sqlite3
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import RunCli
from tests.support.builders import NOON, a_begun, a_finished
from tests.support.ledger_rows import Fact
from tests.support.small_ledger import ms, write_ledger

from llmledger.core.request import Attribution
from llmledger.ledger import open_ledger

DAY = 86_400_000


@pytest.fixture
def ledger(ledger_path: Path) -> Path:
    """Sixty days with one request each at noon, $1 apiece, in Berlin."""
    facts = [
        Fact(started_ms=ms(NOON) - n * DAY, cost=10**9, user="ada" if n % 2 else "bob", session=f"s{n}", latency_ms=500)
        for n in range(60)
    ]
    write_ledger(ledger_path, facts, home_zone="Europe/Berlin")
    return ledger_path


def report(run_cli: RunCli, *args: object) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run_cli("report", "--json", *args).stdout)
    return found


def rows_in(path: Path) -> int:
    return int(sqlite3.connect(path).execute("SELECT count(*) FROM requests").fetchone()[0])


def test_a_dry_run_tells_exact_numbers_and_changes_nothing(run_cli: RunCli, ledger: Path) -> None:
    """30d is 30 x 24 h before noon; the cut goes back to where a day begins: 22 October, 00:00 in Berlin."""
    result = run_cli("prune", "--older-than", "30d")
    as_json = json.loads(run_cli("prune", "--older-than", "30d", "--what", "detail", "--json").stdout)

    assert "29 requests as single rows before 2026-10-21 22:00 UTC would go, $29.00 of cost stays" in result.stdout
    assert "dry run" in result.stderr and rows_in(ledger) == 60
    assert as_json["tiers"] == [{"tier": "detail", "before": "2026-10-21T22:00:00Z", "removed": 29, "cost_usd": "29"}]


def test_every_total_stays_and_the_receipt_says_what_went(run_cli: RunCli, ledger: Path) -> None:
    """By any dimension and day; sessions say that they are gone."""
    questions = [
        ("--by", "user,day"),
        ("--by", "model,month"),
        ("--by", "status"),
        ("--by", "model", "-z", "Asia/Tokyo"),
    ]
    before = [report(run_cli, *question)["rows"] for question in questions]

    done = run_cli("prune", "--older-than", "30d", "--yes")

    assert done.exit_code == 0, done.stderr
    assert "29 requests as single rows before 2026-10-21 22:00 UTC removed, $29.00 of cost kept" in done.stdout
    assert rows_in(ledger) == 31
    after = [report(run_cli, *question)["rows"] for question in questions]
    for old, new in zip(before, after, strict=True):
        assert [_sums(row) for row in old] == [_sums(row) for row in new]
    by_session = report(run_cli, "--by", "session")
    assert by_session["totals"]["requests"] == 31
    assert by_session["coverage"][0]["requests"] == 29
    assert "pruned" in by_session["warnings"][0]


def _sums(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if "latency" not in name and "first_token" not in name}


def test_an_archive_is_hashed_and_restores_what_went(run_cli: RunCli, ledger: Path, tmp_path: Path) -> None:
    """Into a new ledger, with the same sums."""
    done = json.loads(
        run_cli("prune", "--older-than", "30d", "--what", "detail", "--archive", tmp_path, "--yes", "--json").stdout
    )

    (receipt,) = done["tiers"]
    archive = tmp_path / receipt["archive"]
    assert hashlib.sha256(archive.read_bytes()).hexdigest() == receipt["archive_sha256"]
    stored = sqlite3.connect(ledger).execute("SELECT archive_sha256, requests, receipt FROM prunings").fetchall()
    assert [(digest, count) for digest, count, _ in stored] == [(receipt["archive_sha256"], 29)]
    other = tmp_path / "other.db"
    restored = run_cli("import", "--source", "llmledger", archive, "--ledger", other)
    assert "29 of 29 requests" in restored.stdout
    assert report(run_cli, "--ledger", other)["totals"]["cost_usd"] == "29"
    again = run_cli("import", "--source", "llmledger", archive)
    assert "0 of 29 requests" in again.stdout


def _exported(run_cli: RunCli, ledger: Path) -> str:
    return run_cli("export", "--format", "jsonl", "--content", "--ledger", ledger).stdout


def test_texts_and_detail_that_go_together_are_both_archived(
    run_cli: RunCli, ledger_path: Path, tmp_path: Path
) -> None:
    """The texts go first, into an archive of their own; both archives make the identical ledger again."""
    with open_ledger(ledger_path, now=lambda: NOON) as book:
        for month in (8, 9):
            begun = a_begun(started_at=NOON.replace(month=month), attribution=Attribution(user="ada", session="s"))
            book.record(a_finished(begun, source_key=f"log:{month}"))
            book.store_content(begun.request_id, begun.started_at, prompt=f"question {month}", response="answer")
    before = _exported(run_cli, ledger_path)

    done = run_cli("prune", "--older-than", "30d", "--archive", tmp_path / "kept", "--yes", "--json")

    names = [tier["archive"] for tier in json.loads(done.stdout)["tiers"]]
    assert sorted(path.name for path in (tmp_path / "kept").iterdir()) == sorted(names)
    assert "question" not in _exported(run_cli, ledger_path) and rows_in(ledger_path) == 0
    other = tmp_path / "other.db"
    for name in reversed(names):
        assert run_cli("import", "--source", "llmledger", tmp_path / "kept" / name, "--ledger", other).exit_code == 0
    assert _exported(run_cli, other) == before != ""


def test_a_restored_ledger_knows_what_it_imported(run_cli: RunCli, ledger_path: Path, tmp_path: Path) -> None:
    """The importers' keys are in the archive: the same log line is not counted again where it was restored."""
    logged = a_finished(a_begun(source="import:llm", started_at=NOON.replace(month=8)), source_key="log:1")
    with open_ledger(ledger_path, now=lambda: NOON) as book:
        assert book.record(logged)
    other, file = tmp_path / "other.db", tmp_path / "all.jsonl"
    run_cli("export", "-o", file)
    run_cli("import", "--source", "llmledger", file, "--ledger", other)

    with open_ledger(other, now=lambda: NOON) as book:
        again = a_finished(a_begun(source="import:llm", started_at=NOON.replace(month=8)), source_key="log:1")
        assert not book.record(again)
    assert _exported(run_cli, other) == _exported(run_cli, ledger_path)


def test_an_archive_never_replaces_another(run_cli: RunCli, ledger: Path, tmp_path: Path) -> None:
    """A prune that died left an archive of what it had removed; the next one, with the same cut, is numbered."""
    prune = ("prune", "--older-than", "30d", "--what", "detail", "--archive", tmp_path / "kept", "--yes", "--json")
    first = json.loads(run_cli(*prune).stdout)["tiers"][0]
    with open_ledger(ledger, now=lambda: NOON) as book:
        book.record(a_finished(a_begun(started_at=NOON - timedelta(days=50))))

    second = json.loads(run_cli(*prune).stdout)["tiers"][0]

    assert (first["removed"], second["removed"]) == (29, 1)
    assert second["archive"] == first["archive"].replace(".jsonl.gz", "-2.jsonl.gz")
    kept = tmp_path / "kept" / first["archive"]
    assert hashlib.sha256(kept.read_bytes()).hexdigest() == first["archive_sha256"]


def test_a_file_where_the_archive_should_go_is_one_clear_line(run_cli: RunCli, ledger: Path, tmp_path: Path) -> None:
    """Exit 3; nothing went."""
    (tmp_path / "file").write_text("x")

    result = run_cli("prune", "--older-than", "30d", "--archive", tmp_path / "file", "--yes")

    assert (result.exit_code, "is no folder for an archive" in result.stderr, rows_in(ledger)) == (3, True, 60)


def test_the_policy_of_the_config_is_applied_without_asking(run_cli: RunCli, ledger: Path, home: Path) -> None:
    """--auto is for cron; without a policy it says what to write."""
    assert run_cli("prune", "--auto").exit_code == 2
    settings = home / ".config" / "llmledger" / "config.toml"
    settings.parent.mkdir(parents=True)
    settings.write_text('[retention]\ncontent = "7d"\ndetail = "10d"\nrollups = "1mo"\n')

    assert run_cli("prune", "--auto").exit_code == 0
    assert rows_in(ledger) == 11
    months = report(run_cli, "--by", "month")["rows"]
    assert [(row["month"], row["requests"]) for row in months] == [("2026-09", 8), ("2026-10", 31), ("2026-11", 21)]
    days = report(run_cli, "--by", "day")
    assert days["totals"]["requests"] < 60 and days["coverage"]


def test_what_no_statement_covers_is_kept_when_that_is_required(run_cli: RunCli, ledger: Path) -> None:
    """Exit 1, with the first day; a recorded statement of the provider clears its days."""
    refused = run_cli("prune", "--older-than", "30d", "--require-cleared", "--yes")
    connection = sqlite3.connect(ledger)
    connection.execute(
        "INSERT INTO statements (sha256, format, provider, name, since_ms, until_ms, timezone, currency, last_request, "
        "last_adjustment, recorded_ms, verdict) VALUES ('x', 'f', 'openai', 'n', 0, ?, 'UTC', 'USD', 0, 0, 0, '{}')",
        (ms(NOON),),
    )
    connection.commit()
    allowed = run_cli("prune", "--older-than", "30d", "--require-cleared", "--yes")

    assert (refused.exit_code, "openai has costs from 2026-09-23" in refused.stderr) == (1, True)
    assert allowed.exit_code == 0


@pytest.mark.parametrize(
    ("args", "says"),
    [
        ((), "--older-than 30d"),
        (("--older-than", "3m"), "ambiguous"),
        (("--older-than", "30d", "--what", "details"), "Did you mean detail?"),
        (("--older-than", "2030-01-01"), "in the future"),
        (("--user", " "), "--user is empty"),
        (("--user", "ada", "--older-than", "30d"), "--user forgets a person, of any time"),
    ],
)
def test_what_cannot_be_meant_is_one_clear_line(
    run_cli: RunCli, ledger: Path, args: tuple[str, ...], says: str
) -> None:
    """Exit 2."""
    result = run_cli("prune", *args)

    assert (result.exit_code, says in result.stderr) == (2, True)


def test_a_person_is_forgotten_everywhere_and_the_totals_stay(
    run_cli: RunCli, ledger_path: Path, tmp_path: Path
) -> None:
    """Attributions, tags, texts, and the archives that are pointed at."""
    with open_ledger(ledger_path, now=lambda: NOON) as book:
        old = a_begun(started_at=NOON.replace(month=8), attribution=Attribution(user="Ada L", tags={"by": "Ada L"}))
        new = a_begun(attribution=Attribution(user="Ada L"))
        for begun in (old, new):
            book.record(a_finished(begun))
            book.store_content(begun.request_id, begun.started_at, prompt="I am Ada L", response="hello")
    run_cli("prune", "--older-than", "30d", "--what", "detail", "--archive", tmp_path, "--yes")
    before = report(run_cli, "--by", "model")["totals"]

    dry = run_cli("prune", "--user", "Ada L", "--archive", tmp_path)
    assert "dry run" in dry.stderr and b"Ada" in ledger_path.read_bytes()
    done = run_cli("prune", "--user", "Ada L", "--archive", tmp_path, "--yes")

    assert done.exit_code == 0, done.stderr
    assert report(run_cli, "--by", "model")["totals"] == before
    assert [row["user"] for row in report(run_cli, "--by", "user")["rows"]] == ["erased"]
    assert "Ada" not in run_cli("export", "--format", "jsonl", "--content").stdout
    (archive,) = tmp_path.glob("*.jsonl.gz")
    fresh = tmp_path / "fresh.db"
    run_cli("import", "--source", "llmledger", archive, "--ledger", fresh)
    assert "Ada" not in run_cli("export", "--format", "jsonl", "--content", "--ledger", fresh).stdout
    assert report(run_cli, "--ledger", fresh)["totals"]["requests"] == 1
