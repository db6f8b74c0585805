"""What the proxy adds to a request, both rows durable: beside a direct connection, and beside the same stack without meter
and ledger, in one run.

Any other gateway is measured by the same lines, at its own address:

    python -m tests.benchmarks proxy --upstream-port 9100 --url http://127.0.0.1:8787/v1 --model X [--pid N]

The provider then listens on that port, for the gateway to forward to; `--pid` is the gateway's, for its CPU and memory.
"""

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from tests.benchmarks._figure import Figure
from tests.support.proxy_load import CHUNKS, Load, ask_many, post
from tests.support.proxy_process import CHAT, cpu_s, memory_mb, proxy_process

ASKED = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}]}
STREAMED = ASKED | {"stream": True, "stream_options": {"include_usage": True}}
ROUNDS = 4
"""How often each place has its turn: what else the machine does then hits all of them alike."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """Another gateway, to be measured beside ours."""

    url: str
    """Its OpenAI-compatible address, up to `/v1`."""
    model: str = "gpt-4o"
    upstream_port: int = 0
    """Where it expects the provider."""
    pid: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """One way from the clients to the provider."""

    name: str
    address: tuple[str, int]
    path: str = "/v1/chat/completions"
    model: str = "gpt-4o"
    pid: int = 0
    is_slow: bool = False
    """It gets a twentieth of the requests."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    name: str
    connections: int
    requests: int
    is_stream: bool = False


CASES = (
    _Case(name="1 connection", connections=1, requests=10_000),
    _Case(name="8 connections", connections=8, requests=6_000),
    _Case(name="32 connections", connections=32, requests=8_000),
    _Case(name=f"1 connection, {CHUNKS} chunks", connections=1, requests=1_000, is_stream=True),
    _Case(name=f"32 connections, {CHUNKS} chunks", connections=32, requests=3_000, is_stream=True),
)


def measure(scratch: Path, smoke: bool, gateway: Gateway | None = None) -> Iterator[Figure]:
    """Latency at 1, 8 and 32 connections, throughput, streams, first bytes, CPU and memory."""
    with contextlib.ExitStack() as ends:
        upstream = _started(ends, "tests.support.proxy_load", str(gateway.upstream_port if gateway else 0))
        bare = _started(ends, "tests.benchmarks.bare_relay", str(upstream.address[1]))
        proxy = ends.enter_context(proxy_process(scratch, upstream.address[1]))
        ours = _Place(name="ours", address=proxy.address, path=CHAT, pid=proxy.process.pid)
        yield Figure("memory before anything", proxy.memory_mb(), "MB", budget="70")
        places = [upstream, bare, ours, *([_other(gateway)] if gateway else [])]
        peak, sent = 0.0, 0
        for case in CASES:
            loads = _loads(case, places, smoke)
            sent += case.connections + len(loads[2].whole)
            peak = max(peak, proxy.memory_mb())
            yield from _ours(case, *loads[:3])
            if gateway:
                yield from _others(case, loads[3], loads[0])
        yield Figure("memory after all that", peak, "MB", budget="110")
        if gateway and gateway.pid:
            yield Figure("other: memory after all that", memory_mb(gateway.pid), "MB")
        yield Figure(
            "requests without their row", sent - proxy.wait_for("SELECT count(*) FROM requests", sent), "", budget="0"
        )


def _loads(case: _Case, places: list[_Place], smoke: bool) -> list[Load]:
    loads = [Load() for _ in places]
    for turn in range(1 if smoke else ROUNDS):
        for place, load in zip(places, loads, strict=True):
            body = (STREAMED if case.is_stream else ASKED) | {"model": place.model}
            request = post(place.address, place.path, body)
            count = case.connections if smoke else case.requests // ROUNDS // (20 if place.is_slow else 1)
            if turn == 0:
                asyncio.run(ask_many(place.address, request, case.connections, case.connections, Load()))
            cpu = cpu_s(place.pid)
            asyncio.run(ask_many(place.address, request, count, case.connections, load))
            load.cpu_s += cpu_s(place.pid) - cpu
    return loads


def _ours(case: _Case, direct: Load, bare: Load, ours: Load) -> Iterator[Figure]:
    is_one = case.connections == 1 and not case.is_stream
    added, beside = ours.at(0.5) - direct.at(0.5), bare.at(0.5) - direct.at(0.5)
    yield Figure(f"{case.name}: added p50", added, "ms", beside, "bare", "1.2" if is_one else "")
    yield Figure(
        f"{case.name}: added p99",
        ours.at(0.99) - direct.at(0.99),
        "ms",
        bare.at(0.99) - direct.at(0.99),
        "bare",
        "5" if is_one else "",
    )
    if case.is_stream:
        late, beside = (
            ours.at(0.5, first=True) - direct.at(0.5, first=True),
            bare.at(0.5, first=True) - direct.at(0.5, first=True),
        )
        yield Figure(
            f"{case.name}: first byte later", late, "ms", beside, "bare", "1.8" if case.connections == 1 else ""
        )
    yield Figure(f"{case.name}: a second", ours.per_second, "/s", bare.per_second, "bare", "0.75x")
    yield Figure(f"{case.name}: CPU of one", ours.cpu_ms, "ms", bare.cpu_ms, "bare")


def _others(case: _Case, other: Load, direct: Load) -> Iterator[Figure]:
    yield Figure(f"other, {case.name}: added p50", other.at(0.5) - direct.at(0.5), "ms")
    yield Figure(f"other, {case.name}: added p99", other.at(0.99) - direct.at(0.99), "ms")
    if case.is_stream:
        yield Figure(
            f"other, {case.name}: first byte later", other.at(0.5, first=True) - direct.at(0.5, first=True), "ms"
        )
    yield Figure(f"other, {case.name}: a second", other.per_second, "/s")
    if other.cpu_s:
        yield Figure(f"other, {case.name}: CPU of one", other.cpu_ms, "ms")


def _other(gateway: Gateway) -> _Place:
    apart = urlsplit(gateway.url)
    address = (apart.hostname or "127.0.0.1", apart.port or 80)
    path = apart.path.rstrip("/") + "/chat/completions"
    return _Place(name="other", address=address, path=path, model=gateway.model, pid=gateway.pid, is_slow=True)


def _started(ends: contextlib.ExitStack, module: str, argument: str) -> _Place:
    process = subprocess.Popen([sys.executable, "-m", module, argument], stdout=subprocess.PIPE, text=True)
    ends.callback(_end, process)
    assert process.stdout is not None
    return _Place(name=module, address=("127.0.0.1", int(process.stdout.readline())), pid=process.pid)


def _end(process: "subprocess.Popen[str]") -> None:
    process.terminate()
    process.wait()
