"""A person is forgotten everywhere: no byte of the ledger's folder or of its archives has the name, and no total moves."""

import gzip
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import RunCli
from tests.support.builders import NOON, a_begun, a_finished

from llmledger.core.adjustment import Kind, Measures, reversal, standing_of
from llmledger.core.request import Attribution
from llmledger.ledger import Ledger, Manners, open_ledger
from llmledger.ledger.desk import open_desk
from llmledger.ledger.erasure import HINTS, TEXTS
from llmledger.ledger.events import Begin, Finish
from llmledger.ledger.lock import FileLock, lock_path
from llmledger.ledger.spool import spools_folder

CANARY = "Zoë Kanari"
OWN = Attribution(
    user=CANARY, host=f"{CANARY} laptop", project=f"{CANARY} site", session=f"chat of {CANARY}", branch=f"{CANARY}/fix",
    tags={"author": CANARY}, key="hmac…4f2a",
)  # fmt: skip
BOB = Attribution(user="bob", host=f"{CANARY} laptop", project="web", tags={"reviewer": CANARY})
QUICK = Manners(patience_s=0.0, spool_bytes=64 * 1024)
OLD = NOON - timedelta(days=60)


def bytes_of(folder: Path) -> Iterator[tuple[Path, bytes]]:
    """Every file, unpacked."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            content = path.read_bytes()
            yield path, gzip.decompress(content) if path.suffix == ".gz" else content


def files_with_the_name(*folders: Path) -> set[str]:
    """In UTF-8, as JSON escapes it, and in lower case."""
    forms = [form.encode() for form in (CANARY, json.dumps(CANARY)[1:-1], CANARY.lower())]
    return {path.name for folder in folders for path, content in bytes_of(folder) for form in forms if form in content}


def a_text(book: Ledger, who: Attribution, prompt: str, **changes: Any) -> None:
    begun = a_begun(attribution=who, **changes)
    book.record(a_finished(begun, nanousd=1_000_001, error_message=f"no quota left for {CANARY}.", error_type=CANARY))
    book.store_content(begun.request_id, begun.started_at, prompt=prompt, response=f"Dear {CANARY},")


def raw(path: Path, *statements: tuple[str, tuple[object, ...]]) -> None:
    with closing(sqlite3.connect(path)) as connection:
        for statement, values in statements:
            connection.execute(statement, values)
        connection.commit()


@pytest.fixture
def crowded(run_cli: RunCli, ledger_path: Path, tmp_path: Path) -> Path:
    """A ledger in which the name stands in every place that may have it; answers with the folder of its archives."""
    archives = tmp_path / f"kept for {CANARY}"
    with open_ledger(ledger_path, now=lambda: NOON, home_zone="Europe/Berlin") as book:
        for at in (NOON, OLD):
            a_text(book, OWN, "my own secret", started_at=at)
            a_text(book, BOB, f"tell {CANARY.upper()} hello", started_at=at)
    run_cli("prune", "--older-than", "30d", "--archive", archives, "--yes")
    run_cli("assign", "--user", CANARY, "--to-team", f"team of {CANARY}", "--yes")
    with open_ledger(ledger_path, now=lambda: NOON) as book:
        standing = standing_of(a_finished())
        billed = reversal(
            replace(standing, measures=Measures()), kind=Kind.RECONCILE, cause="reconcile:1:0",
            reason=f"billed otherwise: {CANARY}.csv", booked_at=NOON,
        )  # fmt: skip
        book.adjust(replace(billed, request_id=None, after=None, detail={"note": [CANARY]}))
    raw(
        ledger_path,
        ("UPDATE prunings SET receipt = json_set(receipt, '$.archive_folder', ?)", (str(archives),)),
        ("INSERT INTO import_files VALUES ('llm', ?, '{}', 0)", (f"/home/{CANARY}/logs.db",)),
        ("INSERT INTO import_problems VALUES ('llm', '/x', 1, ?, 0)", (f"bad line of {CANARY}",)),
        (
            "INSERT INTO statements VALUES (1, 'ab', 'f', 'openai', ?, 0, 1, 'UTC', 'USD', NULL, 0, 0, 0, NULL, ?)",
            (f"{CANARY}.csv", json.dumps({"note": CANARY})),
        ),
        (
            "INSERT INTO statement_lines VALUES (1, 1, 0, 1, 'm', NULL, NULL, '1.10', NULL, ?, ?)",
            (CANARY, json.dumps({"user": CANARY, "amount": "1.10"})),
        ),
    )
    _leave_freed_pages(ledger_path)
    _leave_a_spool(ledger_path)
    (spools_folder(ledger_path) / "0123-abcd.unreadable").write_bytes(
        json.dumps({"odd": CANARY}).encode() + f"\n{CANARY} \xff\n".encode()
    )
    return archives


def _leave_freed_pages(path: Path) -> None:
    """Deleted long ago by a SQLite that does not overwrite what it deletes, as most are built."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA secure_delete = OFF").fetchone()
        connection.execute("INSERT INTO contents VALUES (x'01', 0, ?, 'x')", (f"{CANARY} " * 20_000,))
        connection.commit()
        connection.execute("DELETE FROM contents WHERE request_id = x'01'")
        connection.commit()


def _leave_a_spool(path: Path) -> None:
    """A process that could not write the ledger died."""
    desk = open_desk(path, create=False, now=lambda: NOON, home_zone="UTC", manners=QUICK)
    with FileLock(lock_path(path)) as lock:
        assert lock.acquire()
        desk.write([Finish(a_finished(a_begun(attribution=OWN), nanousd=5))])
        desk.abandon()


def sums(run_cli: RunCli, *by: str) -> Any:
    found = json.loads(run_cli("report", "--json", *(("--by", ",".join(by)) if by else ())).stdout)
    return found["totals"] if not by else [(row, row["cost_usd"]) for row in found["rows"]]


DIMENSIONS = ("model,day", "provider,status", "client,operation", "app,key", "source,billing", "endpoint", "month")


def test_no_byte_keeps_the_name_and_no_total_moves(
    run_cli: RunCli, ledger_path: Path, crowded: Path, tmp_path: Path
) -> None:
    """Rows, dictionaries, texts, errors, corrections, invoices, spools, receipts, free pages, the log, and archives."""
    folder = ledger_path.parent
    run_cli("report")
    before = [sums(run_cli, *by.split(",")) for by in DIMENSIONS], sums(run_cli)
    assert files_with_the_name(folder, crowded) >= {"ledger.db", "0123-abcd.unreadable"}
    assert len(files_with_the_name(crowded)) == 2

    done = run_cli("prune", "--user", CANARY, "--archive", crowded, "--yes")

    assert done.exit_code == 0, done.stderr
    assert "The name is gone from all of these" in done.stdout
    assert files_with_the_name(folder, crowded) == set()
    assert ([sums(run_cli, *by.split(",")) for by in DIMENSIONS], sums(run_cli)) == before
    users = {row["user"]: row["requests"] for row, _ in sums(run_cli, "user")}
    assert users == {"erased": 3, "bob": 2}
    assert "my own secret" not in run_cli("export", "--format", "jsonl", "--content").stdout
    assert "tell erased hello" in run_cli("export", "--format", "jsonl", "--content").stdout


def broken(run_cli: RunCli, archives: Path) -> list[str]:
    """The promises that `db verify` finds broken."""
    rows = json.loads(run_cli("db", "verify", "--archive", archives, "--json").stdout)["rows"]
    return [row["text"] for row in rows if row["promise"] and row["level"] != "fine"]


def test_the_ledger_and_the_receipts_are_sound_afterwards(run_cli: RunCli, ledger_path: Path, crowded: Path) -> None:
    """The archives' new hashes are in the receipts; what they hold restores, without the name and with every cent."""
    run_cli("prune", "--user", CANARY, "--archive", crowded, "--yes")

    verified = broken(run_cli, crowded)
    other = ledger_path.with_name("other.db")
    for archive in sorted(crowded.iterdir()):
        assert run_cli("import", "--source", "llmledger", archive, "--ledger", other).exit_code == 0

    assert verified == []
    restored = json.loads(run_cli("report", "--json", "--by", "user", "--ledger", other).stdout)
    assert {row["user"]: row["cost_usd"] for row in restored["rows"]} == {"erased": "0.001000001", "bob": "0.001000001"}
    assert "my own secret" not in run_cli("export", "--format", "jsonl", "--content", "--ledger", other).stdout


def test_nobody_who_knows_the_name_can_find_the_entry(run_cli: RunCli, ledger_path: Path, crowded: Path) -> None:
    """Digests are computed from the values: whoever knows a name could compute its digest and look."""
    query = (
        "SELECT digest FROM attributions UNION ALL SELECT digest FROM sessions UNION ALL SELECT digest FROM outcomes"
    )
    with closing(sqlite3.connect(ledger_path)) as connection:
        before = set(connection.execute(query).fetchall())

    run_cli("prune", "--user", CANARY, "--yes")

    with closing(sqlite3.connect(ledger_path)) as connection:
        kept = before & set(connection.execute(query).fetchall())
        # Only the entry of the invoice's correction, which has nobody in it, is what it was.
        assert len(kept) == 1
    with open_ledger(ledger_path, now=lambda: NOON) as book:
        book.record(a_finished(a_begun(attribution=OWN)))
    assert {row["user"] for row, _ in sums(run_cli, "user")} == {"erased", "bob", CANARY}


def test_a_dry_run_counts_exactly_and_changes_nothing(run_cli: RunCli, ledger_path: Path, crowded: Path) -> None:
    """The same numbers as then the real one; a second one finds nothing."""
    run_cli("report")
    before = dict(bytes_of(crowded)), ledger_path.read_bytes()

    dry = json.loads(run_cli("prune", "--user", CANARY, "--archive", crowded, "--json").stdout)

    assert (dict(bytes_of(crowded)), ledger_path.read_bytes()) == before
    text = run_cli("prune", "--user", CANARY, "--archive", crowded)
    assert "would lose the name" in text.stdout and "dry run" in text.stderr
    done = json.loads(run_cli("prune", "--user", CANARY, "--archive", crowded, "--yes", "--json").stdout)
    assert (dry["dry_run"], done["dry_run"], dry["rows"]) == (True, False, done["rows"])
    assert [one["records"] for one in dry["archives"]] == [one["records"] for one in done["archives"]]
    again = run_cli("prune", "--user", CANARY, "--archive", crowded, "--yes")
    assert again.stdout == "The name stands nowhere.\n"


def test_a_receipt_that_was_changed_before_its_archive_is_put_right(
    run_cli: RunCli, ledger_path: Path, crowded: Path
) -> None:
    """A run that dies between the two: `verify` says what to do, and that does it."""
    whole = {path: path.read_bytes() for path in crowded.iterdir()}
    run_cli("prune", "--user", CANARY, "--archive", crowded, "--yes")
    for path, content in whole.items():
        path.write_bytes(content)

    told = run_cli("db", "verify", "--archive", crowded)
    run_cli("prune", "--user", CANARY, "--archive", crowded, "--yes")

    assert "run `llmledger prune --user` again" in told.stdout
    assert broken(run_cli, crowded) == []
    assert files_with_the_name(crowded) == set()


def test_what_names_something_else_stays_and_is_told(run_cli: RunCli, ledger_path: Path) -> None:
    """A person called web, a project of that name, and a model of others."""
    with open_ledger(ledger_path, now=lambda: NOON) as book:
        book.record(a_finished(a_begun(attribution=Attribution(user="web", project="web"))))
        book.record(a_finished(a_begun(model="web-x", attribution=Attribution(user="bob", project="web"))))

    dry = run_cli("prune", "--user", "Web")
    done = run_cli("prune", "--user", "Web", "--yes")

    assert "It stays where it names something else: project web, model openai/web-x" in dry.stderr
    assert "It stays where it names something else: project web, model openai/web-x" in done.stderr
    assert [row["project"] for row, _ in sums(run_cli, "project")] == ["erased", "web"]


def test_who_is_running_may_write_the_name_again_and_that_is_told(run_cli: RunCli, ledger_path: Path) -> None:
    """A request in flight is anonymised; a spool of a living process is left to it."""
    # A desk lives as a process does, but without the thread that empties the spool as soon as the lock is free.
    desk = open_desk(ledger_path, create=True, now=lambda: NOON, home_zone="UTC", manners=QUICK)
    with closing(desk):
        desk.write([Begin(a_begun(attribution=OWN))])
        with FileLock(lock_path(ledger_path)) as lock:
            assert lock.acquire()
            desk.write([Finish(a_finished(a_begun(attribution=OWN)))])
        assert files_with_the_name(spools_folder(ledger_path))

        done = run_cli("prune", "--user", CANARY, "--yes")

        assert "1 requests in flight" in done.stdout
        assert "a running process will write it to the ledger. Then run this again." in done.stderr
    assert files_with_the_name(ledger_path.parent)
    assert run_cli("prune", "--user", CANARY, "--yes").exit_code == 0
    assert files_with_the_name(ledger_path.parent) == set()


def test_somebody_who_reads_keeps_the_log_and_that_is_told(run_cli: RunCli, ledger_path: Path) -> None:
    """The log cannot be emptied below a reader."""
    with open_ledger(ledger_path, now=lambda: NOON) as book:
        book.record(a_finished(a_begun(attribution=OWN)))
    with closing(sqlite3.connect(ledger_path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM requests").fetchall()

        done = run_cli("prune", "--user", CANARY, "--yes")

        assert "Close it, then: llmledger db vacuum" in done.stderr
        reader.execute("COMMIT")
    assert run_cli("db", "vacuum").exit_code == 0
    assert files_with_the_name(ledger_path.parent) == set()


def test_a_folder_without_archives_is_one_clear_line(run_cli: RunCli, ledger_path: Path, tmp_path: Path) -> None:
    """Exit 3, before anything is changed."""
    open_ledger(ledger_path, now=lambda: NOON).close()

    result = run_cli("prune", "--user", "x", "--archive", tmp_path / "nowhere", "--yes")

    assert (result.exit_code, "there is no archive in" in result.stderr) == (3, True)


IMPERSONAL = {
    "meta": {"key", "value"},
    "models": {"provider", "model"},
    "attributions": {"client", "user", "team", "project", "operation", "app", "key", "host"},  # by rules of their own
    "traits": {"source", "dialect", "endpoint", "status", "billing", "cost_source", "usage_quality"},
    "outcomes": {"served_model", "price_context", "flags", "unpriced_units"},
    "price_versions": {"version"},
    "rates": {"name", "body"},
    "inflight": {"owner", "begun"},  # begun by rules of its own
    "requests": {"provider_request_id", "timeline", "other_usage", "raw_usage", "parts", "components"},
    "adjustments": {"kind", "cause", "provider_request_id", "other_usage", "components"},
    "rollup_quarters": {"billing"},
    "rollup_units": {"unit"},
    "prunings": {"what", "archive_name", "archive_sha256"},
    "statements": {"sha256", "format", "provider", "timezone", "currency", "total"},
    "statement_lines": {"model", "unit", "quantity", "amount", "provider_request_id"},
    "clearings": {"class", "difference"},
    "import_files": {"source"},
    "import_problems": {"source"},
}


def test_every_text_column_of_the_schema_is_searched_or_known_to_name_nobody(ledger_path: Path) -> None:
    """A column that is added has to be put into one of the two lists."""
    open_ledger(ledger_path, now=lambda: NOON).close()
    searched: dict[str, set[str]] = {}
    for texts in (*TEXTS, *HINTS):
        searched.setdefault(texts.table, set()).update((*texts.texts, *texts.json))
    with closing(sqlite3.connect(ledger_path)) as connection:
        columns = connection.execute(
            "SELECT t.name, c.name FROM sqlite_schema t, pragma_table_info(t.name) c "
            "WHERE t.type = 'table' AND c.type = 'TEXT'"
        ).fetchall()

    unknown = [
        f"{table}.{column}"
        for table, column in columns
        if column not in searched.get(table, set()) | IMPERSONAL.get(table, set())
    ]

    assert unknown == []
