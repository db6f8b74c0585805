"""`reconcile --fetch`: pages, waits and refusals of the documented admin APIs, replayed on loopback."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from tests.support.billed_ledger import MODEL, a_ledger, a_request
from tests.support.upstream import Upstream, json_answer

Run = Callable[..., Any]


def _bucket(amount: float | str, quantity: int, item: str) -> dict[str, Any]:
    result = {
        "object": "organization.costs.result",
        "amount": {"value": amount, "currency": "usd"},
        "line_item": f"{MODEL}, {item}",
        "quantity": quantity,
        "quantity_unit": "tokens",
        "project_id": "proj",
    }
    return {"object": "bucket", "start_time": 1790726400, "end_time": 1790812800, "results": [result]}


def _page(*data: dict[str, Any], next_page: str | None = None) -> dict[str, Any]:
    return {"object": "page", "data": list(data), "has_more": next_page is not None, "next_page": next_page}


def _config(home: Path, upstream: Upstream, provider: str = "openai") -> None:
    folder = home / ".config" / "llmledger"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.toml").write_text(f'[providers.{provider}]\nbase_url = "{upstream.url}"\n')


@pytest.mark.usefixtures("home")
def test_pages_are_fetched_and_compared_and_the_key_is_nowhere(
    run_cli: Run, home: Path, upstream: Upstream, ledger_path: Path, clock: Callable[[], Any]
) -> None:
    """Two pages (after one 429) are one statement, compared with the ledger; the file is private and has no key."""
    a_ledger(ledger_path, [a_request(1), a_request(2)], clock)
    _config(home, upstream)
    upstream.answers(
        json_answer({"error": {"message": "slow down"}}, 429, retry_after_ms="1"),
        json_answer(_page(_bucket(0.05, 200_000, "input_tokens"), next_page="p2")),
        json_answer(_page(_bucket("0.080000000000000000", 40_000, "output_tokens"))),
    )
    result = run_cli("reconcile", "--fetch", "openai", "-p", "2026-09", env={"OPENAI_ADMIN_KEY": "sk-admin-secret"})

    assert result.exit_code == 0, result.stderr
    assert "OpenAI billed $0.13 for September 2026 (UTC). The ledger has $0.13." in result.stdout
    asked = [parse_qs(urlsplit(request.path).query) for request in upstream.received]
    assert asked[-1]["page"] == ["p2"]
    assert asked[0]["start_time"] == ["1788220800"]
    assert asked[0]["group_by[]"] == ["line_item", "project_id", "api_key_id"]
    [kept] = list(home.rglob("openai-*.json"))
    assert kept.stat().st_mode & 0o777 == 0o600
    assert "sk-admin-secret" not in result.stdout + result.stderr + kept.read_text()
    assert b"sk-admin-secret" not in ledger_path.read_bytes()


@pytest.mark.usefixtures("home")
def test_late_data_changes_the_next_fetch(run_cli: Run, home: Path, upstream: Upstream) -> None:
    """A second fetch of the period takes the place of the first file, and its later lines count."""
    _config(home, upstream)
    env = {"OPENAI_ADMIN_KEY": "sk-admin-secret"}
    upstream.answers(json_answer(_page(_bucket(0.05, 200_000, "input_tokens"))))
    first = run_cli("reconcile", "--fetch", "openai", "-p", "2026-09", env=env)
    upstream.replies(
        lambda _: json_answer(_page(_bucket(0.05, 200_000, "input_tokens"), _bucket(0.08, 40_000, "output_tokens")))
    )
    second = run_cli("reconcile", "--fetch", "openai", "-p", "2026-09", env=env)

    assert "billed $0.05" in first.stdout
    assert "billed $0.13" in second.stdout


@pytest.mark.usefixtures("home")
def test_anthropic_and_openrouter_are_asked_as_they_document(run_cli: Run, home: Path, upstream: Upstream) -> None:
    """Versions, headers, groups and ranges are those of the reference."""
    item = {"currency": "USD", "amount": "12.3", "cost_type": "tokens", "model": "demo", "token_type": "output_tokens"}
    bucket = {"starting_at": "2026-10-14T00:00:00Z", "ending_at": "2026-10-15T00:00:00Z", "results": [item]}
    _config(home, upstream, "anthropic")
    upstream.answers(json_answer({"data": [bucket], "has_more": False, "next_page": None}))
    env = {"ANTHROPIC_ADMIN_KEY": "sk-ant-admin-secret", "OPENROUTER_MANAGEMENT_KEY": "sk-or-secret"}
    anthropic = run_cli("reconcile", "--fetch", "anthropic", "-p", "2026-10", env=env)
    request = upstream.received[-1]

    assert "billed $0.123" in anthropic.stdout, anthropic.stderr
    assert urlsplit(request.path).path == "/v1/organizations/cost_report"
    assert (request.headers["x-api-key"], request.headers["anthropic-version"]) == ("sk-ant-admin-secret", "2023-06-01")
    assert parse_qs(urlsplit(request.path).query)["starting_at"] == ["2026-10-01T00:00:00Z"]

    activity = {"date": "2026-10-14", "model": "demo/model", "endpoint_id": "e", "provider_name": "D", "usage": 4.31}
    counts = {
        "byok_usage_inference": 0,
        "requests": 1,
        "prompt_tokens": 5,
        "completion_tokens": 6,
        "reasoning_tokens": 0,
    }
    _config(home, upstream, "openrouter")
    upstream.replies(lambda _: json_answer({"data": [activity | counts]}))
    openrouter = run_cli("reconcile", "--fetch", "openrouter", "-p", "2026-10", env=env)

    assert "billed $4.31" in openrouter.stdout, openrouter.stderr
    assert (
        upstream.received[-1].path.rstrip("?"),
        upstream.received[-1].headers["authorization"],
    ) == ("/v1/activity", "Bearer sk-or-secret")


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize(
    ("answer", "code", "words"),
    [
        (json_answer({"error": "no"}, 401), 4, "admin key"),
        (json_answer({"error": "no"}, 403), 4, "refused the key"),
        (json_answer({"error": "no"}, 404), 5, "answered 404"),
        (json_answer(["no page"]), 5, "something else than a page"),
        (json_answer(_page(next_page="again")), 5, "twice"),
    ],
    ids=["401", "403", "404", "no page", "the same page"],
)
def test_a_refusal_says_whose_key_it_must_be(
    run_cli: Run, home: Path, upstream: Upstream, answer: Any, code: int, words: str
) -> None:
    """The exit code tells credentials from provider; no statement file is left behind."""
    _config(home, upstream)
    upstream.answers(answer)
    result = run_cli("reconcile", "--fetch", "openai", "-p", "2026-09", env={"OPENAI_ADMIN_KEY": "sk-admin-secret"})

    assert code == result.exit_code
    assert words in result.stderr
    assert "sk-admin-secret" not in result.stderr
    assert list(home.rglob("openai-*.json")) == []


@pytest.mark.usefixtures("home")
def test_without_the_key_it_says_which_is_needed(run_cli: Run) -> None:
    """Exit 4 with the variable and who can make the key."""
    result = run_cli("reconcile", "--fetch", "anthropic", "-p", "2026-09")

    assert result.exit_code == 4
    assert "ANTHROPIC_ADMIN_KEY is not set" in result.stderr
    assert json.dumps("individual accounts").strip('"') in result.stderr


@pytest.mark.usefixtures("home")
def test_anthropics_pages_are_gathered_after_a_wait(run_cli: Run, home: Path, upstream: Upstream) -> None:
    """A 429, then two pages of 12.3 and 7.7 cents: $0.20; the key is in no output and no file."""
    item = {"currency": "USD", "amount": "12.3", "cost_type": "tokens", "model": "demo", "token_type": "output_tokens"}
    days = [
        {"starting_at": f"2026-10-{day}T00:00:00Z", "ending_at": f"2026-10-{day + 1}T00:00:00Z", "results": [result]}
        for day, result in ((14, item), (15, item | {"amount": "7.7"}))
    ]
    _config(home, upstream, "anthropic")
    upstream.answers(
        json_answer(
            {"type": "error", "error": {"message": "sk-ant-admin-secret asks too often"}}, 429, retry_after="0"
        ),
        json_answer({"data": [days[0]], "has_more": True, "next_page": "page_b"}),
        json_answer({"data": [days[1]], "has_more": False, "next_page": None}),
    )
    env = {"ANTHROPIC_ADMIN_KEY": "sk-ant-admin-secret"}
    result = run_cli("reconcile", "--fetch", "anthropic", "-p", "2026-10", env=env)

    assert "Anthropic billed $0.20 for October 2026 (UTC)." in result.stdout, result.stderr
    assert "asks to wait" in result.stderr
    assert parse_qs(urlsplit(upstream.received[-1].path).query)["page"] == ["page_b"]
    assert "secret" not in result.stdout + result.stderr
    assert not [path for path in home.rglob("*") if path.is_file() and b"secret" in path.read_bytes()]


@pytest.mark.usefixtures("home")
def test_openrouters_days_outside_the_period_are_left_out(run_cli: Run, home: Path, upstream: Upstream) -> None:
    """It tells the last thirty days whatever is asked, and may ask to wait: only October's $4.31 counts."""
    counts = {
        "requests": 1,
        "prompt_tokens": 5,
        "completion_tokens": 6,
        "reasoning_tokens": 0,
        "byok_usage_inference": 0,
    }
    activity = {"model": "demo/model", "endpoint_id": "e", "provider_name": "D", **counts}
    days = [activity | {"date": "2026-10-31", "usage": 4.31}, activity | {"date": "2026-11-01", "usage": 9}]
    _config(home, upstream, "openrouter")
    upstream.answers(json_answer({"error": {"code": 429}}, 429, retry_after="0"), json_answer({"data": days}))
    result = run_cli(
        "reconcile", "--fetch", "openrouter", "-p", "2026-10", env={"OPENROUTER_MANAGEMENT_KEY": "sk-or-secret"}
    )

    assert "OpenRouter billed $4.31 for October 2026 (UTC)." in result.stdout, result.stderr
    assert len(upstream.received) == 2
    assert "secret" not in result.stdout + result.stderr
    assert not [path for path in home.rglob("*") if path.is_file() and b"secret" in path.read_bytes()]
