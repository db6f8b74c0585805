"""`check`: exit 0 within the limit, 1 beyond it, 2 for what cannot be meant."""

import json
from pathlib import Path

import pytest
from tests.conftest import RunCli
from tests.support.small_ledger import sample_facts, write_ledger


@pytest.fixture
def ledger(ledger_path: Path) -> Path:
    """The sample ledger: $16.031 today, $0.408 yesterday, one request unpriced."""
    write_ledger(ledger_path, sample_facts())
    return ledger_path


@pytest.mark.parametrize(
    ("args", "code"),
    [
        (("--max", "20USD", "--since", "today"), 0),
        (("--max", "16.031", "--since", "today"), 0),
        (("--max", "$16.03", "--since", "today"), 1),
        (("--max", "1USD", "--user", "bob"), 0),
        (("--max", "0.4USD", "--user", "bob"), 1),
        (("--max", "20USD", "--strict"), 1),
        (("--max", "20USD", "--strict", "--user", "ada"), 0),
        (("--max", "0", "-p", "2020"), 0),
        (("--max", "5 apples"), 2),
        (("--max", "$5EUR"), 2),
        (("--max", "5CHF"), 2),
        ((), 2),
    ],
)
def test_the_exit_code_is_the_answer(run_cli: RunCli, ledger: Path, args: tuple[str, ...], code: int) -> None:
    """A limit that is reached exactly holds; plan use is no money; --strict fails on unpriced requests."""
    result = run_cli("check", *args)

    assert result.exit_code == code, result.stderr


def test_the_answer_says_what_was_counted_and_what_was_not(run_cli: RunCli, ledger: Path) -> None:
    """Unpriced requests are told, on stderr and with a +."""
    result = run_cli("check", "--max", "20USD", "--since", "today")
    as_json = json.loads(run_cli("check", "--max", "20USD", "--since", "today", "--json").stdout)

    assert result.stdout.startswith("within the limit: $16.03+ of $20.00 · 7 requests · 2026-11-21")
    assert "1 request unpriced" in result.stderr
    assert (as_json["within"], as_json["spent"], as_json["unpriced"]) == (True, "16.031", 1)


def test_a_limit_in_another_currency_uses_the_rates_of_the_settings(run_cli: RunCli, ledger: Path, home: Path) -> None:
    """$16.439 at 0.5 is 8.2195 EUR."""
    settings = home / ".config" / "llmledger" / "config.toml"
    settings.parent.mkdir(parents=True)
    settings.write_text('[fx.EUR]\n2026-01-01 = "0.5"\n')

    assert run_cli("check", "--max", "8.22EUR").exit_code == 0
    over = run_cli("check", "--max", "8.21EUR")
    assert (over.exit_code, "8.22 EUR" not in over.stdout) == (1, False)
