"""`pricing update`: from an installed list, a file, a folder, an address."""

import json
from pathlib import Path

import pytest
from tests.conftest import RunCli
from tests.support.upstream import Answer, Upstream

OWN = (
    "schema = 1\n[[model]]\nid = 'rocket'\n[[model.period]]\n"
    "input = {}\noutput = 1\nsource = 'page'\nchecked = 2026-11-20\n"
)


def cost(run_cli: RunCli) -> str | None:
    """What a million tokens of the rocket cost."""
    args = ("pricing", "cost", "-m", "acme/rocket", "--input", "1000000", "--output", "0", "--json")
    found: str | None = json.loads(run_cli(*args).stdout)["cost_usd"]
    return found


@pytest.fixture
def rocket(tmp_path: Path) -> Path:
    """A price file of ours."""
    path = tmp_path / "acme.toml"
    path.write_text(OWN.format(3))
    return path


def test_a_file_adds_its_models(run_cli: RunCli, rocket: Path) -> None:
    """Shown first; with --dry-run nothing is written."""
    tried = run_cli("pricing", "update", str(rocket), "--dry-run")
    done = run_cli("pricing", "update", str(rocket))

    assert tried.stdout == done.stdout == "+ acme/rocket\n"
    assert "Wrote" not in tried.stderr
    assert "Wrote 1 files" in done.stderr
    assert cost(run_cli) == "3"


def test_an_insane_jump_needs_yes(run_cli: RunCli, rocket: Path) -> None:
    """Exit 1, the change shown, nothing written; --yes takes it."""
    run_cli("pricing", "update", str(rocket))
    rocket.write_text(OWN.format(30))
    refused = run_cli("pricing", "update", str(rocket))

    assert refused.exit_code == 1
    assert refused.stdout == "~ acme/rocket: input $3.00 → $30.00 (+900%)\n"
    assert "more than five times" in refused.stderr
    assert cost(run_cli) == "3"
    assert json.loads(run_cli("pricing", "update", str(rocket), "--yes", "--json").stdout)["written"] is True
    assert cost(run_cli) == "30"


def test_the_installed_list_is_read_without_a_network(run_cli: RunCli) -> None:
    """The packaged table was made from this version: nothing is new, and our corrections are kept."""
    pytest.importorskip("genai_prices")
    result = run_cli("pricing", "update", "--dry-run")

    assert result.stdout == "The price table is up to date.\n"
    assert "kept ours, from better evidence: deepseek/deepseek-chat" in result.stderr


def test_a_file_can_come_from_an_address(run_cli: RunCli, upstream: Upstream) -> None:
    """It is checked like any other; a bad one changes nothing, and neither does none."""
    broken = b"schema = 1\n[[model]]\nid = 'rocket'\n[[model.period]]\ninput = -1\n"
    upstream.answers(Answer(steps=(OWN.format(3).encode(),)), Answer(steps=(broken,)), Answer(status=404, steps=(b"",)))
    url = f"{upstream.url}/prices/acme.toml"
    first, second, third = (run_cli("pricing", "update", url) for _ in range(3))

    assert first.stdout == "+ acme/rocket\n"
    assert (second.exit_code, "negative" in second.stderr) == (3, True)
    assert (third.exit_code, "HTTP 404" in third.stderr) == (5, True)
    assert cost(run_cli) == "3"
