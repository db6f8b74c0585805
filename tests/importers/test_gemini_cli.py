"""Gemini CLI: documents and lines, thoughts outside and cached tokens inside."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.support.import_cases import FIXTURES, told

from llmledger.core.words import Billing
from llmledger.importers import gemini_cli


def requests(case: str) -> dict[str, Any]:
    """The requests of a recorded chat by message."""
    found = told("gemini_cli", FIXTURES / "gemini_cli" / case)["requests"]
    return {request["key"].rpartition(":")[2]: request for request in found}


def test_thoughts_are_added_to_output_and_cached_is_inside_input() -> None:
    """900 + 40 + 120 thoughts = 1,060: the total has no other room for them."""
    counts = requests("session-document.json")["m1"]["counts"]

    assert tuple(counts.values()) == (900, 600, 160, 120)


def test_a_total_that_adds_cached_tokens_says_that_input_leaves_them_out() -> None:
    """300 + 5 tool + 600 cached + 40 + 10 = 955."""
    assert requests("session-document.json")["m2"]["counts"]["input_tokens"] == 905


def test_a_total_that_fits_neither_way_is_marked() -> None:
    """The numbers are taken as they stand."""
    assert (
        requests("session-document.json")["m3"]["quality"],
        requests("session-document.json")["m3"]["flags"],
    ) == ("estimated", ["total_differs"])


def test_the_last_word_on_a_message_counts_and_rewound_ones_stay() -> None:
    """A rewound answer was billed all the same."""
    found = requests("session-lines.jsonl")

    assert found["m1"]["counts"]["output_tokens"] == 160
    assert "m2" in found


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"security": {"auth": {"selectedType": "oauth-personal"}}}, Billing.SUBSCRIPTION),
        ({"selectedAuthType": "gemini-api-key"}, Billing.API),
        ({}, None),
    ],
)
def test_settings_say_how_it_is_paid(settings: object, expected: Billing | None, home: Path) -> None:
    """By account or by key."""
    (home / ".gemini").mkdir()
    (home / ".gemini" / "settings.json").write_text(json.dumps(settings))

    assert expected == gemini_cli.billing(home, {})


@pytest.mark.parametrize(
    ("message", "reason"), [({"id": "m"}, "no timestamp"), ({"timestamp": "2026-10-20T11:00:07Z"}, "no message id")]
)
def test_a_message_without_time_or_id_is_a_problem(message: dict[str, Any], reason: str, tmp_path: Path) -> None:
    """Nothing can be counted once without them."""
    log = tmp_path / "session-1.jsonl"
    log.write_text(json.dumps({**message, "type": "gemini", "tokens": {"input": 1}}) + "\n")

    assert [[0, reason]] == told("gemini_cli", log)["problems"]


def test_a_message_without_tokens_is_no_request(tmp_path: Path) -> None:
    """All zero."""
    log = tmp_path / "session-1.jsonl"
    line = {"id": "m", "timestamp": "2026-10-20T11:00:07Z", "type": "gemini", "tokens": {"input": 0}}
    log.write_text(json.dumps(line) + "\n")

    assert told("gemini_cli", log)["requests"] == []


def test_chats_are_found_in_the_default_or_the_named_home(home: Path) -> None:
    """GEMINI_CLI_HOME moves them."""
    assert [home / ".gemini/tmp"] == [place.root for place in gemini_cli.find(home, {})]
    assert Path("/g/tmp") in [place.root for place in gemini_cli.find(home, {"GEMINI_CLI_HOME": "/g"})]
