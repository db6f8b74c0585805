"""`report` as people run it: its look at every width, its JSON, its filters and its refusals."""

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
from tests.conftest import RunCli
from tests.support.ledger_rows import Fact
from tests.support.small_ledger import sample_facts, write_ledger


@pytest.fixture
def ledger(ledger_path: Path) -> Path:
    """The sample ledger."""
    write_ledger(ledger_path, sample_facts())
    return ledger_path


def test_the_table_shows_marks_and_notes(run_cli: RunCli, ledger: Path) -> None:
    """Cost: 4 x $4 = $16; 3 x $0.136 + $0.031 estimated = ~$0.439; free $0; unpriced —; the total lacks it (+)."""
    result = run_cli("report", "--since", "7d", env={"COLUMNS": "106"})

    assert result.exit_code == 0, result.stderr
    lines = result.stdout.splitlines()
    assert lines[0] == "2026-11-15 .. 2026-11-21 UTC · 12 requests · 1 failed"
    assert [line.split() for line in lines[3:8]] == [
        ["anthropic/claude-sonnet-4-5", "6", "1", "40,100", "88%", "2,010", "9.4s", "$1.25", "$16.00", "97%"],
        ["openai/gpt-5-mini", "4", "0", "400", "0%", "40", "3.1s", "~$0.439", "3%"],
        ["ollama/qwen3:8b", "1", "0", "100", "0%", "10", "6.8s", "$0", "0%"],
        ["openrouter/stealth/lark-2", "1", "0", "100", "0%", "10", "5.2s", "—", "—"],
        ["Total", "12", "1", "40,700", "86%", "2,070", "9.4s", "$1.25", "~$16.44+", "100%"],
    ]
    assert lines[8:] == [
        "~ 1 of 4 requests estimated (no usage sent): $0.031 of the cost. See: log --estimated",
        "— 1 request unpriced, not in the total (+). Fix: pricing set openrouter/stealth/lark-2",
    ]


@pytest.mark.parametrize("columns", [60, 80, 100, 120])
def test_no_line_is_wider_than_the_terminal_and_no_number_is_cut(run_cli: RunCli, ledger: Path, columns: int) -> None:
    """ccusage#946: numbers are never truncated; columns go, and only the key is shortened."""
    result = run_cli("report", env={"COLUMNS": str(columns)})

    table = result.stdout.splitlines()[1:8]
    assert max(len(line) for line in table) <= columns
    assert "~$16.44+" in table[-1]
    assert {"Requests", "Cost", "Share"} <= set(table[0].split())


def test_a_long_key_is_shortened_in_its_middle(run_cli: RunCli, ledger_path: Path) -> None:
    """Wide characters count as two cells."""
    name = "長い名前" * 12 + "-instruct"
    write_ledger(ledger_path, [Fact(model=name)])

    result = run_cli("report", env={"COLUMNS": "60"})

    row = result.stdout.splitlines()[3]
    assert "…" in row and "-instruct" in row and row.startswith("openai/長い")


def test_the_json_is_the_versioned_envelope(run_cli: RunCli, ledger: Path) -> None:
    """Row keys, decimal strings, null for unpriced, the resolved half-open range."""
    result = run_cli("report", "-p", "today", "--by", "model", "--json")

    report = json.loads(result.stdout)
    assert report["schema"] == "llmledger.report/1"
    assert report["generated_at"] == "2026-11-21T12:00:00.000Z"
    assert report["range"] == {"since": "2026-11-21T00:00:00+00:00", "until": "2026-11-22T00:00:00+00:00"}
    assert report["timezone"] == "UTC"
    first, *_, last = report["rows"]
    assert list(first) == [
        *("model", "requests", "failed", "unpriced", "estimated", "untold", "input_tokens", "cache_read_tokens"),
        *("cache_write_tokens", "output_tokens", "reasoning_tokens", "cost_usd", "plan_value_usd"),
        *("latency_p50_ms", "latency_p95_ms", "latency_p99_ms", "first_token_p50_ms"),
    ]
    assert (first["model"], first["cost_usd"], first["requests"]) == ("anthropic/claude-sonnet-4-5", "16", 4)
    assert (last["cost_usd"], last["unpriced"]) == (None, 1)
    assert report["totals"]["cost_usd"] == "16.031"
    assert len(report["warnings"]) == 2


def test_an_empty_range_costs_zero_and_exits_0(run_cli: RunCli, ledger: Path) -> None:
    """Nothing found: empty rows, zero totals; the table's words go to stderr."""
    found = run_cli("report", "-p", "2020", "--json")
    table = run_cli("report", "-p", "2020")

    report = json.loads(found.stdout)
    assert (report["rows"], report["totals"]["cost_usd"], report["totals"]["requests"]) == ([], "0", 0)
    assert (table.exit_code, table.stdout) == (0, "")
    assert "nothing to show" in table.stderr


def test_the_rest_below_the_top_is_one_line(run_cli: RunCli, ledger: Path) -> None:
    """--top 1 of four models leaves three others."""
    table = run_cli("report", "--top", "1")
    report = json.loads(run_cli("report", "--top", "1", "--json").stdout)

    assert table.stdout.splitlines()[4].startswith("3 (others)")
    assert (len(report["rows"]), report["rest"]["groups"], report["rest"]["cost_usd"]) == (1, 3, "0.439")


def test_previous_ranges_are_compared(run_cli: RunCli, ledger: Path) -> None:
    """Today against yesterday: $16.031 after $0.408; a model that is gone still has its row."""
    report = json.loads(run_cli("report", "-p", "today", "--compare", "previous", "--by", "user", "--json").stdout)
    table = run_cli("report", "-p", "today", "--compare", "previous")

    assert report["totals"]["previous_cost_usd"] == "0.408"
    assert report["totals"]["cost_change_usd"] == "15.623"
    assert "Before" in table.stdout and "Change" in table.stdout


def test_each_bucket_is_compared_with_the_one_before_it(run_cli: RunCli, ledger: Path) -> None:
    """Growth per day: the 21st after the 20th, the 20th after nothing."""
    report = json.loads(run_cli("report", "-p", "2d", "--by", "day", "--compare", "previous", "--json").stdout)

    assert [(row["day"], row["previous_cost_usd"]) for row in report["rows"]] == [
        ("2026-11-20", "0"),
        ("2026-11-21", "0.408"),
    ]


def test_line_formats_have_the_same_rows(run_cli: RunCli, ledger: Path) -> None:
    """CSV, JSON lines and Markdown: data on stdout, notes on stderr."""
    as_csv = run_cli("report", "--by", "user,model", "--format", "csv")
    as_lines = run_cli("report", "--by", "user,model", "--format", "jsonl")
    as_md = run_cli("report", "--by", "user,model", "--format", "md")

    rows = list(csv.DictReader(io.StringIO(as_csv.stdout)))
    lines = [json.loads(line) for line in as_lines.stdout.splitlines()]
    assert [row["model"] for row in rows] == [line["model"] for line in lines]
    assert rows[0]["cost_usd"] == lines[0]["cost_usd"] == "16"
    assert as_md.stdout.startswith("| user | model | requests |")
    assert "unpriced" in as_csv.stderr
    assert run_cli("report", "-p", "2020", "--format", "csv").stdout.startswith("model,requests,")


def test_formulas_in_names_are_harmless_in_csv(run_cli: RunCli, ledger_path: Path) -> None:
    """A user called =1+1 is text, in quotes for the spreadsheet."""
    write_ledger(ledger_path, [Fact(user="=1+1|x")])

    assert "\n'=1+1|x," in run_cli("report", "--by", "user", "--format", "csv").stdout
    assert "| =1+1\\|x |" in run_cli("report", "--by", "user", "--format", "md").stdout


def test_another_currency_is_converted_by_the_rate_of_each_day(run_cli: RunCli, ledger: Path, home: Path) -> None:
    """EUR 0.90 until the 20th, 0.92 from the 21st: 0.408 x 0.90 + 16.031 x 0.92 = 0.3672 + 14.74852 = 15.11572."""
    settings = home / ".config" / "llmledger" / "config.toml"
    settings.parent.mkdir(parents=True)
    settings.write_text('[fx.EUR]\n2026-01-01 = "0.90"\n2026-11-21 = "0.92"\n')

    report = json.loads(run_cli("report", "--currency", "eur", "--json").stdout)
    table = run_cli("report", "--currency", "EUR")

    assert report["totals"]["cost_eur"] == "15.11572"
    assert "~€15.12+" in table.stdout


def test_a_currency_without_a_rate_is_refused_and_days_before_the_first_are_not_guessed(
    run_cli: RunCli, ledger: Path, home: Path
) -> None:
    """Unknown is not zero, for exchange rates too."""
    settings = home / ".config" / "llmledger" / "config.toml"
    settings.parent.mkdir(parents=True)
    settings.write_text('[fx.EUR]\n2026-11-21 = "0.92"\n')

    refused = run_cli("report", "--currency", "CHF")
    report = json.loads(run_cli("report", "--currency", "EUR", "--json").stdout)

    assert (refused.exit_code, "no exchange rate for CHF" in refused.stderr) == (2, True)
    assert report["totals"]["cost_eur"] is None
    assert any("Before 2026-11-21" in warning for warning in report["warnings"])


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("--since", "2026-02-31"), "is not a date"),
        (("--since", "3m"), "ambiguous"),
        (("--by", "modle"), "Did you mean model?"),
        (("--sort", "cots"), "Did you mean cost?"),
        (("--status", "fail"), "Did you mean failed?"),
        (("--tag", "feature"), "is not a tag"),
        (("-z", "Europe/Belrin"), "Did you mean Europe/Berlin"),
        (("--compare", "last"), "--compare previous"),
        (("--compare", "previous"), "open range"),
        (("--format", "xml"), "xml"),
        (("--top", "0"), "0"),
    ],
)
def test_what_cannot_be_meant_is_one_clear_line_and_exit_2(
    run_cli: RunCli, ledger: Path, args: tuple[str, ...], says: str
) -> None:
    """Bad values of every option."""
    result = run_cli("report", *args)

    assert result.exit_code == 2
    assert says in result.stderr and "Traceback" not in result.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("report", "--by", "wrong"),
        ("report", "--sort", "wrong"),
        ("report", "--compare", "previous"),
        ("report", "--compare", "previous", "-p", "7d", "--by", "hour"),
        ("report", "--status", "wrong"),
        ("report", "--since", "3m"),
        ("report", "-z", "Mars/Base"),
        ("log", "--billing", "wrong"),
        ("log", "--format", "csv"),
        ("log", "show", "1", "-z", "Mars/Base"),
        ("check", "--max", "1USD", "--until", "tomorow"),
        ("check", "--max", "much"),
        ("export", "--format", "wrong"),
        ("export", "--format", "csv", "--by", "wrong"),
        ("export", "--format", "focus", "--by", "model"),
        ("export", "--format", "csv", "--tag", "x"),
        ("assign", "--user", "bob"),
        ("assign", "--to-billing", "wrong"),
        ("reprice", "--as-of", "wrong"),
        ("reprice", "--tag", "x"),
        ("prune",),
        ("prune", "--older-than", "3m"),
        ("prune", "--older-than", "30d", "--what", "wrong"),
        ("reconcile", "--by", "wrong"),
        ("reconcile", "--class", "wrong"),
        ("reconcile", "--provider", "openai", "--total", "much"),
        ("reconcile", "--provider", "openai", "--total", "1USD", "-p", "wrong"),
        ("pricing", "list", "--at", "wrong"),
    ],
    ids=" ".join,
)
def test_what_cannot_be_meant_is_told_first_also_where_there_is_no_ledger(
    run_cli: RunCli, words: tuple[str, ...]
) -> None:
    """Exit 2: the next thing to do is to correct the command, and not to make a ledger."""
    result = run_cli(*words)

    assert (result.exit_code, result.stdout) == (2, "")
    assert "no ledger" not in result.stderr


def test_tokens_that_nobody_told_are_no_zero(run_cli: RunCli, ledger_path: Path) -> None:
    """A sum is of those who told; where nobody did it is `?`, in JSON null, and the note says how many."""
    told = Fact(provider="openai", model="a", usage={"input_tokens": 1000, "output_tokens": 10})
    write_ledger(ledger_path, [told, replace(told, usage={}), replace(told, model="b", usage={})])

    shown = run_cli("report", env={"COLUMNS": "120"}).stdout
    found = json.loads(run_cli("report", "--json").stdout)
    one = json.loads(run_cli("report", "--json", "-m", "b").stdout)
    csv = run_cli("report", "--format", "csv", "-m", "b").stdout.splitlines()

    (row_b,) = [line.split() for line in shown.splitlines() if line.startswith("openai/b")]
    assert row_b[1:6] == ["1", "0", "?", "?", "?"]
    assert "? 2 of 3 requests told no tokens; the sums are those of the others." in shown
    by_model = {row["model"]: (row["input_tokens"], row["untold"]) for row in found["rows"]}
    assert by_model == {"openai/a": (1000, 1), "openai/b": (None, 1)}
    assert (found["totals"]["input_tokens"], found["totals"]["untold"]) == (1000, 2)
    assert one["totals"]["output_tokens"] is None
    assert "1 of 1 request told no tokens." in one["warnings"]
    assert dict(zip(csv[0].split(","), csv[1].split(","), strict=True))["input_tokens"] == ""


def test_a_rejected_request_among_others_needs_no_note_of_its_tokens(run_cli: RunCli, ledger_path: Path) -> None:
    """It told none because it used none."""
    told = Fact(provider="openai", model="a", usage={"input_tokens": 1000, "output_tokens": 10})
    write_ledger(ledger_path, [told, replace(told, usage={}, status="failed", cost=0, cost_source="not_billed")])

    assert "told no tokens" not in run_cli("report").stdout


def test_without_a_ledger_it_says_how_to_make_one(run_cli: RunCli, ledger_path: Path) -> None:
    """Reading never makes a file; exit 6."""
    result = run_cli("report")

    assert (result.exit_code, ledger_path.exists()) == (6, False)
    assert "no ledger" in result.stderr


def test_rows_are_sorted_as_asked(run_cli: RunCli, ledger: Path) -> None:
    """By any column in both directions, unknown ones last; by the key."""

    def models(*args: str) -> list[str]:
        return [row["model"].split("/")[0] for row in json.loads(run_cli("report", "--json", *args).stdout)["rows"]]

    assert models("--sort", "requests") == ["anthropic", "openai", "ollama", "openrouter"]
    assert models("--sort", "cost:asc") == ["ollama", "openai", "anthropic", "openrouter"]
    assert models("--sort", "model:desc") == ["openrouter", "openai", "ollama", "anthropic"]
    assert models("--sort", "key") == ["anthropic", "ollama", "openai", "openrouter"]


def test_help_explains_periods_and_lists_every_filter(run_cli: RunCli) -> None:
    """One declaration serves every command."""
    result = run_cli("report", "--help", env={"COLUMNS": "100"})

    assert result.exit_code == 0
    for option in ("--since", "--period", "--tag", "--branch", "--estimated", "--by"):
        assert option in result.stdout


def test_response_times_that_can_be_told_need_no_note(run_cli: RunCli, ledger: Path) -> None:
    """By user no sketch holds them, and a few rows do."""
    told = run_cli("report", "--by", "user")

    assert (told.exit_code, "Response times" in told.stdout) == (0, False)
