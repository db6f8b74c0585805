"""Claude Code: where its logs are, and the ways in which other readers miscount them."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.support.import_cases import FIXTURES, told

from llmledger.core.words import Billing
from llmledger.importers import claude_code
from llmledger.importers._contract import Checkpoint, LogFile


def requests(case: str) -> dict[str, Any]:
    """The requests of a recorded log, by their message id."""
    found = told("claude_code", FIXTURES / "claude_code" / case)["requests"]
    return {request["key"].removeprefix("claude:msg_01"): request for request in found}


def test_the_largest_snapshot_counts_not_the_first() -> None:
    """ccusage#901, #938: the first of three says 1 token of output, the second 310, a late one 120."""
    found = requests("snapshots.jsonl")["snapshots0001"]

    assert found["counts"]["output_tokens"] == 310
    assert found["started_at"] == "2026-10-20T09:00:02+00:00"


def test_input_includes_what_was_read_from_and_written_to_the_cache() -> None:
    """12 fresh + 9,000 read + 4,000 written = 13,012."""
    counts = requests("snapshots.jsonl")["snapshots0001"]["counts"]

    assert (
        counts["input_tokens"],
        counts["cache_read_tokens"],
        counts["cache_write_tokens"],
    ) == (13_012, 9_000, 4_000)


def test_synthetic_messages_errors_and_zeros_are_no_requests() -> None:
    """Nobody billed them."""
    assert {"snapshots0001", "placeholder01"} == requests("snapshots.jsonl").keys()


def test_final_counts_are_exact_and_placeholders_are_partial() -> None:
    """claude-code#22671, #27361: what was written before the stop reason holds counts from the stream's start."""
    found = requests("snapshots.jsonl")

    assert found["snapshots0001"]["quality"] == "exact"
    assert found["placeholder01"]["quality"] == "partial"


def test_a_cache_write_of_unknown_life_is_estimated() -> None:
    """Its price depends on how long it lives, and only the sum is told: the short life is our guess."""
    qualities = {key: one["quality"] for key, one in requests("cache_writes.jsonl").items()}

    assert {"exact", "estimated"} == set(qualities.values())
    assert all(
        "cache_write_split_unknown" in requests("cache_writes.jsonl")[key]["flags"]
        for key, quality in qualities.items()
        if quality == "estimated"
    )


def test_absent_and_null_request_ids_neither_double_nor_drop() -> None:
    """ccusage 20.0.24 counts 303 tokens for the first and drops the second (compare ccusage#976)."""
    found = requests("request_ids.jsonl")

    assert found["absent0000001"]["counts"]["output_tokens"] == 300
    assert found["null000000001"]["counts"]["output_tokens"] == 200


def test_two_request_ids_of_one_message_are_one_request() -> None:
    """A message id is given out once; readers keyed by both count 600."""
    found = told("claude_code", FIXTURES / "claude_code" / "request_ids.jsonl")["requests"]

    assert sum(request["key"] == "claude:msg_01two0000000001" for request in found) == 1


def test_one_hour_writes_are_told_from_five_minute_writes() -> None:
    """claude-powerline#104: at 5-minute prices a bill comes out 16 % low."""
    counts = requests("cache_writes.jsonl")["both000000001"]["counts"]

    assert (counts["cache_write_tokens"], counts["cache_write_1h_tokens"]) == (4_000, 3_000)


@pytest.mark.parametrize(
    ("message", "flags"),
    [
        ("flat000000001", ["cache_write_split_unknown"]),
        ("less000000001", ["cache_write_split_differs"]),
        ("more000000001", ["cache_write_split_differs"]),
        ("onehour000001", None),
    ],
)
def test_a_split_that_is_absent_or_wrong_is_flagged(message: str, flags: list[str] | None) -> None:
    """litellm#42663: what the split leaves out is written for five minutes, never free."""
    assert flags == requests("cache_writes.jsonl")[message].get("flags")


def test_advisors_are_parts_with_a_model_of_their_own() -> None:
    """100 in and 50 out by the model itself, 400 and 30 by its advisor."""
    found = requests("iterations.jsonl")["advisor000001"]

    assert [part[0] for part in found["parts"]] == ["claude-sonnet-4-5", "claude-opus-4-1"]
    assert (found["counts"]["input_tokens"], found["counts"]["output_tokens"]) == (500, 80)


def test_compaction_is_added_to_totals_that_leave_it_out() -> None:
    """9,000 + 100 in, 700 + 50 out."""
    counts = requests("iterations.jsonl")["compaction001"]["counts"]

    assert (counts["input_tokens"], counts["output_tokens"]) == (9_100, 750)


def test_a_session_owns_its_messages_and_not_the_sidechain_that_repeats_them() -> None:
    """The same message stands in a sub-agent's log and in its session's."""
    assert requests("sidechains.jsonl")["owned00000001"]["session"].startswith("b0000000")


def test_a_sub_agents_own_message_counts() -> None:
    """ccusage#313, #913: 35 to 46 % of calls were missed."""
    assert requests("sidechains.jsonl")["agent00000001"]["counts"]["output_tokens"] == 220


def test_logs_are_looked_for_in_both_default_folders_and_the_desktop_app(home: Path) -> None:
    """XDG and ~/.claude, projects and transcripts, and agent mode."""
    roots = [location.root for location in claude_code.find(home, {})]

    assert {home / ".config/claude/projects", home / ".claude/projects", home / ".claude/transcripts"} <= set(roots)
    assert home / ".config/Claude/local-agent-mode-sessions" in roots


def test_named_folders_replace_the_default_ones(home: Path) -> None:
    """CLAUDE_CONFIG_DIR may list several."""
    roots = [location.root for location in claude_code.find(home, {"CLAUDE_CONFIG_DIR": "/a, /b"})]

    assert {Path("/a/projects"), Path("/b/projects")} <= set(roots)
    assert home / ".claude/projects" not in roots


@pytest.mark.parametrize(
    ("account", "expected"),
    [
        ({"oauthAccount": {"organizationType": "claude_max"}}, Billing.SUBSCRIPTION),
        ({"oauthAccount": {"billingType": "stripe_subscription"}}, Billing.SUBSCRIPTION),
        ({"oauthAccount": None}, None),
        ({}, None),
    ],
)
def test_the_account_says_whether_it_is_a_plan(account: object, expected: Billing | None, home: Path) -> None:
    """Only its kind is read."""
    (home / ".claude.json").write_text(json.dumps(account))

    assert expected == claude_code.billing(home, {})


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ({"type": "assistant", "x": {"usage": {}}}, "an assistant's line without a message"),
        ({"type": "assistant", "message": {"id": "m", "usage": {"output_tokens": 1}}}, "no timestamp"),
        (
            {"type": "assistant", "timestamp": "2026-10-20T09:00:00Z", "message": {"usage": {"output_tokens": 1}}},
            "neither a message id nor a uuid",
        ),
    ],
)
def test_a_line_that_lacks_what_makes_a_request_is_a_problem(line: object, reason: str, tmp_path: Path) -> None:
    """It is counted and kept, and nothing stops."""
    log = tmp_path / "log.jsonl"
    log.write_text(json.dumps(line) + "\n")

    assert [[0, reason]] == told("claude_code", log)["problems"]


def test_usage_that_is_no_object_is_no_request(tmp_path: Path) -> None:
    """Nothing can be said about it."""
    log = tmp_path / "log.jsonl"
    log.write_text('{"type":"assistant","message":{"usage":null}}\n')

    assert told("claude_code", log)["requests"] == []


def test_reading_goes_on_behind_the_offset() -> None:
    """Only what was appended is read."""
    log = FIXTURES / "claude_code" / "request_ids.jsonl"
    marks = [item.offset for item in claude_code.read(LogFile(log)) if isinstance(item, Checkpoint)]

    assert [log.stat().st_size] == marks
    assert list(claude_code.read(LogFile(log, marks[0]))) == []
