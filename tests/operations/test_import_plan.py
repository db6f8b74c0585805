"""What an import would bring: found logs, new requests, how they are paid, and which are deleted soon."""

import os
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from tests.support.builders import NOON
from tests.support.claude_logs import import_files, line, means
from tests.support.import_cases import FIXTURES

from llmledger.core.words import Billing
from llmledger.errors import UsageError
from llmledger.importers import names
from llmledger.ledger import open_ledger, open_reader
from llmledger.ledger.imports import last_imported, read_problems, remember_billing
from llmledger.operations.import_logs import SourceOrder
from llmledger.operations.import_plan import (
    Source,
    billing_of,
    expiring_sources,
    find_sources,
    named_source,
    plan_import,
    recognised_sources,
)


@pytest.fixture
def log(home: Path) -> Path:
    """A session of Claude Code: three lines of two answers."""
    path = home / ".claude" / "projects" / "p" / "s1.jsonl"
    path.parent.mkdir(parents=True)
    path.write_text(line(1, output=1) + line(1, output=100) + line(2, output=200, minute=1))
    return path


def test_sources_are_found_with_their_files_and_empty_folders(home: Path, log: Path) -> None:
    """Only what has a folder here."""
    (home / ".codex" / "sessions").mkdir(parents=True)
    claude, codex = find_sources(home, {})

    assert ("claude_code", (log,)) == (claude.name, claude.files)
    assert ("codex_cli", (), (home / ".codex" / "sessions",)) == (codex.name, codex.files, codex.empty)


def test_a_plan_counts_new_requests_once_and_prices_them(log: Path) -> None:
    """20 x $3/M + 300 x $15/M = 4,560,000 nano-USD; nothing is written."""
    order = SourceOrder(name="claude_code", files=(log,), billing=Billing.API)
    (plan,) = plan_import([order], means(), reader=None)

    assert (plan.requests, plan.files, plan.cost_nanousd, plan.unpriced) == (2, 1, 4_560_000, 0)
    assert (NOON - timedelta(days=20), NOON - timedelta(days=20) + timedelta(minutes=1)) == (plan.since, plan.until)
    assert (log.stat().st_size, {"api": 2}) == (plan.size, plan.billing)


def test_a_plan_leaves_out_what_the_ledger_has(log: Path, ledger_path: Path) -> None:
    """By source keys, also when the file is read anew."""
    import_files(ledger_path, [log])
    log.write_text(log.read_text() + line(3, minute=2))
    copy = log.with_name("copy.jsonl")
    copy.write_bytes(log.read_bytes())
    order = SourceOrder(name="claude_code", files=(log, copy), billing=Billing.SUBSCRIPTION)
    with open_reader(ledger_path) as reader:
        (plan,) = plan_import([order], means(), reader=reader)

    assert (plan.requests, plan.cost_nanousd, plan.plan_value_nanousd) == (1, 0, 1_530_000)


def test_what_has_no_price_is_counted_and_makes_no_zero(log: Path) -> None:
    """Unknown is not free."""
    log.write_text(line(1).replace("claude-sonnet-4-5", "stealth-9"))
    (plan,) = plan_import([SourceOrder(name="claude_code", files=(log,))], means(), reader=None)

    assert (plan.cost_nanousd, plan.unpriced, plan.billing) == (None, 1, {"unknown": 1})


def test_the_users_word_on_billing_wins_then_what_was_said_then_the_tools_config(
    home: Path, log: Path, ledger_path: Path
) -> None:
    """Flag or setting, memory, account, unknown."""
    source = Source("claude_code", "", (log,))

    def found(told: dict[str, str]) -> Billing:
        with open_reader(ledger_path) as reader:
            return billing_of(source, home=home, environ={}, told=told, reader=reader)

    with open_ledger(ledger_path, now=lambda: NOON) as ledger:
        assert Billing.UNKNOWN is found({})
        (home / ".claude.json").write_text('{"oauthAccount": {"organizationType": "claude_pro"}}')
        assert Billing.SUBSCRIPTION is found({})
        remember_billing(ledger, "import:claude_code", "api")
        assert Billing.API is found({})
        remember_billing(ledger, "import:claude_code", "local")
    assert Billing.LOCAL is found({})
    assert Billing.SUBSCRIPTION is found({"import:claude_code": "subscription"})
    assert Billing.API is found({"claude_code": "api"})
    assert Billing.API is billing_of(Source("llm_logs", "", ()), home=home, environ={}, told={}, reader=None)


def test_a_named_source_takes_files_and_the_logs_in_folders(tmp_path: Path) -> None:
    """What is no log of it is passed over in a folder, and taken when it is named."""
    (tmp_path / "a.jsonl").write_text(line(1))
    (tmp_path / "b.txt").write_text("words")
    (tmp_path / "c.jsonl.zst").write_bytes(b"damaged")

    assert (tmp_path / "a.jsonl",) == named_source("claude_code", [tmp_path]).files
    assert (tmp_path / "b.txt",) == named_source("claude_code", [tmp_path / "b.txt"]).files
    with pytest.raises(UsageError, match="no log source"):
        named_source("claude", [])
    with pytest.raises(UsageError, match="no such file"):
        named_source("claude_code", [tmp_path / "gone"])


def test_files_are_sorted_by_the_source_that_recognises_them() -> None:
    """Each becomes an order of its own."""
    files = [FIXTURES / "cursor_csv/first.csv", FIXTURES / "cursor_csv/second.csv", FIXTURES / "otel_jsonl/otlp.jsonl"]
    found = recognised_sources(files)

    assert [(source.name, len(source.files)) for source in found] == [("cursor_csv", 2), ("otel_jsonl", 1)]


def test_logs_that_are_deleted_soon_are_told_until_they_are_imported(home: Path, log: Path, ledger_path: Path) -> None:
    """Claude Code deletes after 30 days; this one is 27 days old."""
    old = (NOON - timedelta(days=27)).timestamp()
    os.utime(log, (old, old))

    (warning,) = expiring_sources(home, {}, reader=None, now=NOON)
    assert (warning.name, warning.days, warning.last_imported) == ("claude_code", 30, None)
    assert NOON - timedelta(days=27) == warning.oldest
    assert expiring_sources(home, {}, reader=None, now=NOON - timedelta(days=10)) == ()
    import_files(ledger_path, [log])
    with open_reader(ledger_path) as reader:
        assert last_imported(reader.connection, "import:claude_code") == NOON
        assert expiring_sources(home, {}, reader=reader, now=NOON) == ()


def test_the_quarantine_is_bounded_for_each_file(log: Path, ledger_path: Path) -> None:
    """A thousand places of one log say enough."""
    log.write_text("nonsense\n" * 1_500)
    result = import_files(ledger_path, [log])
    with open_reader(ledger_path) as reader:
        kept = read_problems(reader.connection)["import:claude_code"]

    assert (result.problems, len(kept)) == (1_500, 1_000)
    assert (kept[0].line, kept[1].line) == (0, 9)


def test_every_source_can_be_planned(tmp_path: Path) -> None:
    """All the recorded logs at once."""
    from tests.support.import_cases import as_log, cases

    orders = [SourceOrder(name=name, files=tuple(as_log(case, tmp_path) for case in cases(name))) for name in names()]
    plans = list(plan_import(orders, means(), reader=None))

    assert all(plan.requests > 0 for plan in plans)


def test_a_state_that_is_not_ours_is_read_anew(log: Path, ledger_path: Path) -> None:
    """A later version may note other things."""
    import_files(ledger_path, [log])
    with closing(sqlite3.connect(ledger_path)) as connection, connection:
        connection.execute("UPDATE import_files SET state = '{\"future\": 1}'")

    assert ((again := import_files(ledger_path, [log])).files, again.known) == (1, 2)
