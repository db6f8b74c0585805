"""A check for developers: our totals against ccusage's on an invented tree, equal where it is right.

Skipped, and says so, when ccusage is not installed (npm install ccusage; CCUSAGE names its program).
"""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.benchmarks.claude_tree import write_tree
from tests.support.claude_logs import import_files, line, rows

CCUSAGE = os.environ.get("CCUSAGE") or shutil.which("ccusage")
pytestmark = pytest.mark.skipif(not CCUSAGE, reason="ccusage is not installed here (npm install ccusage)")

_SUMS = """
SELECT sum(input_tokens - cache_read_tokens - cache_write_tokens), sum(cache_read_tokens), sum(cache_write_tokens),
  sum(output_tokens) FROM requests_v1 WHERE requests > 0"""


def theirs(folder: Path) -> dict[str, int]:
    """What ccusage adds up."""
    environ = {**os.environ, "CLAUDE_CONFIG_DIR": str(folder)}
    command = [str(CCUSAGE), "claude", "monthly", "--offline", "--json"]
    result = subprocess.run(command, env=environ, capture_output=True, check=True, text=True)
    totals: dict[str, int] = json.loads(result.stdout)["totals"]
    return totals


def ours(folder: Path, ledger: Path) -> tuple[int, int, int, int]:
    """What the ledger adds up: input beside the cache, as ccusage counts it."""
    import_files(ledger, sorted(folder.rglob("*.jsonl")))
    found: tuple[int, int, int, int] = rows(ledger, _SUMS)[0]
    return found


def test_totals_are_equal_where_ccusage_is_right(tmp_path: Path) -> None:
    """Snapshots, sub-agents and replays of 2,500 messages."""
    write_tree(tmp_path, 2_500)
    expected = theirs(tmp_path)

    names = ("inputTokens", "cacheReadTokens", "cacheCreationTokens", "outputTokens")
    assert tuple(expected[name] for name in names) == ours(tmp_path, tmp_path / "ledger.db")


@pytest.mark.parametrize(
    ("tops", "true_output", "their_output"),
    [
        ([{"requestId": None}, {"requestId": None}], 300, 0),
        ([{"requestId": "a"}, {"requestId": "b"}], 300, 303),
    ],
    ids=["null request id: the lines are dropped", "two request ids: both copies"],
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
