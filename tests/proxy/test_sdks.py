"""The official SDKs, unmodified but for their base URL: they work through the proxy, and each call leaves its row."""

import asyncio
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from tests.support.proxy import RunningProxy
from tests.support.upstream import Answer, Received, Upstream, stream_answer

FIXTURES = Path(__file__).parents[1] / "fixtures" / "dialects"
QUESTION = [{"role": "user", "content": "What does it cost?"}]


def replayed(request: Received) -> Answer:
    """A faithful capture for what was asked: its format by the path, streamed or not."""
    is_stream = b'"stream":true' in request.body.replace(b" ", b"") or ":streamGenerateContent" in request.path
    folder, plain, streamed = next(
        (folder, plain, streamed)
        for end, folder, plain, streamed in (
            ("/chat/completions", "openai_chat", "plain.json", "streamed.sse"),
            ("/responses", "openai_responses", "plain.json", "streamed.sse"),
            ("/embeddings", "openai_embeddings", "plain.json", "plain.json"),
            ("/messages", "anthropic_messages", "plain.json", "streamed.sse"),
            (":generateContent", "gemini", "plain.json", "streamed.sse"),
            (":streamGenerateContent?alt=sse", "gemini", "plain.json", "streamed.sse"),
            ("/api/chat", "ollama", "plain.json", "streamed.ndjson"),
        )
        if request.path.endswith(end)
    )
    data = (FIXTURES / folder / (streamed if is_stream else plain)).read_bytes()
    kind = "text/event-stream" if is_stream else "application/json"
    return stream_answer([data[at : at + 500] for at in range(0, len(data), 500)], content_type=kind)


@pytest.fixture
def replaying(proxy: RunningProxy, upstream: Upstream) -> RunningProxy:
    """The proxy before a provider of every format."""
    upstream.replies(replayed)
    return proxy


def openai_calls(url: str, ends: ExitStack) -> list[Callable[[], str]]:
    """Chat and responses, whole and streamed."""
    openai = pytest.importorskip("openai")
    client = openai.OpenAI(base_url=f"{url}/openai/v1", api_key="sk-test-key-0123456789")
    ends.callback(client.close)

    def chat() -> str:
        return str(client.chat.completions.create(model="gpt-5-mini", messages=QUESTION).choices[0].message.content)

    def chat_stream() -> str:
        chunks = client.chat.completions.create(model="gpt-5-mini", messages=QUESTION, stream=True)
        return "".join(chunk.choices[0].delta.content or "" for chunk in chunks)

    def response() -> str:
        return str(client.responses.create(model="gpt-5", input="What does it cost?").output_text)

    def response_stream() -> str:
        events = client.responses.create(model="gpt-5", input="What does it cost?", stream=True)
        return "".join(event.delta for event in events if event.type == "response.output_text.delta")

    return [chat, chat_stream, response, response_stream]


def anthropic_calls(url: str, ends: ExitStack) -> list[Callable[[], str]]:
    """Messages, whole and streamed."""
    anthropic = pytest.importorskip("anthropic")
    client = anthropic.Anthropic(base_url=f"{url}/anthropic", api_key="sk-ant-test-0123456789")
    ends.callback(client.close)
    asked: dict[str, Any] = {"model": "claude-sonnet-4-5", "max_tokens": 50, "messages": QUESTION}

    def message() -> str:
        return str(client.messages.create(**asked).content[0].text)

    def message_stream() -> str:
        with client.messages.stream(**asked) as stream:
            return "".join(stream.text_stream)

    return [message, message_stream]


def gemini_calls(url: str, ends: ExitStack) -> list[Callable[[], str]]:
    """Content, whole and streamed."""
    genai = pytest.importorskip("google.genai")
    client = genai.Client(api_key="AIzaTest0123456789", http_options={"base_url": f"{url}/gemini"})
    ends.callback(client.close)
    asked: dict[str, Any] = {"model": "gemini-3-pro", "contents": "What does it cost?"}

    def content() -> str:
        return str(client.models.generate_content(**asked).text)

    def content_stream() -> str:
        return "".join(chunk.text or "" for chunk in client.models.generate_content_stream(**asked))

    return [content, content_stream]


def ollama_calls(url: str, ends: ExitStack) -> list[Callable[[], str]]:
    """Chat, whole and streamed."""
    ollama = pytest.importorskip("ollama")
    client = ollama.Client(host=f"{url}/ollama")
    ends.callback(client._client.close)

    def chat() -> str:
        return str(client.chat(model="qwen3:8b", messages=QUESTION).message.content)

    def chat_stream() -> str:
        return "".join(
            part.message.content or "" for part in client.chat(model="qwen3:8b", messages=QUESTION, stream=True)
        )

    return [chat, chat_stream]


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::pydantic.warnings.PydanticDeprecationWarning")
@pytest.mark.parametrize("calls", [openai_calls, anthropic_calls, gemini_calls, ollama_calls])
def test_an_sdk_works_through_the_proxy(
    replaying: RunningProxy, calls: Callable[[str, ExitStack], list[Callable[[], str]]]
) -> None:
    """Same text, streamed or not; a row each, exact; streamed and unstreamed usage agree."""
    with ExitStack() as ends:
        asked = calls(replaying.url, ends)
        assert [call() for call in asked] == ["Four cents."] * len(asked)
    rows = replaying.rows(len(asked))
    assert len(rows) == len(asked)
    assert {row["usage_quality"] for row in rows} == {"exact"}
    totals = [(row["endpoint"].partition(":")[0], row["input_tokens"], row["output_tokens"]) for row in rows]
    assert len(set(totals)) == len(asked) // 2


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_asynchronous_sdks_work_too(replaying: RunningProxy) -> None:
    """The asynchronous clients of OpenAI and Anthropic, streaming at the same time."""
    openai, anthropic = pytest.importorskip("openai"), pytest.importorskip("anthropic")

    async def chat() -> str:
        async with openai.AsyncOpenAI(
            base_url=f"{replaying.url}/openai/v1", api_key="sk-test-key-0123456789"
        ) as client:
            stream = await client.chat.completions.create(model="gpt-5-mini", messages=QUESTION, stream=True)
            return "".join([chunk.choices[0].delta.content or "" async for chunk in stream])

    async def message() -> str:
        async with anthropic.AsyncAnthropic(
            base_url=f"{replaying.url}/anthropic", api_key="sk-ant-test-0123456789"
        ) as client:
            asked: dict[str, Any] = {"model": "claude-sonnet-4-5", "max_tokens": 50, "messages": QUESTION}
            async with client.messages.stream(**asked) as stream:
                return "".join([text async for text in stream.text_stream])

    async def both() -> list[str]:
        return list(await asyncio.gather(*(job() for job in (chat, message) for _ in range(5))))

    assert asyncio.run(both()) == ["Four cents."] * 10
    assert len(replaying.rows(10)) == 10
