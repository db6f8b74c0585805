"""One request, several tools that tell of it: the best witness counts, by id or by likeness."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.support.builders import NOON, a_finished, a_usage
from tests.support.claude_logs import import_files, totals

from llmledger.ledger import open_ledger

START = NOON - timedelta(days=3)


@pytest.fixture
def chat(tmp_path: Path) -> Path:
    """Gemini CLI's log of one answer: 900 in, 160 out; it knows no id of the provider."""
    message: dict[str, Any] = {"id": "m1", "type": "gemini", "model": "gemini-2.5-pro", "timestamp": START.isoformat()}
    message["tokens"] = {"input": 900, "output": 40, "cached": 600, "thoughts": 120, "tool": 0, "total": 1060}
    path = tmp_path / "session-1.json"
    path.write_text(json.dumps({"sessionId": "g1", "projectHash": "ab", "messages": [message]}))
    return path


def proxied(ledger: Path, *, seconds: float = -2.0, latency_ms: int = 1200, output: int = 160, **begun: Any) -> None:
    """The proxy's own record of it."""
    standard = {"provider": "gemini", "model": "gemini-2.5-pro", "source": "proxy"}
    started = {**standard, **begun, "started_at": START + timedelta(seconds=seconds)}
    with open_ledger(ledger, now=lambda: NOON) as opened:
        opened.record(
            a_finished(
                started,
                usage=a_usage(900, output),
                latency_ms=latency_ms,
                provider_request_id="resp-0123456789abcdef0123",
            )
        )


def test_a_log_without_ids_is_known_by_model_tokens_and_time(chat: Path, ledger_path: Path) -> None:
    """The proxy's record counts."""
    proxied(ledger_path)
    result = import_files(ledger_path, [chat], source="gemini_cli")

    assert (result.added, result.linked) == (0, 1)
    assert totals(ledger_path)[:3] == (1, 900, 160)


def test_a_log_that_notes_the_end_of_a_long_answer_is_known(chat: Path, ledger_path: Path) -> None:
    """It began a minute and a half before."""
    proxied(ledger_path, seconds=-90, latency_ms=88_000)

    assert import_files(ledger_path, [chat], source="gemini_cli").linked == 1


def test_a_proxy_that_comes_later_takes_the_place_of_such_a_log(chat: Path, ledger_path: Path) -> None:
    """Whatever came first."""
    import_files(ledger_path, [chat], source="gemini_cli")
    proxied(ledger_path)

    assert totals(ledger_path)[:3] == (1, 900, 160)


@pytest.mark.parametrize(
    "other",
    [{"output": 161}, {"seconds": -30}, {"seconds": 30}, {"model": "gemini-2.5-flash"}, {"provider": "vertex"}],
    ids=["other tokens", "long before", "long after", "other model", "other provider"],
)
def test_what_only_resembles_it_is_another_request(other: dict[str, Any], chat: Path, ledger_path: Path) -> None:
    """Both count."""
    proxied(ledger_path, **other)
    result = import_files(ledger_path, [chat], source="gemini_cli")

    assert (result.added, result.linked, totals(ledger_path)[0]) == (1, 0, 2)


def test_each_record_stands_for_one_request(chat: Path, ledger_path: Path, tmp_path: Path) -> None:
    """Two alike in the log, one of them seen by the proxy: two requests."""
    twin = tmp_path / "session-2.json"
    twin.write_text(chat.read_text().replace('"g1"', '"g2"'))
    proxied(ledger_path)
    result = import_files(ledger_path, [chat, twin], source="gemini_cli")

    assert (result.added, result.linked, totals(ledger_path)[0]) == (1, 1, 2)


def test_importing_again_links_nothing_anew(chat: Path, ledger_path: Path) -> None:
    """Its key is known."""
    proxied(ledger_path)
    import_files(ledger_path, [chat], source="gemini_cli")
    chat.write_text(chat.read_text() + "\n")
    again = import_files(ledger_path, [chat], source="gemini_cli")

    assert (again.added, again.known, again.linked, totals(ledger_path)[0]) == (0, 1, 0, 1)


def test_a_gateways_log_takes_the_place_of_a_tools_log(ledger_path: Path, tmp_path: Path) -> None:
    """LiteLLM between Claude Code and its provider, matched by the id of the response."""
    identity = f"msg_01{7:016d}"
    tool = tmp_path / "s.jsonl"
    usage = {"input_tokens": 10, "output_tokens": 20}
    message = {"id": identity, "model": "claude-sonnet-4-5", "usage": usage, "stop_reason": "end_turn"}
    tool.write_text(json.dumps({"type": "assistant", "timestamp": START.isoformat(), "message": message}) + "\n")
    gateway = tmp_path / "spend.json"
    row = {"request_id": identity, "call_type": "a", "spend": 0.01, "prompt_tokens": 10, "completion_tokens": 20}
    row |= {"startTime": START.isoformat(), "model": "claude-sonnet-4-5", "custom_llm_provider": "anthropic"}
    gateway.write_text(json.dumps([row]))
    import_files(ledger_path, [tool])
    import_files(ledger_path, [gateway], source="litellm_spendlogs")

    assert totals(ledger_path) == (1, 10, 20, 10_000_000)
