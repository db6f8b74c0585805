"""`assign`: a dry run without --yes, a pair of corrections per request with it."""

import json
from decimal import Decimal
from pathlib import Path

import pytest
from tests.conftest import RunCli
from tests.support.small_ledger import sample_facts, write_ledger


@pytest.fixture
def ledger(ledger_path: Path) -> Path:
    """The sample ledger."""
    write_ledger(ledger_path, sample_facts())
    return ledger_path


def costs(run_cli: RunCli, by: str) -> dict[str | None, str | None]:
    """Cost by a dimension."""
    rows = json.loads(run_cli("report", "--by", by, "--json").stdout)["rows"]
    return {row[by]: row["cost_usd"] for row in rows}


def test_nothing_changes_without_yes(run_cli: RunCli, ledger: Path) -> None:
    """It says how many requests it would be, and what they cost: 3 x $0.136 + $0.031."""
    result = run_cli("assign", "--user", "bob", "--to-project", "shop")

    assert result.stdout == "4 requests ($0.439) would be assigned.\n"
    assert "dry run" in result.stderr
    assert "shop" not in costs(run_cli, "project")


def test_requests_count_elsewhere_afterwards_and_the_total_stays(run_cli: RunCli, ledger: Path) -> None:
    """Twice is once: what already is there is not moved again; "" takes it away."""
    before = costs(run_cli, "status")
    first = run_cli("assign", "--user", "bob", "--to-project", "shop", "--to-user", "eve", "--yes")
    again = run_cli("assign", "--user", "eve", "--to-project", "shop", "--yes")

    assert first.stdout == "4 requests ($0.439) were assigned.\n"
    assert again.stdout == "0 requests ($0) were assigned; 4 already are.\n"
    assert (costs(run_cli, "project")["shop"], costs(run_cli, "user")["eve"]) == ("0.439", "0.439")
    assert "bob" not in costs(run_cli, "user")
    assert costs(run_cli, "status") == before

    back = json.loads(run_cli("assign", "--project", "shop", "--to-project", "", "--yes", "--json").stdout)
    assert (back["booked"], back["cost_usd"]) == (4, "0.439")
    assert "shop" not in costs(run_cli, "project")


def test_how_requests_are_paid_can_be_put_right(run_cli: RunCli, ledger: Path) -> None:
    """What an import took for money spent was a plan: its cost is plan value then, and both sums stay what they are."""

    def sums() -> tuple[str, str]:
        totals = json.loads(run_cli("report", "--json").stdout)["totals"]
        return totals["cost_usd"], totals["plan_value_usd"]

    spent, plan = sums()
    verified = run_cli("db", "verify").stdout
    dry = run_cli("assign", "--user", "bob", "--to-billing", "subscription")
    assert (dry.stdout, sums()) == ("4 requests ($0.439) would be assigned.\n", (spent, plan))
    done = run_cli("assign", "--user", "bob", "--to-billing", "Subscription", "--to-project", "shop", "--yes")
    again = run_cli("assign", "--user", "bob", "--to-billing", "subscription", "--yes")

    assert done.stdout == "4 requests ($0.439) were assigned.\n"
    assert again.stdout == "0 requests ($0) were assigned; 4 already are.\n"
    moved = Decimal("0.439")
    assert tuple(map(Decimal, sums())) == (Decimal(spent) - moved, Decimal(plan) + moved)
    rows = json.loads(run_cli("report", "--by", "project,billing", "--project", "shop", "--json").stdout)["rows"]
    assert [(row["billing"], row["plan_value_usd"]) for row in rows] == [("subscription", "0.439")]
    assert run_cli("db", "verify").stdout == verified

    run_cli("assign", "--project", "shop", "--to-billing", "api", "--yes")
    assert sums() == (spent, plan)


@pytest.mark.parametrize("wrong", ["", "plan", "api,local"])
def test_a_billing_that_there_is_not_is_refused(run_cli: RunCli, ledger: Path, wrong: str) -> None:
    """Exit 2, with those that there are; every request is paid in some way."""
    result = run_cli("assign", "--to-billing", wrong, "--yes")

    assert (result.exit_code, "subscription" in result.stderr) == (2, True)


def test_an_assignment_to_nothing_is_refused(run_cli: RunCli, ledger: Path) -> None:
    """Exit 2, with the options that are missing."""
    result = run_cli("assign", "--user", "bob")

    assert (result.exit_code, "--to-project" in result.stderr) == (2, True)
