"""The rarer ways in which a request can end: before its answer, at shutdown, without a ledger."""

import socket
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from tests.support.proxy import RunningProxy, running_proxy, until
from tests.support.upstream import DEADLINE, Answer, HangUp, Received, Upstream, Wait, json_answer, stream_answer

from llmledger.core.words import Billing
from llmledger.ledger import Manners
from llmledger.proxy.credentials import MOST_SESSIONS, Credentials

CHAT = "/openai/v1/chat/completions"


def place(proxy: RunningProxy) -> tuple[str, int]:
    """Host and port of the proxy."""
    host, port = proxy.url.removeprefix("http://").split(":")
    return host, int(port)


def test_without_ledger_and_spool_nothing_is_sent(tmp_path: Path, upstream: Upstream) -> None:
    """503 with the reason; the provider is not asked for what nobody could record."""
    upstream.answers(json_answer({}))
    with running_proxy(tmp_path, upstream, manners=Manners(spool_bytes=4096, spool_limit_bytes=4096)) as proxy:
        answer = httpx.post(proxy.url + CHAT, json={"model": "gpt-4o"})

    assert answer.status_code == 503
    assert "spool" in answer.json()["error"]["message"]
    assert upstream.received == []


def test_who_prefers_to_go_on_unmetered_goes_on(tmp_path: Path, upstream: Upstream) -> None:
    """`on_ledger_failure = "pass"`: the request is served, and the health says that it was not metered."""
    upstream.answers(json_answer({"ok": True}))
    with running_proxy(
        tmp_path, upstream, manners=Manners(spool_bytes=4096, spool_limit_bytes=4096, pass_on=True)
    ) as proxy:
        assert httpx.post(proxy.url + CHAT, json={"model": "gpt-4o"}).json() == {"ok": True}
        assert httpx.get(proxy.url + "/healthz").json()["unmetered"] >= 1


def test_under_abort_a_client_that_leaves_before_the_answer_stops_the_wait(tmp_path: Path, upstream: Upstream) -> None:
    """Nobody waits for the head of an answer that nobody reads."""
    go_on = threading.Event()

    def slow(_: Received) -> Answer:
        go_on.wait(DEADLINE)
        return json_answer({})

    upstream.replies(slow)
    with running_proxy(tmp_path, upstream, on_disconnect="abort") as proxy:
        with socket.create_connection(place(proxy)) as connection:
            connection.sendall(
                b"POST /openai/v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 2\r\n\r\n{}"
            )
            until(lambda: len(upstream.received) == 1)
        (row,) = proxy.rows()
        go_on.set()

    assert (row["status"], row["error_type"]) == ("cancelled", "client_gone")


def test_under_abort_answers_that_are_read_are_whole(tmp_path: Path, upstream: Upstream) -> None:
    """The policy changes nothing for clients that stay."""
    upstream.answers(json_answer({"ok": True}))
    with running_proxy(tmp_path, upstream, on_disconnect="abort") as proxy:
        assert httpx.post(proxy.url + CHAT, json={"model": "gpt-4o"}).json() == {"ok": True}
        assert [row["status"] for row in proxy.rows()] == ["completed"]


def test_a_request_that_outlives_the_shutdown_has_its_row(tmp_path: Path, upstream: Upstream) -> None:
    """litellm#35531: a cancelled task is recorded like any other."""
    upstream.answers(stream_answer([b"data: {}\n\n", Wait(threading.Event())]))
    with running_proxy(tmp_path, upstream, grace_s=1) as proxy:

        def ask() -> None:
            with pytest.raises(httpx.HTTPError):
                httpx.post(proxy.url + CHAT, json={"model": "gpt-4o", "stream": True}, timeout=60)

        client = threading.Thread(target=ask)
        client.start()
        until(lambda: len(upstream.received) == 1)
    client.join(DEADLINE)

    with closing(sqlite3.connect(tmp_path / "ledger.db")) as connection:
        rows = connection.execute("SELECT status, error_type FROM requests_v1").fetchall()
        assert connection.execute("SELECT count(*) FROM inflight").fetchone() == (0,)
    assert rows in ([("cancelled", "shutdown")], [("cancelled", "client_gone")])


def test_free_requests_are_relayed_whatever_their_size(proxy: RunningProxy, upstream: Upstream) -> None:
    """A file of ten megabytes is uploaded without a row; so is a list that breaks off or cannot be had."""
    upstream.answers(json_answer({"id": "file-1"}), stream_answer([b"[", HangUp()]))

    assert httpx.post(proxy.url + "/openai/v1/files", content=b"x" * 10_000_000, timeout=60).json() == {"id": "file-1"}
    assert len(upstream.received[0].body) == 10_000_000
    with pytest.raises(httpx.RemoteProtocolError):
        httpx.get(proxy.url + "/openai/v1/models")
    upstream.close()
    assert httpx.get(proxy.url + "/openai/v1/models").status_code == 502
    assert proxy.rows(0) == []


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/openai/v1/files"])
def test_clients_that_leave_in_the_middle_of_a_body_leave_nothing_behind(
    proxy: RunningProxy, upstream: Upstream, path: str
) -> None:
    """Neither a row nor a request upstream."""
    upstream.answers(json_answer({}))
    with socket.create_connection(place(proxy)) as connection:
        connection.sendall(f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n\r\n{{".encode())
    httpx.post(proxy.url + "/openai/v1/embeddings", json={"model": "m"})

    assert [row["endpoint"] for row in proxy.rows()] == ["/v1/embeddings"]
    assert len(upstream.received) == 1


def test_a_provider_that_says_nothing_for_too_long_is_given_up(tmp_path: Path, upstream: Upstream) -> None:
    """504, and a row that says so."""
    go_on = threading.Event()

    def slow(_: Received) -> Answer:
        go_on.wait(DEADLINE)
        return json_answer({})

    upstream.replies(slow)
    with running_proxy(tmp_path, upstream, silence_s=0.2) as proxy:
        assert httpx.post(proxy.url + CHAT, json={"model": "gpt-4o"}).status_code == 504
        (row,) = proxy.rows()
        go_on.set()
    assert (row["status"], row["error_type"]) == ("failed", "timeout")


def test_a_session_that_leaves_its_subscription_is_flagged_at_once(proxy: RunningProxy, upstream: Upstream) -> None:
    """One warning and one flag, at the first request that costs money; not for sessions that always did."""
    upstream.answers(json_answer({"type": "message", "content": [], "usage": {"input_tokens": 3, "output_tokens": 2}}))
    url = proxy.url + "/anthropic/v1/messages"
    for session, key in (
        ("s", "sk-ant-oat01-x"),
        ("t", "sk-ant-api03-x"),
        ("s", "sk-ant-api03-x"),
        ("s", "sk-ant-api03-x"),
    ):
        httpx.post(url, json={"model": "claude-sonnet-4-5"}, headers={"x-api-key": key, "x-llmledger-session": session})

    rows = proxy.rows(4)
    assert [row["billing"] for row in rows] == ["subscription", "api", "api", "api"]
    assert ["switched_to_api_billing" in str(row["flags"]) for row in rows] == [False, False, True, False]
    assert len(proxy.troubles) == 1 and "session s " in proxy.troubles[0]


def test_only_the_latest_sessions_are_remembered() -> None:
    """Memory stays bounded."""
    credentials = Credentials()
    credentials.has_switched("first", Billing.SUBSCRIPTION)
    for number in range(MOST_SESSIONS):
        credentials.has_switched(str(number), Billing.API)

    assert not credentials.has_switched("first", Billing.API)
    assert not credentials.has_switched(None, Billing.API)


def test_headers_that_never_end_close_the_connection(proxy: RunningProxy, upstream: Upstream) -> None:
    """Memory stays bounded; the proxy goes on serving others."""
    with socket.create_connection(place(proxy), timeout=DEADLINE) as connection:
        connection.sendall(b"POST /openai/v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nx-flood: ")
        with pytest.raises(ConnectionError):
            connection.sendall(b"x" * 100_000_000)
    assert httpx.get(proxy.url + "/healthz").status_code == 200
