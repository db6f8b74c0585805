"""A check for developers: our totals against ccusage's on an invented tree, equal where it is right.

Skipped, and says so, when ccusage is not installed (npm install ccusage; CCUSAGE names its program). `.ci/full`
installs it where npm is.
"""

import json
import os
import shutil
import subprocess
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.benchmarks.claude_tree import write_tree
from tests.support.claude_logs import import_files, line, rows, totals

CCUSAGE = os.environ.get("CCUSAGE") or shutil.which("ccusage")
pytestmark = pytest.mark.skipif(not CCUSAGE, reason="ccusage is not installed here (npm install ccusage)")

_SUMS = """
SELECT sum(input_tokens - cache_read_tokens - cache_write_tokens), sum(cache_read_tokens), sum(cache_write_tokens),
  sum(output_tokens) FROM requests_v1 WHERE requests > 0"""
_NAMES = ("inputTokens", "cacheReadTokens", "cacheCreationTokens", "outputTokens")
FIXTURES = Path(__file__).parents[1] / "fixtures" / "importers"


def theirs(folder: Path, *, tool: str = "claude") -> dict[str, Any]:
    """What ccusage adds up."""
    environ = {**os.environ, "CLAUDE_CONFIG_DIR": str(folder), "CODEX_HOME": str(folder)}
    command = [str(CCUSAGE), tool, "monthly", "--offline", "--json"]
    result = subprocess.run(command, env=environ, capture_output=True, check=True, text=True)
    totals: dict[str, Any] = json.loads(result.stdout, parse_float=Decimal)["totals"]
    return totals


def ours(folder: Path, ledger: Path, *, source: str = "claude_code") -> tuple[int, int, int, int]:
    """What the ledger adds up: input beside the cache, as ccusage counts it."""
    import_files(ledger, sorted(folder.rglob("*.jsonl")), source=source)
    found: tuple[int, int, int, int] = rows(ledger, _SUMS)[0]
    return found


def test_totals_are_equal_where_ccusage_is_right(tmp_path: Path) -> None:
    """Snapshots, sub-agents and replays of 2,500 messages; and what they cost, but for its floats."""
    write_tree(tmp_path, 2_500)
    expected, found = theirs(tmp_path), ours(tmp_path, tmp_path / "ledger.db")
    cost = Decimal(totals(tmp_path / "ledger.db")[3]) / 10**9

    assert tuple(expected[name] for name in _NAMES) == found
    assert abs(Decimal(expected["totalCost"]) - cost) < Decimal("0.000001")


@pytest.mark.parametrize(
    ("tops", "true_output", "their_output"),
    [
        ([{"requestId": None}, {"requestId": None}], 300, 0),
        ([{"requestId": "a"}, {"requestId": "b"}], 300, 303),
    ],
    ids=[
        "null request id: the lines are dropped",
        "two request ids: both copies",
    ],
)
def test_totals_differ_where_ccusage_is_wrong(
    tops: list[dict[str, str | None]], true_output: int, their_output: int, tmp_path: Path
) -> None:
    """One message in two snapshots of 3 and 300 tokens; seen with ccusage 20.0.24."""
    log = tmp_path / "projects" / "p" / "s.jsonl"
    log.parent.mkdir(parents=True)
    texts = [line(1, output=output, **top) for output, top in zip((3, 300), tops, strict=True)]
    log.write_text("".join(texts))

    assert true_output == ours(tmp_path, tmp_path / "ledger.db")[3]
    assert theirs(tmp_path)["outputTokens"] == their_output


@pytest.mark.parametrize(
    ("name", "true_output", "their_output"),
    [("rollout-records.jsonl", 800, 200), ("rollout-token_counts.jsonl", 290, 410)],
    ids=["the call that compacts is missed", "a count that is told again is added again"],
)
def test_codex_totals_differ_where_ccusage_is_wrong(
    name: str, true_output: int, their_output: int, tmp_path: Path
) -> None:
    """openai/codex#47003, ccusage#1288; seen with ccusage 20.0.24."""
    log = tmp_path / "sessions" / "2026" / "10" / "20" / name
    log.parent.mkdir(parents=True)
    log.write_bytes((FIXTURES / "codex_cli" / name).read_bytes())

    assert true_output == ours(tmp_path, tmp_path / "ledger.db", source="codex_cli")[3]
    assert theirs(tmp_path, tool="codex")["outputTokens"] == their_output


def test_an_unknown_price_is_unknown_where_ccusage_says_nothing_was_spent(tmp_path: Path) -> None:
    """A model that nobody lists: NULL here, 0 there."""
    log = tmp_path / "projects" / "p" / "s.jsonl"
    log.parent.mkdir(parents=True)
    log.write_text(line(1).replace("claude-sonnet-4-5", "stealth-9"))
    ours(tmp_path, tmp_path / "ledger.db")

    assert rows(tmp_path / "ledger.db", "SELECT cost_nanousd FROM requests") == [(None,)]
    assert theirs(tmp_path)["totalCost"] == 0
