"""A program that meters itself: both HTTP libraries, both kinds of client, whole and streamed."""

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from tests.support.upstream import Answer, HangUp, Upstream, json_answer, stream_answer

from llmledger.core.request import Attribution
from llmledger.ledger import open_ledger
from llmledger.pricebook import load, packaged_folder
from llmledger.transport import AsyncLedgerTransport, LedgerTransport, Metering

FIXTURES = Path(__file__).parent / "fixtures" / "dialects"
CHAT = {"model": "gpt-5-mini", "messages": [{"role": "user", "content": "What does it cost?"}]}
libraries = pytest.mark.parametrize("library", ["httpx", "httpx2"])


@pytest.fixture
def metering(tmp_path: Path) -> Iterator[Metering]:
    """A ledger of its own, for a client named acme."""
    with open_ledger(tmp_path / "ledger.db", now=lambda: datetime.now(UTC)) as ledger:
        book = load([packaged_folder()])
        yield Metering(ledger=ledger, book=book, attribution=Attribution(client="acme"), provider="openai")


def rows(metering: Metering) -> list[dict[str, Any]]:
    """What was written."""
    with closing(sqlite3.connect(metering.ledger.path)) as connection:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute("SELECT * FROM requests_v1")]


def client(library: str, metering: Metering) -> Any:
    """A client of a library whose transport is ours."""
    module = pytest.importorskip(library)
    return module.Client(transport=LedgerTransport(module.HTTPTransport(), metering=metering))


@libraries
def test_a_whole_answer_leaves_a_row(library: str, metering: Metering, upstream: Upstream) -> None:
    """The program gets the bytes, our id in a header, and the ledger the usage."""
    upstream.answers(
        json_answer({}),
        Answer(200, {"content-type": "application/json"}, ((FIXTURES / "openai_chat/plain.json").read_bytes(),)),
    )
    with client(library, metering) as http:
        assert http.get(upstream.url + "/v1/models").json() == {}
        answer = http.post(
            upstream.url + "/v1/chat/completions",
            json=CHAT,
            headers={"authorization": "Bearer sk-1234567890abcdefWXYZ", "x-llmledger-project": "site"},
        )

    assert answer.content == (FIXTURES / "openai_chat/plain.json").read_bytes()
    (row,) = rows(metering)
    assert row["request_id"].lower() == answer.headers["x-llmledger-request-id"]
    assert (row["input_tokens"], row["output_tokens"], row["source"], row["status"]) == (2000, 500, "api", "completed")
    assert (row["client"], row["project"], row["provider"]) == ("acme", "site", "openai")
    assert "x-llmledger-project" not in upstream.received[1].headers
    assert upstream.received[1].json == CHAT


@libraries
def test_a_stream_is_asked_for_its_usage_which_the_program_never_sees(
    library: str, metering: Metering, upstream: Upstream
) -> None:
    """As through the proxy: the row is exact, the stream as if nobody had asked."""
    data = (FIXTURES / "openai_chat/streamed.sse").read_bytes()
    upstream.answers(stream_answer([data[at : at + 300] for at in range(0, len(data), 300)]))
    with (
        client(library, metering) as http,
        http.stream("POST", upstream.url + "/v1/chat/completions", json=CHAT | {"stream": True}) as answer,
    ):
        got = b"".join(answer.iter_raw())

    assert upstream.received[0].json["stream_options"] == {"include_usage": True}
    assert b'"choices":[]' not in got and got.endswith(b"data: [DONE]\n\n")
    (row,) = rows(metering)
    assert (row["input_tokens"], row["output_tokens"], row["usage_quality"]) == (2000, 500, "exact")


@libraries
def test_an_answer_that_is_closed_early_is_cancelled(library: str, metering: Metering, upstream: Upstream) -> None:
    """What was seen bounds the output from below."""
    data = (FIXTURES / "openai_chat/streamed.sse").read_bytes()
    upstream.answers(stream_answer([data[: data.index(b"cents")], data[data.index(b"cents") :]]))
    body = CHAT | {"stream": True, "stream_options": {"include_usage": True}}
    with (
        client(library, metering) as http,
        http.stream("POST", upstream.url + "/v1/chat/completions", json=body) as answer,
    ):
        next(answer.iter_raw())

    (row,) = rows(metering)
    assert (row["status"], row["error_type"]) == ("cancelled", "client_gone")
    assert row["output_tokens"] >= 1


@libraries
def test_broken_and_refused_answers_are_failures(library: str, metering: Metering, upstream: Upstream) -> None:
    """The program sees its library's own errors; each leaves its row."""
    module = pytest.importorskip(library)
    data = (FIXTURES / "openai_chat/streamed.sse").read_bytes()
    upstream.answers(stream_answer([data[:200], HangUp()]), json_answer({"error": {"message": "no", "type": "x"}}, 401))
    with client(library, metering) as http:
        with pytest.raises(module.RemoteProtocolError):
            http.post(upstream.url + "/v1/chat/completions", json=CHAT)
        assert http.post(upstream.url + "/v1/chat/completions", json=CHAT).status_code == 401
        with pytest.raises(module.ConnectError):
            http.post("http://127.0.0.1:9/v1/chat/completions", json=CHAT)

    found = rows(metering)
    assert [(row["status"], row["error_type"]) for row in found] == [
        ("failed", "upstream_broke_off"),
        ("failed", "x"),
        ("failed", "connect"),
    ]
    assert [row["cost_source"] for row in found[1:]] == ["not_billed", "not_billed"]


@libraries
def test_asynchronous_clients_are_metered_too(library: str, metering: Metering, upstream: Upstream) -> None:
    """Whole, streamed, closed early and broken."""
    module = pytest.importorskip(library)
    data = (FIXTURES / "openai_chat/streamed.sse").read_bytes()
    plain = Answer(200, {"content-type": "application/json"}, ((FIXTURES / "openai_chat/plain.json").read_bytes(),))
    pieces = stream_answer([data[:400], data[400:]])
    upstream.answers(json_answer({}), plain, pieces, pieces, stream_answer([data[:200], HangUp()]))
    url = upstream.url + "/v1/chat/completions"
    body = CHAT | {"stream": True}

    async def run() -> None:
        transport = AsyncLedgerTransport(module.AsyncHTTPTransport(), metering=metering)
        async with module.AsyncClient(transport=transport) as http:
            await http.get(upstream.url + "/v1/models")
            assert (await http.post(url, json=CHAT)).status_code == 200
            async with http.stream("POST", url, json=body) as answer:
                assert b'"choices":[]' not in b"".join([piece async for piece in answer.aiter_raw()])
            async with http.stream("POST", url, json=body) as answer:
                async for _ in answer.aiter_raw():
                    break
            with pytest.raises(module.RemoteProtocolError):
                await http.post(url, json=CHAT)
            with pytest.raises(module.ConnectError):
                await http.post("http://127.0.0.1:9/v1/chat/completions", json=CHAT)

    asyncio.run(run())

    assert [row["status"] for row in rows(metering)] == ["completed", "completed", "cancelled", "failed", "failed"]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_official_sdks_take_it_as_their_transport(metering: Metering, upstream: Upstream) -> None:
    """`openai.OpenAI(http_client=...)`: the stream is read to its `[DONE]` and closed, which is complete."""
    openai, httpx2 = pytest.importorskip("openai"), pytest.importorskip("httpx2")
    upstream.answers(stream_answer([(FIXTURES / "openai_chat/streamed.sse").read_bytes()]))
    http = httpx2.Client(transport=LedgerTransport(httpx2.HTTPTransport(), metering=metering))
    with openai.OpenAI(base_url=f"{upstream.url}/v1", api_key="sk-test-0123456789", http_client=http) as sdk:
        chunks = list(sdk.chat.completions.create(model="gpt-5-mini", messages=CHAT["messages"], stream=True))

    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "Four cents."
    (row,) = rows(metering)
    assert (row["status"], row["usage_quality"], row["output_tokens"]) == ("completed", "exact", 500)


@pytest.mark.parametrize(
    ("url", "provider"),
    [
        ("https://api.anthropic.com/v1/messages", "anthropic"),
        ("https://api.openai.com/v1/responses", "openai"),
        ("http://localhost:11434/api/chat", "ollama"),
        ("https://llm.corp.example/v1/chat/completions", "llm.corp.example"),
    ],
)
def test_the_provider_is_known_from_the_address(metering: Metering, url: str, provider: str) -> None:
    """By its host or its own port; a stranger's host stands for itself, so that the row tells where it went."""
    from dataclasses import replace

    httpx = import_module("httpx")
    answering = httpx.MockTransport(lambda request: httpx.Response(200, json={}))
    unnamed = replace(metering, provider=None)
    with httpx.Client(transport=LedgerTransport(answering, metering=unnamed)) as http:
        http.post(url, json={"model": "m"})

    (row,) = rows(metering)
    assert row["provider"] == provider


def test_without_settings_rows_go_to_the_users_own_ledger(ledger_path: Path, upstream: Upstream) -> None:
    """The shortest form opens the ledger, and closes it with the client."""
    upstream.answers(json_answer({}))
    httpx = import_module("httpx")
    with httpx.Client(transport=LedgerTransport()) as http:
        http.post(upstream.url + "/v1/embeddings", json={"model": "m"})

    async def run() -> None:
        async with httpx.AsyncClient(transport=AsyncLedgerTransport()) as http:
            await http.post(upstream.url + "/v1/embeddings", json={"model": "m"})

    asyncio.run(run())
    with closing(sqlite3.connect(ledger_path)) as connection:
        assert connection.execute("SELECT count(*) FROM requests").fetchone() == (2,)


def test_variables_and_settings_hold_for_programs_too(
    home: Path, ledger_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the program itself says counts most; then the environment, the settings, the rules for a key."""
    config = home / ".config" / "llmledger" / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text(
        'timezone = "Asia/Kolkata"\n[attribution]\nproject = "settings"\nteam = "core"\n'
        '[[map]]\nkey = "*WXYZ"\nclient = "acme"\n[billing]\nopenai = "subscription"\n'
        '[providers.openai]\nbase_url = "https://models.acme.example/openai"\n'
    )
    monkeypatch.setenv("LLMLEDGER_PROJECT", "variable")
    monkeypatch.setenv("LLMLEDGER_TAGS", "stage=test")
    httpx = import_module("httpx")
    answering = httpx.MockTransport(lambda request: httpx.Response(200, json={}))
    key = {"authorization": "Bearer abcdefghijklmnopqrstWXYZ"}
    metering = Metering.of_user(attribution=Attribution(user="ann"))
    with metering.ledger, httpx.Client(transport=LedgerTransport(answering, metering=metering)) as http:
        http.post("https://models.acme.example/openai/v1/embeddings", json={"model": "m"}, headers=key)
        http.post("https://models.acme.example/other/v1/embeddings", json={"model": "m"}, headers=key)

    row, other = rows(metering)
    assert (row["provider"], other["provider"]) == ("openai", "models.acme.example")
    said = [row[name] for name in ("user", "project", "team", "client", "billing", "tags")]
    assert said == ["ann", "variable", "core", "acme", "subscription", '{"stage":"test"}']
    assert metering.ledger.home_zone == "Asia/Kolkata"
    monkeypatch.setenv("LLMLEDGER_TZ", "Europe/Berln")
    with Metering.of_user().ledger as again:
        assert again.home_zone == "Asia/Kolkata", "a ledger that is there needs no other zone"


@libraries
def test_polls_complete_and_token_counts_make_no_row_as_through_the_proxy(
    library: str, metering: Metering, upstream: Upstream
) -> None:
    """A background response: n polls, one charge. Counting tokens is asked of nobody's money."""
    usage = {"input_tokens": 3000, "output_tokens": 700, "total_tokens": 3700}
    end = {"id": "resp_bg1", "object": "response", "status": "completed", "model": "gpt-5", "usage": usage}
    queued = end | {"status": "queued", "usage": None}
    upstream.answers(json_answer({"input_tokens": 3}), json_answer(queued), json_answer(queued), json_answer(end))
    with client(library, metering) as http:
        http.post(upstream.url + "/v1/messages/count_tokens", json=CHAT)
        http.post(upstream.url + "/v1/responses", json={"model": "gpt-5", "input": "x", "background": True})
        polls = [http.get(upstream.url + "/v1/responses/resp_bg1").json()["status"] for _ in range(4)]

    assert polls == ["queued", "completed", "completed", "completed"]
    (row,) = rows(metering)
    # 3,000 in at $1.25 and 700 out at $10 per 1M: 3,750 + 7,000 millionths.
    assert (row["status"], row["cost_usd"], row["adjustments"]) == ("completed", "0.01075", 2)


@libraries
def test_a_request_beyond_its_own_limit_is_not_sent(library: str, metering: Metering, upstream: Upstream) -> None:
    """402 in place of the provider's answer, no row."""
    upstream.answers(json_answer({}))
    body = CHAT | {"max_tokens": 1_000_000}
    with client(library, metering) as http:
        answer = http.post(upstream.url + "/v1/chat/completions", json=body, headers={"x-llmledger-max-cost": "0.01"})

    assert (answer.status_code, answer.json()["error"]["type"]) == (402, "llmledger")
    assert (upstream.received, rows(metering)) == ([], [])


def test_what_cannot_be_written_is_told_and_the_answer_is_whole(tmp_path: Path, upstream: Upstream) -> None:
    """The ledger is gone when the answer has come: the program gets it all the same."""
    troubles: list[str] = []
    ledger = open_ledger(tmp_path / "ledger.db", now=lambda: datetime.now(UTC))
    metering = Metering(ledger=ledger, book=load([packaged_folder()]), on_trouble=troubles.append, provider="openai")
    usage = {"input_tokens": 3, "output_tokens": 2}
    upstream.answers(json_answer({"id": "resp_1", "status": "completed", "usage": usage}))
    httpx = import_module("httpx")
    with httpx.Client(transport=LedgerTransport(httpx.HTTPTransport(), metering=metering)) as http:
        with http.stream("POST", upstream.url + "/v1/responses", json={"model": "gpt-5"}) as answer:
            ledger.close()
            assert answer.read().endswith(b"}")
        assert http.get(upstream.url + "/v1/responses/resp_1").json()["usage"] == usage

    assert [trouble.partition(":")[0] for trouble in troubles] == [
        "a row could not be written",
        "the end of resp_1 could not be recorded",
    ]


def test_headers_for_a_gateway_reach_it(metering: Metering, upstream: Upstream) -> None:
    """A program may well talk to one; only ours end here."""
    upstream.answers(json_answer({}))
    with client("httpx", metering) as http:
        http.post(upstream.url + "/v1/embeddings", json={}, headers={"helicone-auth": "x", "x-llmledger-user": "ann"})

    (got,) = upstream.received
    assert (got.headers["helicone-auth"], "x-llmledger-user" in got.headers) == ("x", False)
    assert rows(metering)[0]["user"] == "ann"


@libraries
def test_asynchronous_clients_keep_limits_and_complete_polls_too(
    library: str, metering: Metering, upstream: Upstream
) -> None:
    """The same, in the other way of calling."""
    module = pytest.importorskip(library)
    end = {"id": "resp_bg1", "status": "completed", "usage": {"input_tokens": 3000, "output_tokens": 700}}
    upstream.answers(json_answer(end | {"status": "queued", "usage": None}), json_answer(end))

    async def run() -> list[int]:
        transport = AsyncLedgerTransport(module.AsyncHTTPTransport(), metering=metering)
        async with module.AsyncClient(transport=transport) as http:
            asked = {"model": "gpt-5", "input": "x", "max_output_tokens": 1_000_000}
            url = upstream.url + "/v1/responses"
            refused = await http.post(url, json=asked, headers={"x-llmledger-max-cost": "0.01"})
            answers = [await http.post(url, json=asked), *[await http.get(f"{url}/resp_bg1") for _ in range(3)]]
            return [refused.status_code, *[answer.status_code for answer in answers]]

    assert asyncio.run(run()) == [402, 200, 200, 200, 200]
    (row,) = rows(metering)
    assert (row["cost_usd"], row["adjustments"]) == ("0.01075", 2)


def test_without_anybody_to_tell_troubles_are_warnings(tmp_path: Path, upstream: Upstream) -> None:
    """A program that named nobody hears of them as Python tells such things."""
    ledger = open_ledger(tmp_path / "ledger.db", now=lambda: datetime.now(UTC))
    metering = Metering(ledger=ledger, book=load([packaged_folder()]), provider="openai")
    upstream.answers(json_answer({}))
    httpx = import_module("httpx")
    with (
        httpx.Client(transport=LedgerTransport(httpx.HTTPTransport(), metering=metering)) as http,
        http.stream("POST", upstream.url + "/v1/responses", json={"model": "gpt-5"}) as answer,
    ):
        ledger.close()
        with pytest.warns(RuntimeWarning, match="a row could not be written"):
            answer.read()
