"""Codex CLI: records where there are some, else totals that replays cannot count twice."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.support.claude_logs import import_files, totals
from tests.support.import_cases import FIXTURES, told

from llmledger.core.words import Billing
from llmledger.importers import codex_cli
from llmledger.importers._contract import Checkpoint, Imported, LogFile

FOLDER = FIXTURES / "codex_cli"


def requests(case: str) -> list[dict[str, Any]]:
    """The requests of a recorded rollout."""
    found: list[dict[str, Any]] = told("codex_cli", FOLDER / case)["requests"]
    return found


def test_records_count_and_the_token_counts_beside_them_do_not() -> None:
    """ccusage 20.0.24 ignores records; their key is the provider's response id."""
    assert [request["provider_request_id"] for request in requests("rollout-records.jsonl")] == [
        "resp_0000000000000001",
        "resp_0000000000000compact",
        "resp_0000000000000002",
    ]


def test_a_compaction_call_counts() -> None:
    """openai/codex#47003: token counts leave it out."""
    compaction = requests("rollout-records.jsonl")[1]

    assert compaction["counts"]["input_tokens"] == 9_000
    assert compaction["quality"] == "exact"


def test_reasoning_is_a_part_of_output_and_cached_a_part_of_input() -> None:
    """tokscale#1142, tokscale#86: neither is added on top."""
    counts = requests("rollout-records.jsonl")[0]["counts"]

    assert (
        counts["input_tokens"],
        counts["cache_read_tokens"],
        counts["output_tokens"],
        counts["reasoning_tokens"],
    ) == (1000, 400, 80, 20)


def test_unchanged_totals_and_stale_ones_are_no_requests() -> None:
    """ccusage#1288: 1,000 and 2,000, then a delta of 500, then 700 after the totals began anew."""
    inputs = [request["counts"]["input_tokens"] for request in requests("rollout-token_counts.jsonl")]

    assert inputs == [1000, 2000, 500, 700]


def test_a_fork_counts_only_what_is_its_own(ledger_path: Path) -> None:
    """ccusage#897, #1349: it replays 3,000 tokens of its parent, and adds 2,000."""
    parent, fork = FOLDER / "rollout-token_counts.jsonl", FOLDER / "rollout-fork.jsonl"
    import_files(ledger_path, [parent, fork], source="codex_cli")

    assert totals(ledger_path)[:2] == (5, 1000 + 2000 + 500 + 700 + 2000)


def test_siblings_that_replay_the_same_counts_fall_together(ledger_path: Path, tmp_path: Path) -> None:
    """Their keys are totals within the session they came from, without time and file."""
    text = (FOLDER / "rollout-fork.jsonl").read_text()
    twin = tmp_path / "rollout-twin.jsonl"
    twin.write_text(text.replace("c0de0004", "c0de0099").replace("11:00:09", "11:30:09"))
    import_files(ledger_path, [FOLDER / "rollout-fork.jsonl", twin], source="codex_cli")

    assert totals(ledger_path)[0] == 1


def test_a_fork_with_records_ignores_all_counts_of_its_parent(tmp_path: Path) -> None:
    """Also those that it replays long after it began."""
    lines = (FOLDER / "rollout-fork.jsonl").read_text().splitlines()
    record = (FOLDER / "rollout-records.jsonl").read_text().splitlines()[2]
    log = tmp_path / "rollout-fork.jsonl"
    log.write_text("\n".join([*lines, record]) + "\n")

    assert [request["key"] for request in told("codex_cli", log)["requests"]] == ["codex:resp_0000000000000001"]


def test_a_model_that_was_not_logged_is_assumed_and_marked() -> None:
    """September 2025 wrote no turn context."""
    (request,) = requests("rollout-no_model.jsonl")

    assert (request["model"], request["quality"], request["flags"]) == ("gpt-5", "estimated", ["model_assumed"])


def test_rate_limits_tell_a_plan_and_a_local_provider_tells_itself() -> None:
    """Only subscriptions have rate limits."""
    assert requests("rollout-token_counts.jsonl")[0]["billing"] == "subscription"
    assert requests("rollout-local.jsonl")[0]["billing"] == "local"


def test_reading_goes_on_with_what_was_known(tmp_path: Path) -> None:
    """Session, model and totals stand in the checkpoint, not in the rest of the file."""
    text = (FOLDER / "rollout-token_counts.jsonl").read_bytes()
    log = tmp_path / "rollout-1.jsonl"
    for cut in (1500, 1700, 2100, 2400):
        log.write_bytes(text[:cut])
        first = list(codex_cli.read(LogFile(log)))
        mark = next(item for item in reversed(first) if isinstance(item, Checkpoint))
        log.write_bytes(text)
        rest = list(codex_cli.read(LogFile(log, mark.offset, json.loads(json.dumps(mark.state)))))
        keys = {item.key for item in first + rest if isinstance(item, Imported)}

        assert keys == {request["key"] for request in requests("rollout-token_counts.jsonl")}


@pytest.mark.parametrize(
    ("payload", "problem"),
    [({"response_id": "r", "usage": {"input_tokens": 5, "output_tokens": 1}}, [[0, "no timestamp"]]), ({}, [])],
)
def test_a_record_without_time_is_a_problem_and_one_without_usage_none(
    payload: object, problem: object, tmp_path: Path
) -> None:
    """All-zero usage is no request."""
    log = tmp_path / "rollout.jsonl"
    log.write_text(json.dumps({"type": "token_usage_record", "payload": payload}) + "\n")

    assert problem == told("codex_cli", log)["problems"]


def test_a_record_without_an_id_is_known_by_its_turn_and_numbers(tmp_path: Path) -> None:
    """Missing ids neither double nor drop."""
    entry = {
        "timestamp": "2026-10-20T10:00:00Z",
        "type": "token_usage_record",
        "payload": {"thread_id": "th", "turn_id": "tu", "usage": {"input_tokens": 5, "output_tokens": 1}},
    }
    zero = {**entry, "payload": {"response_id": "z", "usage": {}}}
    log = tmp_path / "rollout.jsonl"
    log.write_text((json.dumps(entry) + "\n") * 2 + json.dumps(zero) + "\n")

    assert len(told("codex_cli", log)["requests"]) == 1


def test_homes_are_the_named_ones_or_the_default(home: Path) -> None:
    """Active sessions and archived ones."""
    assert [home / ".codex/sessions", home / ".codex/archived_sessions"] == [
        place.root for place in codex_cli.find(home, {})
    ]
    assert Path("/b/sessions") in [place.root for place in codex_cli.find(home, {"CODEX_HOME": "/a,/b"})]
    assert codex_cli.billing(home, {}) in (None, Billing.API)
