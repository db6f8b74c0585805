"""A real model behind the proxy: three wire formats of one llama.cpp server, whole and streamed."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.support.proxy import running_proxy
from tests.support.upstream import Upstream

pytestmark = pytest.mark.unmeasured
"""The clients, that is: the proxy has threads of its own."""

QUESTION = [{"role": "user", "content": "Say hello."}]
CASES = {
    "/llamacpp/v1/chat/completions": {"messages": QUESTION, "max_tokens": 12, "temperature": 0},
    "/llamacpp/v1/responses": {"input": "Say hello.", "max_output_tokens": 12, "temperature": 0},
    "/llamacpp/v1/messages": {"messages": QUESTION, "max_tokens": 12, "temperature": 0},
}


@pytest.mark.parametrize("path", CASES)
def test_streamed_and_whole_answers_of_a_real_server_agree(
    tmp_path: Path, llamacpp: str, upstream: Upstream, path: str
) -> None:
    """The same prompt twice: the same tokens, exact, free, from a stream that nobody asked for its usage."""
    body = {"model": "smollm2", **CASES[path]}
    with running_proxy(tmp_path, upstream, address_of=lambda _: llamacpp) as proxy:
        whole = httpx.post(proxy.url + path, json=body, timeout=120)
        streamed = httpx.post(proxy.url + path, json=body | {"stream": True}, timeout=120)
        rows = proxy.rows(2)

    assert (whole.status_code, streamed.status_code) == (200, 200)
    assert b'"choices":[]' not in streamed.content
    assert [(row["status"], row["usage_quality"], row["cost_usd"], row["billing"]) for row in rows] == [
        ("completed", "exact", "0", "local")
    ] * 2
    assert rows[0]["input_tokens"] == rows[1]["input_tokens"] > 0
    assert rows[0]["output_tokens"] == rows[1]["output_tokens"] > 0
    # The prompt was in the server's cache the second time.
    assert rows[1]["cache_read_tokens"] > 0


CHAT: dict[str, Any] = {"model": "smollm2", "messages": QUESTION, "max_tokens": 12, "temperature": 0}
MESSAGE: dict[str, Any] = {
    "model": "smollm2",
    "messages": QUESTION,
    "max_tokens": 12,
    "extra_body": {"temperature": 0},
}
RESPONSE: dict[str, Any] = {"model": "smollm2", "input": "Say hello.", "max_output_tokens": 12, "temperature": 0}


def openai_asks(url: str) -> list[str]:
    """Chat and responses, streamed and whole, by a synchronous client."""
    with pytest.importorskip("openai").OpenAI(base_url=f"{url}/v1", api_key="none", timeout=120) as client:
        chunks = list(client.chat.completions.create(**CHAT, stream=True))
        events = list(client.responses.create(**RESPONSE, stream=True))
        return [
            "".join(chunk.choices[0].delta.content or "" for chunk in chunks),
            client.chat.completions.create(**CHAT).choices[0].message.content,
            "".join(event.delta for event in events if event.type == "response.output_text.delta"),
            client.responses.create(**RESPONSE).output_text,
        ]


def openai_asks_later(url: str) -> list[str]:
    """The same by an asynchronous client."""

    async def run() -> list[str]:
        async with pytest.importorskip("openai").AsyncOpenAI(
            base_url=f"{url}/v1", api_key="none", timeout=120
        ) as client:
            chunks = [chunk async for chunk in await client.chat.completions.create(**CHAT, stream=True)]
            events = [event async for event in await client.responses.create(**RESPONSE, stream=True)]
            return [
                "".join(chunk.choices[0].delta.content or "" for chunk in chunks),
                (await client.chat.completions.create(**CHAT)).choices[0].message.content,
                "".join(event.delta for event in events if event.type == "response.output_text.delta"),
                (await client.responses.create(**RESPONSE)).output_text,
            ]

    return asyncio.run(run())


def anthropic_asks(url: str) -> list[str]:
    """Messages, streamed and whole, by both clients of Anthropic's SDK."""
    anthropic = pytest.importorskip("anthropic")

    async def later() -> list[str]:
        async with anthropic.AsyncAnthropic(base_url=url, api_key="none", timeout=120) as client:
            async with client.messages.stream(**MESSAGE) as stream:
                text = "".join([piece async for piece in stream.text_stream])
            return [text, (await client.messages.create(**MESSAGE)).content[0].text]

    with anthropic.Anthropic(base_url=url, api_key="none", timeout=120) as client:
        with client.messages.stream(**MESSAGE) as stream:
            text = "".join(stream.text_stream)
        return [text, client.messages.create(**MESSAGE).content[0].text, *asyncio.run(later())]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("ask", [openai_asks, openai_asks_later, anthropic_asks])
def test_the_sdks_talk_to_a_real_server_through_the_proxy(
    tmp_path: Path, llamacpp: str, upstream: Upstream, ask: Callable[[str], list[str]]
) -> None:
    """Streamed and whole, the same words and the same tokens: exact, free, a row each."""
    with running_proxy(tmp_path, upstream, address_of=lambda _: llamacpp) as proxy:
        texts = ask(f"{proxy.url}/llamacpp")
        rows = proxy.rows(4)

    assert texts[0] == texts[1] != ""
    assert texts[2] == texts[3] != ""
    assert [(row["status"], row["usage_quality"], row["cost_usd"], row["billing"]) for row in rows] == [
        ("completed", "exact", "0", "local")
    ] * 4
    assert len({(row["endpoint"], row["input_tokens"], row["output_tokens"]) for row in rows}) == len(
        {row["endpoint"] for row in rows}
    )
