"""The HTTP client: no attempt is billed twice, waits are obeyed, no foreign exception gets out."""

import inspect
import socket
import threading
from collections.abc import Iterator
from datetime import UTC, datetime

import httpx
import pytest
from tests.support.upstream import Answer, HangUp, Reset, Upstream, Wait, json_answer, stream_answer

from llmledger.errors import ConfigError, LedgerError, UpstreamError, UpstreamTimeout, UpstreamUnreachable, UsageError
from llmledger.upstream import http
from llmledger.upstream.http import FOREIGN, Outgoing, Patience, Surroundings, exchange, get

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
KEY = "sk-canary-0123456789abcdef"


class Observed:
    """Notes the pauses that would have been made."""

    def __init__(self) -> None:
        self.slept: list[float] = []
        self.attempts: list[int] = []
        self.waits: list[http.Wait] = []

    @property
    def around(self) -> Surroundings:
        return Surroundings(
            now=lambda: NOON,
            sleep=self.slept.append,
            on_attempt=self.attempts.append,
            on_wait=self.waits.append,
        )


@pytest.fixture
def observed() -> Observed:
    return Observed()


def ask(url: str, observed: Observed, *, patience: Patience | None = None, **outgoing: object) -> tuple[int, bytes]:
    """Send one request and read the whole answer."""
    request = Outgoing(url=url, body=b"{}", secrets=(KEY,), **outgoing)  # type: ignore[arg-type]
    with exchange(request, patience or Patience(), observed.around) as answer:
        return answer.status, b"".join(answer.chunks())


def test_an_answer_is_handed_on_as_it_arrives(upstream: Upstream, observed: Observed) -> None:
    """The first piece is there while the provider still holds the second one back."""
    held = threading.Event()
    upstream.answers(stream_answer([b"one", Wait(held), b"two"]))
    with exchange(Outgoing(url=f"{upstream.url}/v1/x"), Patience(), observed.around) as answer:
        chunks = answer.chunks()
        assert next(chunks) == b"one"
        held.set()
        assert b"".join(chunks) == b"two"
    assert observed.attempts == [1]


def test_the_request_goes_out_with_its_method_headers_and_body(upstream: Upstream, observed: Observed) -> None:
    """What was built is what the provider gets."""
    upstream.answers(json_answer({"fine": True}))

    status, body = ask(f"{upstream.url}/v1/x?alt=sse", observed, headers={"x-api-key": KEY})

    assert (status, body) == (200, b'{"fine": true}')
    (request,) = upstream.received
    assert (request.method, request.path, request.body) == ("POST", "/v1/x?alt=sse", b"{}")
    assert request.headers["x-api-key"] == KEY
    assert request.headers["user-agent"] == "llmledger"


@pytest.mark.parametrize(
    ("headers", "body", "seconds"),
    [
        ({"retry-after": "7"}, {}, 7),
        ({"retry-after-ms": "250", "retry-after": "7"}, {}, 0.25),
        ({"retry-after": "Sat, 21 Nov 2026 12:00:09 GMT"}, {}, 9),
        ({"retry-after": "Sat, 21 Nov 2026 11:00:00 GMT"}, {}, 0),
        ({"retry-after": "soon"}, {}, 0.5),
        ({}, {"error": {"details": [{"retryDelay": "3.5s"}]}}, 3.5),
        ({}, {}, 0.5),
    ],
    ids=["seconds", "milliseconds win", "date", "past date", "nonsense", "google details", "not told"],
)
def test_a_429_is_tried_again_after_the_time_that_it_asks_for(
    upstream: Upstream, observed: Observed, headers: dict[str, str], body: object, seconds: float
) -> None:
    """Retry-After in every form, and half a second when there is none."""
    upstream.answers(json_answer(body, 429, **headers), json_answer({"fine": True}))

    assert ask(upstream.url, observed)[0] == 200
    assert observed.slept == [seconds]
    assert observed.waits == [http.Wait(1, 429, seconds)]
    assert observed.attempts == [1, 2]


@pytest.mark.parametrize("status", [408, 500, 503, 529])
def test_trouble_at_the_provider_is_tried_three_times_in_all(
    upstream: Upstream, observed: Observed, status: int
) -> None:
    """Two more attempts with growing pauses, then the answer is what it is."""
    upstream.answers(json_answer({"error": "busy"}, status))

    assert ask(upstream.url, observed) == (status, b'{"error": "busy"}')
    assert observed.slept == [0.5, 1.0]
    assert len(upstream.received) == 3


@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [
        (400, {}, {}),
        (401, {}, {}),
        (404, {}, {}),
        (429, {}, {"error": {"code": "insufficient_quota"}}),
        (500, {"x-should-retry": "false"}, {}),
        (429, {"retry-after": "3600"}, {}),
    ],
    ids=["400", "401", "404", "quota used up", "told not to", "an hour"],
)
def test_what_another_attempt_cannot_change_is_final(
    upstream: Upstream, observed: Observed, status: int, headers: dict[str, str], body: object
) -> None:
    """No second attempt, and no pause."""
    upstream.answers(json_answer(body, status, **headers))

    assert ask(upstream.url, observed)[0] == status
    assert observed.slept == []
    assert len(upstream.received) == 1


def test_the_provider_may_ask_for_another_attempt_of_any_status(upstream: Upstream, observed: Observed) -> None:
    """`x-should-retry: true` on a 409 is obeyed."""
    upstream.answers(json_answer({}, 409, x_should_retry="true"), json_answer({}))

    assert ask(upstream.url, observed)[0] == 200


@pytest.mark.parametrize("step", [Reset(), HangUp()], ids=["reset", "hang up"])
@pytest.mark.parametrize("before", [(), (b"data: 1\n\n",)], ids=["before the body", "in the middle"])
def test_a_connection_that_breaks_after_sending_is_not_tried_again(
    upstream: Upstream, observed: Observed, step: Reset | HangUp, before: tuple[bytes, ...]
) -> None:
    """The provider may have billed it: a second attempt could be billed as well."""
    upstream.answers(stream_answer([*before, step]))

    with pytest.raises(UpstreamError) as caught:
        ask(upstream.url, observed)

    assert len(upstream.received) == 1
    assert f"127.0.0.1:{upstream.port}" in caught.value.message
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_a_silent_provider_ends_in_a_timeout(upstream: Upstream, observed: Observed) -> None:
    """The wait for the next byte is bounded."""
    held = threading.Event()
    upstream.answers(stream_answer([b"one", Wait(held)]))

    with pytest.raises(UpstreamTimeout, match="no answer in the time allowed"):
        ask(upstream.url, observed, patience=Patience(silence_s=0.1))

    held.set()


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port that nobody listens on, and that nobody else takes meanwhile."""
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        yield reserved.getsockname()[1]


def test_a_server_of_this_machine_that_is_down_is_not_waited_for(closed_port: int, observed: Observed) -> None:
    """On loopback there is one attempt: either it runs or it does not."""
    with pytest.raises(UpstreamUnreachable, match="no connection"):
        ask(f"http://127.0.0.1:{closed_port}", observed)
    assert observed.slept == []


def test_a_host_without_a_connection_is_tried_again(observed: Observed) -> None:
    """Nothing was sent, so nothing can be billed twice. (The test's own guard refuses the connection.)"""
    with pytest.raises(UpstreamUnreachable):
        ask("http://192.0.2.1/", observed)
    assert observed.slept == [0.5, 1.0]
    assert observed.waits[0].status is None


def test_the_proxy_of_the_environment_is_asked_but_never_for_this_machine(
    upstream: Upstream, observed: Observed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """HTTP_PROXY serves other hosts; loopback is reached directly."""
    proxy = Upstream()
    try:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        proxy.answers(json_answer({"by": "proxy"}))
        upstream.answers(json_answer({"by": "upstream"}))

        assert b"proxy" in ask("http://llm.example/v1/x", observed)[1]
        assert b"upstream" in ask(upstream.url, observed)[1]
    finally:
        proxy.close()


@pytest.mark.parametrize("value", ["socks5://127.0.0.1:1", "ftp://127.0.0.1:1"])
def test_proxy_settings_that_cannot_be_used_are_named(
    observed: Observed, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    """Neither a SOCKS proxy without its package nor nonsense ends in a traceback."""
    monkeypatch.setenv("ALL_PROXY", value)
    with pytest.raises(ConfigError, match="proxy settings"):
        ask("http://llm.example/", observed)


@pytest.mark.parametrize(
    "url", ["ftp://example.org/x", "http://", "http://[::1", "http://a.b:99999999/", "http://" + "a" * 70]
)
def test_a_bad_address_is_an_error_of_ours(observed: Observed, url: str) -> None:
    """Whatever is wrong with it, it is said in one line."""
    with pytest.raises(LedgerError):
        ask(url, observed)


@pytest.mark.parametrize("key", [KEY + "\nx: y", KEY + "ü", KEY + "\0"], ids=["line break", "not ASCII", "NUL"])
def test_a_key_that_no_header_can_carry_is_never_shown(upstream: Upstream, observed: Observed, key: str) -> None:
    """h11 quotes the header in its message; we do not."""
    upstream.answers(json_answer({}))
    with pytest.raises(UsageError) as caught:
        ask(upstream.url, observed, headers={"authorization": f"Bearer {key}"})
    assert "canary" not in f"{caught.value.message} {caught.value.hint} {caught.value.__cause__}"


def test_every_exception_of_httpx_has_a_meaning_here() -> None:
    """A new one in a later httpx must be thought about before it can reach a user as a traceback."""
    named = {value for _, value in inspect.getmembers(httpx, inspect.isclass) if issubclass(value, Exception)}

    assert named == set(FOREIGN)


@pytest.mark.parametrize("kind", sorted(FOREIGN, key=lambda kind: kind.__name__), ids=lambda kind: kind.__name__)
def test_every_exception_of_httpx_becomes_one_of_ours(kind: type[Exception]) -> None:
    """Its own text is repeated only where it comes from the operating system, and even then without the key."""
    error = kind.__new__(kind)
    error.args = (f"Illegal header value b'Bearer {KEY}'",)

    translated = http._error(error, Outgoing(url="https://user:password@api.example/v1", secrets=(KEY,)))

    assert isinstance(translated, FOREIGN[kind].error)
    assert "api.example" in translated.message
    assert "canary" not in translated.message
    assert "password" not in translated.message


def test_a_small_document_is_fetched_whole(upstream: Upstream, observed: Observed) -> None:
    """`get` answers with status and body."""
    upstream.answers(json_answer({"models": []}))

    assert get(Outgoing(method="GET", url=f"{upstream.url}/api/tags"), Patience(), observed.around) == (
        200,
        b'{"models": []}',
    )
    assert upstream.received[0].method == "GET"


def test_an_endless_error_page_is_not_read_to_its_end(upstream: Upstream, observed: Observed) -> None:
    """64 KB of an error are enough for its message."""
    page = b"x" * 1024
    upstream.answers(stream_answer([page] * 200, 400))
    with exchange(Outgoing(url=upstream.url), Patience(), observed.around) as answer:
        assert answer.is_error
        assert 64 * 1024 <= len(answer.peek()) <= 80 * 1024


def test_redirects_are_followed_only_where_that_is_asked_for(upstream: Upstream, observed: Observed) -> None:
    """A prompt with a key stays where it was sent; a download goes where the file is."""
    upstream.replies(
        lambda request: (
            json_answer({"here": True})
            if request.path == "/there"
            else Answer(302, {"location": f"{upstream.url}/there"}, ())
        )
    )

    assert ask(upstream.url, observed)[0] == 302
    with exchange(
        Outgoing(method="GET", url=upstream.url), Patience(), observed.around, follow_redirects=True
    ) as answer:
        assert b"".join(answer.chunks()) == b'{"here": true}'
