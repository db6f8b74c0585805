"""The official SDKs asking one question in each of their ways, over any base URL and any HTTP transport."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from types import ModuleType
from typing import Any, Self

import pytest
from tests.support.upstream import Answer, Received, stream_answer

QUESTION = [{"role": "user", "content": "What does it cost?"}]
MESSAGE: dict[str, Any] = {"model": "claude-sonnet-4-5", "max_tokens": 50, "messages": QUESTION}

CAPTURES = (
    ("/chat/completions", "openai_chat", "plain.json", "streamed.sse"),
    ("/responses", "openai_responses", "plain.json", "streamed.sse"),
    ("/embeddings", "openai_embeddings", "plain.json", "plain.json"),
    ("/messages", "anthropic_messages", "plain.json", "streamed.sse"),
    (":generateContent", "gemini", "plain.json", "streamed.sse"),
    (":streamGenerateContent?alt=sse", "gemini", "plain.json", "streamed.sse"),
    ("/api/chat", "ollama", "plain.json", "streamed.ndjson"),
)


def replayed(request: Received) -> Answer:
    """A faithful capture for what was asked: its format by the path, streamed or not, with usage where it is sent."""
    from tests.support.source import ROOT

    is_stream = b'"stream":true' in request.body.replace(b" ", b"") or ":streamGenerateContent" in request.path
    folder, plain, streamed = next(case[1:] for case in CAPTURES if request.path.endswith(case[0]))
    data = (ROOT / "tests" / "fixtures" / "dialects" / folder / (streamed if is_stream else plain)).read_bytes()
    if is_stream and folder == "openai_chat" and b"include_usage" not in request.body:
        data = b"\n\n".join(event for event in data.split(b"\n\n") if b'"choices":[]' not in event)
    kind = "application/json"
    if is_stream:
        kind = "application/x-ndjson" if folder == "ollama" else "text/event-stream"
    return stream_answer([data[at : at + 500] for at in range(0, len(data), 500)], content_type=kind)


@dataclass(slots=True)
class Listening:
    """A transport of either library that notes every byte which its client gets."""

    inner: Any
    library: ModuleType
    heard: list[bytes] = field(default_factory=list)

    def handle_request(self, request: Any) -> Any:
        """Note a synchronous answer."""
        return self._noted(self.inner.handle_request(request))

    async def handle_async_request(self, request: Any) -> Any:
        """Note an asynchronous answer."""
        return self._noted(await self.inner.handle_async_request(request))

    def close(self) -> None:
        """Close what is inside."""
        self.inner.close()

    async def aclose(self) -> None:
        """Close what is inside."""
        await self.inner.aclose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def _noted(self, response: Any) -> Any:
        inner, heard = response.stream, self.heard
        heard.append(b"")

        class Noted(self.library.SyncByteStream, self.library.AsyncByteStream):  # type: ignore[misc, name-defined]
            def __iter__(self) -> Iterator[bytes]:
                for chunk in inner:
                    heard[-1] += chunk
                    yield chunk

            async def __aiter__(self) -> AsyncIterator[bytes]:
                async for chunk in inner:
                    heard[-1] += chunk
                    yield chunk

            def close(self) -> None:
                inner.close()

            async def aclose(self) -> None:
                await inner.aclose()

        response.stream = Noted()
        return response


Asked = tuple[list[str], list[bytes]]
Around = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Sdk:
    """One SDK: its library, the base URL below a server, and its calls, each whole and streamed."""

    provider: str
    library: str
    sync_calls: Callable[[str, Any], list[str]]
    async_calls: Callable[[str, Any], Any]

    def ask(self, url: str, *, around: Around = lambda inner: inner) -> Asked:
        """Ask as a synchronous client; the texts, and the bytes of each answer. `around` wraps the HTTP transport."""
        library = import_module(self.library)
        listening = Listening(around(library.HTTPTransport()), library)
        with library.Client(transport=listening, timeout=60) as client:
            return self.sync_calls(url, client), listening.heard

    def ask_later(self, url: str, *, around: Around = lambda inner: inner) -> Asked:
        """The same as an asynchronous client."""
        library = import_module(self.library)
        listening = Listening(around(library.AsyncHTTPTransport()), library)

        async def run() -> list[str]:
            async with library.AsyncClient(transport=listening, timeout=60) as client:
                return list(await self.async_calls(url, client))

        return asyncio.run(run()), listening.heard


def _openai(url: str, http: Any) -> list[str]:
    client = pytest.importorskip("openai").OpenAI(base_url=f"{url}/v1", api_key="sk-test-0123456789", http_client=http)
    chat: dict[str, Any] = {"model": "gpt-5-mini", "messages": QUESTION}
    response: dict[str, Any] = {"model": "gpt-5", "input": "What does it cost?"}
    chunks = client.chat.completions.create(**chat, stream=True)
    events = client.responses.create(**response, stream=True)
    return [
        "".join(chunk.choices[0].delta.content or "" for chunk in chunks),
        str(client.chat.completions.create(**chat).choices[0].message.content),
        "".join(event.delta for event in events if event.type == "response.output_text.delta"),
        str(client.responses.create(**response).output_text),
    ]


async def _openai_later(url: str, http: Any) -> list[str]:
    client = pytest.importorskip("openai").AsyncOpenAI(
        base_url=f"{url}/v1", api_key="sk-test-0123456789", http_client=http
    )
    chat: dict[str, Any] = {"model": "gpt-5-mini", "messages": QUESTION}
    response: dict[str, Any] = {"model": "gpt-5", "input": "What does it cost?"}
    chunks = [chunk async for chunk in await client.chat.completions.create(**chat, stream=True)]
    whole = await client.chat.completions.create(**chat)
    events = [event async for event in await client.responses.create(**response, stream=True)]
    return [
        "".join(chunk.choices[0].delta.content or "" for chunk in chunks),
        str(whole.choices[0].message.content),
        "".join(event.delta for event in events if event.type == "response.output_text.delta"),
        str((await client.responses.create(**response)).output_text),
    ]


def _anthropic(url: str, http: Any) -> list[str]:
    client = pytest.importorskip("anthropic").Anthropic(
        base_url=url, api_key="sk-ant-test-0123456789", http_client=http
    )
    with client.messages.stream(**MESSAGE) as stream:
        text = "".join(stream.text_stream)
    return [text, str(client.messages.create(**MESSAGE).content[0].text)]


async def _anthropic_later(url: str, http: Any) -> list[str]:
    client = pytest.importorskip("anthropic").AsyncAnthropic(
        base_url=url, api_key="sk-ant-test-0123456789", http_client=http
    )
    async with client.messages.stream(**MESSAGE) as stream:
        text = "".join([piece async for piece in stream.text_stream])
    return [text, str((await client.messages.create(**MESSAGE)).content[0].text)]


def _gemini(url: str, http: Any) -> list[str]:
    genai = pytest.importorskip("google.genai")
    client = genai.Client(api_key="AIzaTest0123456789", http_options={"base_url": url, "httpx_client": http})
    asked: dict[str, Any] = {"model": "gemini-3-pro", "contents": "What does it cost?"}
    return [
        "".join(chunk.text or "" for chunk in client.models.generate_content_stream(**asked)),
        str(client.models.generate_content(**asked).text),
    ]


async def _gemini_later(url: str, http: Any) -> list[str]:
    genai = pytest.importorskip("google.genai")
    client = genai.Client(api_key="AIzaTest0123456789", http_options={"base_url": url, "httpx_async_client": http}).aio
    asked: dict[str, Any] = {"model": "gemini-3-pro", "contents": "What does it cost?"}
    chunks = [chunk async for chunk in await client.models.generate_content_stream(**asked)]
    return [
        "".join(chunk.text or "" for chunk in chunks),
        str((await client.models.generate_content(**asked)).text),
    ]


def _ollama(url: str, http: Any) -> list[str]:
    client = pytest.importorskip("ollama").Client(host=url, transport=http._transport)
    asked: dict[str, Any] = {"model": "qwen3:8b", "messages": QUESTION}
    return [
        "".join(part.message.content or "" for part in client.chat(**asked, stream=True)),
        str(client.chat(**asked).message.content),
    ]


async def _ollama_later(url: str, http: Any) -> list[str]:
    client = pytest.importorskip("ollama").AsyncClient(host=url, transport=http._transport)
    asked: dict[str, Any] = {"model": "qwen3:8b", "messages": QUESTION}
    parts = [part async for part in await client.chat(**asked, stream=True)]
    return [
        "".join(part.message.content or "" for part in parts),
        str((await client.chat(**asked)).message.content),
    ]


SDKS: Mapping[str, Sdk] = {
    "openai": Sdk("openai", "httpx2", _openai, _openai_later),
    "anthropic": Sdk("anthropic", "httpx2", _anthropic, _anthropic_later),
    "google-genai": Sdk("gemini", "httpx", _gemini, _gemini_later),
    "ollama": Sdk("ollama", "httpx", _ollama, _ollama_later),
}
