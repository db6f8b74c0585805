"""`log`: the list, its filters, and the whole story of one request."""

import json
from pathlib import Path

import pytest
from tests.conftest import RunCli
from tests.support.builders import NOON, a_begun, a_finished, a_usage
from tests.support.small_ledger import sample_facts, write_ledger

from llmledger.core.cost import Component
from llmledger.core.request import Attribution, Charged, SoFar
from llmledger.core.words import CostSource, Status
from llmledger.ledger import open_ledger


@pytest.fixture
def ledger(ledger_path: Path) -> Path:
    """The sample ledger."""
    write_ledger(ledger_path, sample_facts())
    return ledger_path


def test_the_newest_requests_come_first_and_their_number_is_limited(run_cli: RunCli, ledger: Path) -> None:
    """Twenty by default, all with 0."""
    two = json.loads(run_cli("log", "-n", "2", "--json").stdout)["requests"]
    everything = run_cli("log", "-n", "0", "--format", "jsonl").stdout.splitlines()

    assert [one["model"] for one in two] == ["stealth/lark-2", "qwen3:8b"]
    assert len(everything) == 12


@pytest.mark.parametrize("columns", [60, 80, 100, 120])
def test_the_list_fits_the_terminal(run_cli: RunCli, ledger: Path, columns: int) -> None:
    """Columns go by priority; id, time, model and cost stay."""
    result = run_cli("log", env={"COLUMNS": str(columns)})

    assert max(len(line) for line in result.stdout.splitlines()) <= columns
    assert "~$0.031" in result.stdout and "0000000b" in result.stdout and "$1.25 plan" in result.stdout


def test_the_list_has_the_same_filters_as_the_report(run_cli: RunCli, ledger: Path) -> None:
    """Estimated, unpriced, failed; nothing found is said on stderr."""
    assert len(run_cli("log", "--estimated", "--format", "jsonl").stdout.splitlines()) == 1
    assert len(run_cli("log", "--unpriced", "--format", "jsonl").stdout.splitlines()) == 1
    assert len(run_cli("log", "--status", "failed", "--format", "jsonl").stdout.splitlines()) == 1
    nothing = run_cli("log", "--user", "nobody")
    assert (nothing.exit_code, nothing.stdout, nothing.stderr) == (0, "", "No requests to show.\n")
    assert run_cli("log", "--format", "md").exit_code == 2
    assert "table|json|jsonl" in run_cli("log", "--help").stdout


def priced_request(path: Path) -> str:
    """A request with a timeline and a price of two parts; its id."""
    begun = a_begun(
        provider="anthropic",
        model="claude-sonnet-4-5",
        attribution=Attribution(user="ada", tags={"env": "dev"}),
    )
    charged = Charged(
        cost_nanousd=39_600_000,
        cost_source=CostSource.COMPUTED,
        computed_nanousd=39_600_000,
        components=(Component("input_tokens", 12_000, 36_000_000), Component("output_tokens", 240, 3_600_000)),
        rate_id="anthropic/claude-sonnet-4-5@2025-09-29",
        rate={"rate": "anthropic/claude-sonnet-4-5", "input": 3, "output": "15"},
        price_version="2026.11.21+abc",
    )
    finished = a_finished(
        begun,
        charged=charged,
        usage=a_usage(12_000, 240, cache_read_tokens=0, reasoning_tokens=100),
        timeline=(("attempt", 0), ("retry", 700), ("attempt", 800), ("first_token", 1100), ("end", 2050)),
        latency_ms=2050,
        finish_reason="stop",
        provider_request_id="msg_1",
    )
    with open_ledger(path, now=lambda: NOON) as book:
        book.record(finished)
        book.record(a_finished({"model": "other"}, status=Status.FAILED, error_type="overloaded", nanousd=None))
    return begun.request_id.hex()


def test_one_request_is_explained_with_its_timeline_and_its_price_formula(run_cli: RunCli, ledger_path: Path) -> None:
    """12,000 x $3 / 1M = $0.036 and 240 x $15 / 1M = $0.0036 make $0.0396."""
    request_id = priced_request(ledger_path)

    shown = run_cli("log", "show", request_id[-8:]).stdout

    assert "anthropic/claude-sonnet-4-5 · /v1/chat/completions · run" in shown
    assert "+700ms  retry" in shown and "+2.1s  end" in shown
    assert "12,000 input_tokens x $3 per 1M = $0.036" in shown
    assert "240 output_tokens x $15 per 1M = $0.0036" in shown
    assert "rate anthropic/claude-sonnet-4-5@2025-09-29" in shown and "prices 2026.11.21+abc" in shown
    assert "user ada · env=dev" in shown


def test_one_request_as_json_names_its_rate_and_components(run_cli: RunCli, ledger_path: Path) -> None:
    """Everything the table says, and the rate verbatim."""
    request_id = priced_request(ledger_path)

    request = json.loads(run_cli("log", "show", request_id, "--json").stdout)["request"]

    assert request["cost_usd"] == "0.0396"
    assert request["components"][0] == {"unit": "input_tokens", "quantity": 12_000, "usd": "0.036"}
    assert request["rate_body"]["output"] == "15"


def test_a_correction_is_part_of_the_story(run_cli: RunCli, ledger_path: Path) -> None:
    """After an assignment the request stands elsewhere, and says since when and why."""
    request_id = priced_request(ledger_path)
    run_cli("assign", "--user", "ada", "--to-project", "web", "--yes")

    shown = run_cli("log", "show", request_id).stdout

    assert "project web" in shown
    assert "assign: assigned to project web ($0.0396)" in shown


@pytest.mark.parametrize(("text", "says"), [("ffffffff", "there is no request"), ("zz", "no request id")])
def test_an_unknown_id_is_one_clear_line(run_cli: RunCli, ledger: Path, text: str, says: str) -> None:
    """Exit 2."""
    result = run_cli("log", "show", text)

    assert (result.exit_code, says in result.stderr) == (2, True)


def test_an_ambiguous_id_asks_for_more_digits(run_cli: RunCli, ledger: Path) -> None:
    """All sample ids begin alike."""
    result = run_cli("log", "show", "0000")

    assert (result.exit_code, "more than one" in result.stderr) == (2, True)


def test_what_a_running_answer_has_used_is_listed_too(run_cli: RunCli, ledger_path: Path) -> None:
    """Where its process tells: tokens and cost so far, marked as an estimate; nothing is made up for the others."""
    with open_ledger(ledger_path, now=lambda: NOON) as book:
        told, silent = a_begun(model="told"), a_begun(model="silent", request_id=b"s" * 16)
        book.begin(told)
        book.begin(silent)
        book.tell_progress({told.request_id: SoFar(input_tokens=1200, output_tokens=345, cost_nanousd=6_789_000)})
        running = {one["model"]: one for one in json.loads(run_cli("log", "--inflight", "--json").stdout)["requests"]}
        (line,) = [line for line in run_cli("log", "--inflight").stdout.splitlines() if "/told" in line]

    wanted = ("input_tokens", "output_tokens", "so_far_usd", "is_estimated")
    assert [running["told"][name] for name in wanted] == [1200, 345, "0.006789", True]
    assert [running["silent"][name] for name in wanted[:3]] == [None] * 3
    assert {"1,200", "345", "~$0.00679"} <= set(line.split())
    assert list(ledger_path.parent.glob("owners/*")) == []


def test_what_is_in_flight_is_listed(run_cli: RunCli, ledger_path: Path) -> None:
    """Begun and not ended; nothing when all have ended."""
    with open_ledger(ledger_path, now=lambda: NOON) as book:
        book.begin(a_begun(model="slow"))
        running = run_cli("log", "--inflight", "--json")
        as_table = run_cli("log", "--inflight")
    assert [one["model"] for one in json.loads(running.stdout)["requests"]] == ["slow"]
    assert "openai/slow" in as_table.stdout


def test_names_and_errors_of_strangers_drive_no_terminal(run_cli: RunCli, ledger_path: Path) -> None:
    """A user's or model's name comes from a request's body, an error from a provider; in JSON they are escaped anyway."""
    evil = "x\x1b]52;c;AAAA\x07\x1b[2J\ny"
    begun = a_begun(model=evil, attribution=Attribution(user=evil, project=evil, tags={evil: evil}))
    with open_ledger(ledger_path, now=lambda: NOON) as book:
        book.record(a_finished(begun, status=Status.FAILED, nanousd=None, error_type=evil, error_message=evil))
    told = [
        run_cli(*args, "--color", "never")
        for args in (("report", "--by", "model,user,project,tag"), ("log",), ("log", "show", begun.request_id.hex()))
    ]

    for result in told:
        assert result.exit_code == 0
        assert not {"\x1b", "\x07"} & set(result.stdout + result.stderr)
    assert "x�]52;c;AAAA��[2J�y" in told[1].stdout
    assert json.loads(run_cli("log", "--json").stdout)["requests"][0]["user"] == evil
