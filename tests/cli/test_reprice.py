"""`reprice`: a dry run without --yes, differences by model, appended once."""

import json
from pathlib import Path

import pytest
from tests.conftest import RunCli
from tests.support.builders import NOON, a_finished

from llmledger.core.usage import Usage
from llmledger.ledger import open_ledger


@pytest.fixture
def ledger(ledger_path: Path) -> Path:
    """Two requests to a model without a price, one to a model whose price was wrong."""
    usage = Usage(input_tokens=1000, output_tokens=100)
    with open_ledger(ledger_path, now=lambda: NOON) as opened:
        for _ in range(2):
            opened.record(a_finished({"provider": "openrouter", "model": "stealth/lark-2"}, nanousd=None, usage=usage))
        opened.record(a_finished({"provider": "openai", "model": "gpt-5-mini"}, nanousd=900_000, usage=usage))
    return ledger_path


def total(run_cli: RunCli) -> tuple[str | None, int]:
    """Cost and unpriced requests of all time."""
    totals = json.loads(run_cli("report", "--json", "-p", "2026").stdout)["totals"]
    return totals["cost_usd"], totals["unpriced"]


def test_without_yes_it_only_tells(run_cli: RunCli, ledger: Path) -> None:
    """gpt-5-mini: 1000 x 250 + 100 x 2000 = $0.00045 instead of $0.0009; lark-2 has no price yet."""
    result = run_cli("reprice")

    assert result.exit_code == 0
    assert result.stdout.splitlines()[2].split()[:5] == ["openai/gpt-5-mini", "1", "$0.0009", "$0.00045", "-$0.00045"]
    assert "1 request would be priced again; 2 cost the same" in result.stdout
    assert "dry run" in result.stderr
    assert total(run_cli) == ("0.0009", 2)


def test_a_price_that_was_set_later_reaches_old_requests(run_cli: RunCli, ledger: Path) -> None:
    """2 x (1000 x 3000 + 100 x 15000) nano-USD; a second run books nothing."""
    run_cli("pricing", "set", "openrouter/stealth/lark-2", "--input", "3", "--output", "15")
    first = json.loads(run_cli("reprice", "--unpriced", "--yes", "--json").stdout)
    again = json.loads(run_cli("reprice", "--model", "*lark*", "--yes", "--json").stdout)

    assert (first["booked"], first["rows"][0]["after_nanousd"], first["rows"][0]["unpriced_before"]) == (
        2,
        9_000_000,
        2,
    )
    assert (again["booked"], again["same"]) == (0, 2)
    assert total(run_cli) == ("0.0099", 0)


def test_another_table_can_be_tried(run_cli: RunCli, ledger: Path, tmp_path: Path) -> None:
    """`--table` stands above all others: $1 in and out, 1,100,000 nano-USD each."""
    text = "schema = 1\n[[model]]\nid = 'stealth/lark-2'\n[[model.period]]\ninput = 1\noutput = 1\n"
    (tmp_path / "openrouter.toml").write_text(text)
    found = json.loads(run_cli("reprice", "--table", str(tmp_path), "--unpriced", "--json").stdout)

    assert (found["dry_run"], found["rows"][0]["after_nanousd"]) == (True, 2_200_000)


@pytest.mark.parametrize(
    ("args", "said"), [(["--as-of", "then"], "--as-of 'then' is no date"), (["--table", "nowhere"], "does not exist")]
)
def test_a_mistake_is_one_clear_line(run_cli: RunCli, ledger: Path, args: list[str], said: str) -> None:
    """Exit 2."""
    result = run_cli("reprice", *args)

    assert (result.exit_code, result.stdout) == (2, "")
    assert said in result.stderr


def test_an_empty_ledger_has_nothing_to_reprice(run_cli: RunCli, ledger_path: Path) -> None:
    """No table, no dry-run note."""
    open_ledger(ledger_path, now=lambda: NOON).close()
    result = run_cli("reprice", "--as-of", "2026-10-01")

    assert result.stdout == "0 requests would be priced again; 0 cost the same, 0 keep what the provider said.\n"
    assert run_cli("reprice", "--ledger", str(ledger_path.with_name("none.db"))).exit_code == 6
