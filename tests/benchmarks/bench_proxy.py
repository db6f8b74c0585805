"""What the proxy adds to a request, both rows durable, beside the same requests without it in the same run.

Another gateway is measured by the same lines: set LLMLEDGER_BENCH_PORT, let the gateway forward to that port, and set
LLMLEDGER_BENCH_URL to its own chat completions address.
"""

import asyncio
import json
import multiprocessing
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import uvicorn
from tests.benchmarks._figure import Figure

PLAIN = json.dumps(
    {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "model": "gpt-4o",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "word " * 50}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 50, "total_tokens": 60},
    }
).encode()
CHUNK = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4o", "usage": None}
CHUNKS = 50
ASKED = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}]}
STREAMED = ASKED | {"stream": True, "stream_options": {"include_usage": True}}


@dataclass(frozen=True, slots=True)
class Load:
    """What one round of requests took."""

    p50_ms: float
    p99_ms: float
    per_second: float


def measure(scratch: Path, smoke: bool) -> Iterator[Figure]:
    """Latency at 1, 8 and 32 connections, throughput, streams, CPU and memory."""
    port, provider = _provider()
    settings = scratch / ".config" / "llmledger"
    settings.mkdir(parents=True)
    (settings / "config.toml").write_text(f'[providers.openai]\nbase_url = "http://127.0.0.1:{port}"\n')
    path = "/v1/chat/completions"
    other = os.environ.get("LLMLEDGER_BENCH_URL")
    direct = f"http://127.0.0.1:{port}{path}"
    proxy, url = _proxy(scratch)
    try:
        asyncio.run(_load(f"{url}/openai{path}", ASKED, 20, 4))
        for name, body, connections, requests in (
            ("1 connection", ASKED, 1, 3000),
            ("8 connections", ASKED, 8, 4000),
            ("32 connections", ASKED, 32, 4000),
            (f"32 connections, {CHUNKS} chunks", STREAMED, 32, 1500),
        ):
            count = connections if smoke else requests
            reference = asyncio.run(_load(direct, body, count, connections))
            cpu = _cpu_s(proxy.pid)
            ours = asyncio.run(_load(f"{url}/openai{path}", body, count, connections))
            cpu = (_cpu_s(proxy.pid) - cpu) / count * 1000
            yield from _figures(name, ours, reference, cpu)
            if other:
                yield from _figures(
                    f"{name}, other", asyncio.run(_load(other, body, count, connections)), reference, 0.0
                )
        yield Figure("memory after all that", _memory_mb(proxy.pid), "MB", budget="110")
    finally:
        proxy.terminate()
        proxy.wait()
        provider.kill()


def _figures(name: str, ours: Load, reference: Load, cpu_ms: float) -> Iterator[Figure]:
    is_one = name.startswith("1 ")
    yield Figure(f"{name}: added p50", ours.p50_ms - reference.p50_ms, "ms", budget="1.2" if is_one else "")
    yield Figure(f"{name}: added p99", ours.p99_ms - reference.p99_ms, "ms", budget="5" if is_one else "")
    yield Figure(f"{name}: throughput", ours.per_second, "/s", reference.per_second, "direct")
    if cpu_ms:
        yield Figure(f"{name}: CPU of a request", cpu_ms, "ms")


async def _load(url: str, body: dict[str, Any], requests: int, connections: int) -> Load:
    """Send so many requests over so many connections."""
    data, taken, left = json.dumps(body).encode(), [], iter(range(requests))
    headers = {"authorization": "Bearer sk-1234567890", "content-type": "application/json"}
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def work() -> None:
            for _ in left:
                began = time.perf_counter()
                async with session.post(url, data=data, headers=headers) as answer:
                    await answer.read()
                    assert answer.status == 200
                taken.append(time.perf_counter() - began)

        began = time.perf_counter()
        await asyncio.gather(*(work() for _ in range(connections)))
        elapsed = time.perf_counter() - began
    taken.sort()
    return Load(taken[len(taken) // 2] * 1000, taken[len(taken) * 99 // 100] * 1000, requests / elapsed)


async def _answer(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """A provider that is as fast as it can be."""
    body, is_more = b"", True
    while is_more:
        message = await receive()
        body, is_more = body + message.get("body", b""), message.get("more_body", False)
    if b'"stream"' not in body:
        length = str(len(PLAIN)).encode()
        head = [(b"content-type", b"application/json"), (b"content-length", length)]
        await send({"type": "http.response.start", "status": 200, "headers": head})
        await send({"type": "http.response.body", "body": PLAIN})
        return
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]})
    for piece in PIECES:
        await send({"type": "http.response.body", "body": piece, "more_body": True})
        await asyncio.sleep(0)
    await send({"type": "http.response.body", "body": b"data: [DONE]\n\n"})


def _event(choices: list[dict[str, Any]], usage: dict[str, int] | None = None) -> bytes:
    return b"data: " + json.dumps(CHUNK | {"choices": choices, "usage": usage}).encode() + b"\n\n"


PIECES = [
    *(_event([{"index": 0, "delta": {"content": "word "}, "finish_reason": None}]) for _ in range(CHUNKS - 2)),
    _event([{"index": 0, "delta": {}, "finish_reason": "stop"}]),
    _event([], {"prompt_tokens": 10, "completion_tokens": 50, "total_tokens": 60}),
]


def _serve(listening: socket.socket) -> None:
    config = uvicorn.Config(_answer, log_level="critical", access_log=False, lifespan="off")
    uvicorn.Server(config).run(sockets=[listening])


def _provider() -> tuple[int, multiprocessing.Process]:
    port = int(os.environ.get("LLMLEDGER_BENCH_PORT", "0"))
    listening = socket.create_server(("127.0.0.1", port), backlog=1024)
    process = multiprocessing.get_context("fork").Process(target=_serve, args=(listening,), daemon=True)
    process.start()
    return int(listening.getsockname()[1]), process


def _proxy(home: Path) -> tuple["subprocess.Popen[str]", str]:
    command = [sys.executable, "-m", "llmledger", "proxy", "--port", "0"]
    environ = {**os.environ, "HOME": str(home), "USERPROFILE": str(home)}
    process = subprocess.Popen(command, env=environ, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    first = process.stderr.readline()
    return process, first.split("Listening on ")[1].split(". Give")[0]


def _cpu_s(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _memory_mb(pid: int) -> float:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024
