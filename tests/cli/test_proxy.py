"""The command: what it refuses, what it says, and that no way of ending it loses a request."""

import json
import signal
import threading
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
from tests.conftest import RunCli
from tests.support.proxy_program import program, query, until
from tests.support.upstream import DEADLINE, Answer, Received, Upstream, Wait, stream_answer

FIXTURES = Path(__file__).parents[1] / "fixtures" / "dialects"


def streamed(_: Received) -> Answer:
    """A whole stream."""
    return stream_answer([(FIXTURES / "anthropic_messages/streamed.sse").read_bytes()])


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("--host", "0.0.0.0"), "access key"),
        (("--on-disconnect", "perhaps"), "perhaps"),
        (("--host", "203.0.113.7"), "access key"),
        (("--port", "99999"), "--port"),
        (("--port", "-1"), "--port"),
    ],
)
def test_what_would_be_unsafe_or_unknown_is_refused(run_cli: RunCli, args: tuple[str, ...], message: str) -> None:
    """One line, exit 2, nothing started."""
    result = run_cli("proxy", *args)

    assert result.exit_code == 2
    assert message in result.stderr


def test_a_port_that_is_taken_is_told_with_a_hint(run_cli: RunCli, upstream: Upstream) -> None:
    """Before the ledger is touched."""
    result = run_cli("proxy", "--port", str(upstream.port))

    assert result.exit_code == 2
    assert "--port" in result.stderr


def test_it_says_what_to_set_and_tells_each_request(home: Path, upstream: Upstream, ledger_path: Path) -> None:
    """On stderr, one line a request; SIGTERM ends it with exit 0 and every row written."""
    upstream.replies(streamed)
    (home / ".claude").mkdir()
    with program(home, upstream, "-v") as proxy:
        for _ in range(3):
            httpx.post(proxy.url + "/anthropic/v1/messages", json={"model": "claude-sonnet-4-5", "stream": True})
        assert proxy.end(signal.SIGTERM) == 0
        text = "".join(proxy.lines)

    assert f"ANTHROPIC_BASE_URL={proxy.url}/anthropic" in text
    assert text.count("anthropic/claude-sonnet-4-5 completed · 25 in (0 cached) · 15 out") == 3
    assert "Here and not connected: claude-code. Connect one: llmledger connect TOOL" in text
    # The end of each line finds the request: `log show` takes it.
    told = {line.rstrip().rpartition(" · ")[2] for line in proxy.lines if "completed" in line}
    assert told == {shown[-8:] for (shown,) in query(ledger_path, "SELECT request_id FROM requests_v1")}
    assert len(told) == 3


def test_the_settings_say_whose_a_request_is(home: Path, upstream: Upstream, ledger_path: Path) -> None:
    """A rule for a key, a default, and a variable that counts more."""
    upstream.replies(streamed)
    rule = '[[map]]\nkey = "*WXYZ"\nclient = "Acme Ltd"\n[attribution]\nteam = "core"\nproject = "default"\n'
    variables = {"LLMLEDGER_PROJECT": "site", "LLMLEDGER_TAGS": "stage=test"}
    with program(home, upstream, env=variables, settings=rule) as proxy:
        body = {"model": "claude-sonnet-4-5", "stream": True}
        httpx.post(proxy.url + "/anthropic/v1/messages", json=body, headers={"x-api-key": "sk-ant-0123456789WXYZ"})
        assert proxy.end(signal.SIGTERM) == 0

    (row,) = query(ledger_path, "SELECT client, team, project, tags FROM requests_v1")
    assert row == ("Acme Ltd", "core", "site", '{"stage":"test"}')


def test_the_log_can_be_json_and_holds_no_secrets(home: Path, upstream: Upstream, ledger_path: Path) -> None:
    """litellm#39964: neither keys nor text of anybody in log, ledger, spool or lock."""
    upstream.replies(
        lambda _: Answer(
            401,
            {"content-type": "application/json"},
            (b'{"error": {"message": "bad key sk-canary-0123456789 for canary-text-0123456789"}}',),
        )
    )
    body = {"model": "gpt-5-mini", "messages": [{"role": "user", "content": "canary-text-0123456789"}]}
    with program(home, upstream, "--json-log") as proxy:
        httpx.post(
            proxy.url + "/openai/v1/chat/completions?key=sk-canary-0123456789",
            json=body,
            headers={
                "authorization": "Bearer sk-canary-0123456789",
                "x-api-key": "sk-canary-0123456789",
                "helicone-auth": "Bearer sk-canary-0123456789",
                "cookie": "session=sk-canary-0123456789",
                "x-other": "sk-canary-0123456789",
            },
        )
        assert proxy.end(signal.SIGTERM) == 0
        told = [json.loads(line) for line in proxy.lines if line.startswith("{")]

    assert [(one["status"], one["http_status"]) for one in told] == [("failed", 401)]
    kept = b"".join(path.read_bytes() for path in home.rglob("*") if path.is_file()) + "".join(proxy.lines).encode()
    assert b"sk-canary-0123456789" not in kept
    assert b"canary-text-0123456789" not in kept


def test_killed_at_any_moment_no_request_is_lost_or_doubled(home: Path, upstream: Upstream, ledger_path: Path) -> None:
    """litellm#34820: after SIGKILL in the middle of streams, the next start has a row for each that went upstream."""
    first, rest = (FIXTURES / "anthropic_messages/streamed.sse").read_bytes().split(b"cents")
    never = threading.Event()
    is_slow = iter([False] * 10 + [True] * 10)

    def reply(_: Received) -> Answer:
        return stream_answer([first, Wait(never)] if next(is_slow) else [first + b"cents" + rest])

    upstream.replies(reply)
    with program(home, upstream) as proxy:
        url = proxy.url + "/anthropic/v1/messages"

        def ask() -> None:
            with suppress(httpx.HTTPError):
                httpx.post(url, json={"model": "claude-sonnet-4-5", "stream": True, "max_tokens": 50}, timeout=60)

        for _ in range(10):
            ask()
        clients = [threading.Thread(target=ask) for _ in range(10)]
        for client in clients:
            client.start()
        until(lambda: len(upstream.received) == 20)
        proxy.end(signal.SIGKILL)
        for client in clients:
            client.join(DEADLINE)
    never.set()
    with program(home, upstream) as again:
        assert again.end(signal.SIGTERM) == 0

    found = dict(query(ledger_path, "SELECT status, count(*) FROM requests_v1 GROUP BY status"))
    assert sum(found.values()) == len(upstream.received) == 20
    assert found["interrupted"] >= 10
    assert query(ledger_path, "SELECT count(*) FROM inflight") == [(0,)]


def test_an_access_key_opens_it_to_others(home: Path, upstream: Upstream, ledger_path: Path) -> None:
    """The key itself goes nowhere: not to the provider, not into the ledger."""
    upstream.replies(streamed)
    body = {"model": "claude-sonnet-4-5", "stream": True}
    with program(home, upstream, "--host", "0.0.0.0", env={"LLMLEDGER_PROXY_KEY": "canary-access"}) as proxy:
        url = proxy.url.replace("0.0.0.0", "127.0.0.1") + "/anthropic/v1/messages"
        assert httpx.post(url, json=body).status_code == 401
        assert httpx.post(url, json=body, headers={"x-llmledger-key": "canary-access"}).status_code == 200
        proxy.end(signal.SIGTERM)

    assert len(upstream.received) == 1
    assert "canary-access" not in str(upstream.received[0].headers)
    assert query(ledger_path, "SELECT count(*) FROM requests") == [(1,)]
