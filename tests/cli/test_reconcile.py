"""`llmledger reconcile`: the bill explained in sentences and tables, recorded, shown and undone."""

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from tests.support.billed_ledger import a_ledger, a_request, an_export, line, the_bill

Run = Callable[..., Any]


@pytest.fixture
def ledger(ledger_path: Path, clock: Callable[[], datetime]) -> Path:
    """A ledger with two requests of $0.065."""
    return a_ledger(ledger_path, [a_request(1), a_request(2)], clock)


@pytest.fixture
def bill(tmp_path: Path) -> Path:
    """The export that bills exactly them: $0.13."""
    return an_export(tmp_path / "cost.csv", *the_bill())


@pytest.mark.usefixtures("ledger")
def test_a_bill_that_agrees_says_so_in_sentences(run_cli: Run, bill: Path) -> None:
    """0.05 + 0.08 is what the ledger has: nothing is unexplained, exit 0."""
    result = run_cli("reconcile", bill)

    assert result.exit_code == 0, result.stderr
    assert "OpenAI billed $0.13 for 2026-09-30 (UTC). The ledger has $0.13." in result.stdout
    assert "Unexplained: $0.00." in result.stdout


@pytest.mark.usefixtures("ledger")
def test_a_pruned_period_is_compared_with_the_sums_that_are_left(run_cli: Run, bill: Path, tmp_path: Path) -> None:
    """The bill still agrees, and one of $1.90 more says that the single requests were pruned."""
    words = "were pruned from the ledger; up to then the bill is compared by day and model"
    before = run_cli("reconcile", bill)
    pruned = run_cli("prune", "--older-than", "0d", "--what", "detail", "--yes")
    after = run_cli("reconcile", bill)
    more = an_export(tmp_path / "more.csv", *the_bill(), line("input_tokens", 7_600_000, "1.9"))
    other = run_cli("reconcile", more, "--json")

    assert pruned.exit_code == 0, pruned.stderr
    assert words not in before.stdout
    assert words in " ".join(after.stdout.split())
    assert "OpenAI billed $0.13 for 2026-09-30 (UTC). The ledger has $0.13." in after.stdout
    assert (after.exit_code, "Unexplained: $0.00." in after.stdout) == (0, True)
    [missing] = [row for row in json.loads(other.stdout)["statements"][0]["classes"] if row["class"] != "matched"]
    assert missing["class"] == "missing in ledger"
    assert "its single requests were pruned" in missing["evidence"]


@pytest.mark.usefixtures("ledger")
def test_what_went_past_the_ledger_is_named_with_its_key(run_cli: Run, tmp_path: Path) -> None:
    """Another key's $1.90 is `other key or host`, and the advice says what to do."""
    rows = [*the_bill(), line("input_tokens", 7_600_000, "1.9", key="key_4f2a")]
    result = run_cli("reconcile", an_export(tmp_path / "cost.csv", *rows), "--class", "other_key")
    whole = run_cli("reconcile", tmp_path / "cost.csv")

    assert "$1.90 went past it (key key_4f2a)." in result.stdout
    assert "key_4f2a" in result.stdout
    assert "point that host's clients at the proxy" in whole.stdout
    assert "Coverage: the ledger saw 3% of the billed tokens (key_4f2a 0%, key_a 100%)." in whole.stdout


@pytest.mark.usefixtures("ledger")
def test_another_price_comes_with_a_patch_for_the_price_table(run_cli: Run, tmp_path: Path) -> None:
    """200,000 tokens for $0.10 are $0.5 per million where the ledger has 0.25; no table price is needed to see it."""
    bill = an_export(tmp_path / "cost.csv", line("input_tokens", 200_000, "0.1"), the_bill()[1])
    result = run_cli("reconcile", bill)

    assert "price differs" in result.stdout
    assert "instead of $0.25 per 1M tokens since 2026-09-30" in result.stdout
    assert "input = 0.5" in result.stdout
    assert "from = 2026-09-30" in result.stdout


@pytest.mark.usefixtures("ledger")
def test_what_no_cause_explains_is_an_answer_of_no(run_cli: Run, tmp_path: Path) -> None:
    """An unknown kind of line for $3 stays unexplained: exit 1, unless the tolerance allows it."""
    bill = an_export(tmp_path / "cost.csv", *the_bill(), line("holographic tokens", 5, "3"))

    assert run_cli("reconcile", bill).exit_code == 1
    assert run_cli("reconcile", bill, "--tolerance", "3.00").exit_code == 0
    assert run_cli("reconcile", bill, "--tolerance", "50%").exit_code == 1
    assert "kind that we do not know" in run_cli("reconcile", bill).stdout


@pytest.mark.usefixtures("ledger")
def test_json_has_every_class_and_exact_amounts(run_cli: Run, bill: Path) -> None:
    """One envelope with decimal text."""
    told = json.loads(run_cli("reconcile", bill, "--json").stdout)

    assert told["schema"] == "llmledger.reconcile/1"
    [statement] = told["statements"]
    assert tuple(statement[name] for name in ("billed_usd", "ledger_usd", "difference_usd", "unexplained_usd")) == (
        "0.13",
        "0.13",
        "0",
        "0",
    )
    assert [row["class"] for row in statement["classes"]] == ["matched"]


@pytest.mark.usefixtures("ledger")
@pytest.mark.parametrize("width", ["40", "60", "80", "120"])
def test_tables_keep_their_amounts_at_any_width(run_cli: Run, bill: Path, width: str) -> None:
    """The difference is there however narrow the terminal is."""
    result = run_cli("reconcile", bill, "--by", "day", env={"COLUMNS": width})

    assert result.exit_code == 0
    assert "Difference" in result.stdout


@pytest.mark.usefixtures("ledger")
@pytest.mark.parametrize("format_", ["csv", "md", "html"])
def test_what_a_spreadsheet_or_page_would_run_is_made_harmless(run_cli: Run, tmp_path: Path, format_: str) -> None:
    """A line item that is a formula or a script comes out as text."""
    evil = "\"=cmd|' /C calc'!A1 <script>alert(1)</script>, wonders\""
    row = f"1790726400,1790812800,,,0.5,usd,1,tokens,{evil},,=key,proj,org,,,,\n"
    result = run_cli("reconcile", an_export(tmp_path / "=cost.csv", *the_bill(), row), "--format", format_)

    assert result.exit_code == 0, result.stderr
    if format_ == "csv":
        cells = [cell.strip('"') for text in result.stdout.splitlines() for cell in text.split(",")]
        assert not [cell for cell in cells if cell.startswith(("=", "+", "@"))]
    else:
        assert "<script>" not in result.stdout


def test_an_empty_ledger_shows_the_statement_alone(run_cli: Run, bill: Path) -> None:
    """Without a ledger the prices are checked against our table and the bill is broken down; nothing is created."""
    result = run_cli("reconcile", bill)

    assert result.exit_code == 0
    assert "here is the statement alone" in result.stdout
    assert "our table has no price" in " ".join(result.stdout.split())
    assert "key_a" in result.stdout
    assert not (bill.parent / "ledger.db").exists()


@pytest.mark.usefixtures("ledger")
def test_recording_makes_charged_sums_equal_the_bill_once(run_cli: Run, tmp_path: Path) -> None:
    """The bill is $0.14, the ledger has $0.13: charged is 0.14 after --record, also after a second one, and 0.13 after undo."""
    bill = an_export(tmp_path / "cost.csv", line("input_tokens", 200_000, "0.06"), the_bill()[1])

    first = run_cli("reconcile", bill, "--record")
    again = run_cli("reconcile", bill, "--record")

    assert first.exit_code == 0, first.stderr
    assert "Recorded as statement 1." in first.stderr
    assert "nothing was changed" in again.stderr
    assert _charged(run_cli) == "0.14"
    assert "cleared" in run_cli("reconcile", "list").stdout
    assert "price differs" in run_cli("reconcile", "show", "1").stdout
    assert "undone" in run_cli("reconcile", "undo", "1").stderr
    assert "undone before" in run_cli("reconcile", "undo", "1").stderr
    assert _charged(run_cli) == "0.13"
    assert "Recorded as statement 2." in run_cli("reconcile", bill, "--record").stderr
    assert _charged(run_cli) == "0.14"


def _charged(run_cli: Run) -> str:
    told = json.loads(run_cli("report", "--charged", "--json").stdout)
    totals = told["totals"]
    return str(totals.get("charged_usd", totals.get("cost_usd")))


@pytest.mark.usefixtures("ledger")
def test_a_period_is_settled_by_one_statement_at_a_time(run_cli: Run, bill: Path, tmp_path: Path) -> None:
    """Another export of the same day is refused until the first is undone."""
    run_cli("reconcile", bill, "--record")
    other = an_export(tmp_path / "other.csv", *the_bill(), line("cached input", 10, "0.01"))
    result = run_cli("reconcile", other, "--record")

    assert result.exit_code == 2
    assert "reconcile undo 1" in result.stderr


def test_rows_that_come_after_a_recording_are_told_as_late(
    run_cli: Run, ledger: Path, bill: Path, clock: Callable[[], datetime]
) -> None:
    """A request of the cleared day that is recorded later is counted in the list."""
    run_cli("reconcile", bill, "--record")
    a_ledger(ledger, [a_request(3)], clock)

    assert "1 late" in run_cli("reconcile", "list").stdout
    assert json.loads(run_cli("reconcile", "list", "--json").stdout)["rows"][0]["late_requests"] == 1


@pytest.mark.usefixtures("ledger")
def test_the_total_of_a_pdf_can_be_compared_with_its_tax(run_cli: Run) -> None:
    """$0.15 with $0.02 tax leaves $0.13 of usage: explained. $5 more is not."""
    common = ("--provider", "openai", "-p", "2026-09")
    fine = run_cli("reconcile", *common, "--total", "0.15USD", "--tax", "0.02")
    odd = run_cli("reconcile", *common, "--total", "5.15USD", "--tax", "0.02")

    assert fine.exit_code == 0, fine.stderr
    assert "credits, tax, discount" in fine.stdout
    assert odd.exit_code == 1
    assert "Unexplained: $5.00." in odd.stdout


@pytest.mark.usefixtures("ledger")
def test_a_period_that_the_file_is_not_about_is_an_error(run_cli: Run, bill: Path) -> None:
    """Never a zero that looks like an answer; an empty file is called empty."""
    result = run_cli("reconcile", bill, "-p", "2026-11")
    (bill.parent / "empty.csv").touch()

    assert (result.exit_code, result.stdout) == (3, "")
    assert "cost.csv has no line in this period" in result.stderr
    assert "empty.csv is empty" in run_cli("reconcile", bill.parent / "empty.csv").stderr


@pytest.mark.usefixtures("ledger")
def test_foreign_money_needs_a_rate(run_cli: Run, tmp_path: Path) -> None:
    """CNY without a rate compares tokens alone and says so; with one, in USD: 0.13 / 0.1391."""
    path = tmp_path / "cost.csv"
    an_export(path, *the_bill())
    path.write_text(path.read_text().replace(",usd,", ",cny,"))
    without = run_cli("reconcile", path)
    with_rate = run_cli("reconcile", path, "--fx", "CNY=1")

    assert "no rate for CNY" in without.stdout
    assert "Every token of it is in the ledger." in without.stdout
    assert "billed $0.13" in with_rate.stdout
    assert run_cli("reconcile", path, "--record").exit_code == 2


@pytest.mark.usefixtures("ledger")
def test_two_ledgers_are_read_as_one(run_cli: Run, tmp_path: Path, clock: Callable[[], datetime]) -> None:
    """A request that both have counts once; one that only the other has counts."""
    shared, own, foreign = a_request(1), a_request(2), a_request(3)
    one = a_ledger(tmp_path / "one.db", [shared, own], clock)
    two = a_ledger(tmp_path / "two.db", [shared, foreign], clock)
    bill = an_export(tmp_path / "cost.csv", *the_bill(3))
    result = run_cli("reconcile", bill, "--ledger", one, "--ledger", two)

    assert "The ledger has $0.195." in result.stdout
    assert "with 3 requests" in result.stdout


@pytest.mark.usefixtures("ledger")
def test_the_same_file_twice_counts_once(run_cli: Run, bill: Path) -> None:
    """And it is told."""
    result = run_cli("reconcile", bill, bill)

    assert result.exit_code == 0
    assert "counts once" in result.stdout
    assert "billed $0.13" in result.stdout


@pytest.mark.usefixtures("ledger")
def test_files_that_overlap_count_once_or_are_refused(run_cli: Run, bill: Path, tmp_path: Path) -> None:
    """A second export with the same lines and one more is taken together; one that disagrees is named."""
    more = an_export(tmp_path / "more.csv", *the_bill(), line("cached input", 10, "0.01"))
    other = an_export(tmp_path / "other.csv", line("input_tokens", 200_000, "0.07"))

    both = run_cli("reconcile", bill, more).stdout
    assert "billed $0.14" in both
    assert "note: 2 lines stand in several files and count once." in both
    refused = run_cli("reconcile", bill, other)
    assert refused.exit_code == 2
    assert "differ" in refused.stderr


def test_any_table_can_be_read_by_drafted_rules(run_cli: Run, tmp_path: Path) -> None:
    """--init-rules drafts rules for an unknown table, and says which entry to fill in."""
    odd = tmp_path / "odd.csv"
    odd.write_text("Tag;Model name;Betrag;Menge\n14.10.2026;demo;1,25;1000\n", encoding="utf-8")
    draft = run_cli("reconcile", odd, "--init-rules")
    rules = tmp_path / "rules.toml"
    rules.write_text(draft.stdout.replace("CHANGE-ME", "demo"), encoding="utf-8")
    result = run_cli("reconcile", odd, "--rules", rules)

    assert draft.exit_code == 0
    assert 'decimal_mark = ","' in draft.stdout
    assert result.exit_code == 0, result.stderr
    assert "billed $1.25" in result.stdout


@pytest.mark.parametrize("content", [b"hello", b"{}", b"<html>Sign in</html>", b"\xd0\xcf\x11\xe0" + bytes(99)])
def test_no_rules_are_drafted_for_what_is_no_table(run_cli: Run, tmp_path: Path, content: bytes) -> None:
    """A page, a text, an old spreadsheet: each is told as no table, without rules that could not work."""
    path = tmp_path / "odd.csv"
    path.write_bytes(content)
    result = run_cli("reconcile", path, "--init-rules")

    assert (result.exit_code, result.stdout) == (3, "")
    assert "odd.csv is no table" in result.stderr


def test_a_pdf_is_answered_with_where_the_data_is(run_cli: Run, tmp_path: Path) -> None:
    """A PDF has no lines: the error names the pages to get them from, and --total."""
    path = tmp_path / "invoice.pdf"
    path.write_bytes(b"%PDF-1.7 ...")
    result = run_cli("reconcile", path)

    assert result.exit_code == 3
    assert "platform.openai.com/usage" in result.stderr
    assert "--total" in result.stderr


@pytest.mark.parametrize(
    "args",
    [
        (),
        ("show",),
        ("undo", "x"),
        ("nowhere.csv", "--format", "xml"),
        ("nowhere.csv", "--by", "moon"),
        ("nowhere.csv", "--tolerance", "much"),
        ("nowhere.csv", "--tolerance=-1"),
        ("nowhere.csv", "--fx", "CNY"),
        ("nowhere.csv", "--fx", "CNY=-1"),
        ("--total", "many"),
        ("--total", "1XY", "--provider", "openai"),
        ("--total", "1"),
        ("--credits-bought", "50", "--provider", "openai", "-p", "2026-09"),
        ("--opening", "1CNY", "--closing", "1USD", "--provider", "openai", "-p", "2026-09"),
        ("--opening", "2CNY", "--closing", "1CNY", "--total", "1USD", "--provider", "openai", "-p", "2026-09"),
        ("--opening", "2", "--closing", "1", "--tax", "1", "--provider", "openai", "-p", "2026-09"),
        ("nowhere.csv", "--class", "moon"),
        ("list", "--format", "html"),
        ("--fetch", "openai"),
        ("--fetch", "nobody", "-p", "2026-09"),
        ("--init-rules",),
    ],
    ids=lambda args: " ".join(args) or "nothing",
)
def test_what_cannot_be_meant_is_one_clear_line(run_cli: Run, args: tuple[str, ...]) -> None:
    """Exit 2, a line on stderr, nothing on stdout."""
    result = run_cli("reconcile", *args)

    assert result.exit_code == 2, result.stderr
    assert result.stdout == ""
    assert "Traceback" not in result.stderr


def test_the_known_formats_can_be_listed(run_cli: Run) -> None:
    """Each with what it is."""
    result = run_cli("reconcile", "--formats")

    assert "openai_cost_csv" in result.stdout
    assert "generic_csv" in result.stdout


@pytest.mark.usefixtures("ledger")
def test_numbers_that_no_statement_has_are_told(run_cli: Run) -> None:
    """show and undo of an unknown number are usage errors; an empty list says how to begin."""
    assert "No statement is recorded yet" in run_cli("reconcile", "list").stdout
    assert run_cli("reconcile", "show", "7").exit_code == 2
    assert run_cli("reconcile", "undo", "7").exit_code == 2
