"""Streams by the ten thousands through one proxy: memory and open files stay where they were (litellm#12685, #13805, #18367)."""

import asyncio
import statistics
import subprocess
import sys
from pathlib import Path

import pytest
from tests.support.proxy_load import Load, ask_many, post
from tests.support.proxy_process import CHAT, ProxyProcess, proxy_process

CONNECTIONS = 32
STREAMED = {
    "model": "gpt-4o",
    "messages": [{"role": "user", "content": "hi"}],
    "stream": True,
    "stream_options": {"include_usage": True},
}


def soaked(proxy: ProxyProcess, streams: int, step: int) -> tuple[list[float], list[int]]:
    """Memory in MB and open files after every step."""
    request, memory, handles = post(proxy.address, CHAT, STREAMED), [], []
    for _ in range(0, streams, step):
        asyncio.run(ask_many(proxy.address, request, step, CONNECTIONS, Load()))
        memory.append(proxy.memory_mb())
        handles.append(proxy.handles())
    return memory, handles


def slope(values: list[float]) -> float:
    """How much values grow from one to the next, by least squares."""
    return statistics.linear_regression(range(len(values)), values).slope


@pytest.mark.parametrize(
    ("streams", "step"),
    [
        pytest.param(6_000, 500, marks=pytest.mark.slow, id="6,000"),
        pytest.param(100_000, 1_000, marks=pytest.mark.big, id="100,000"),
    ],
)
def test_memory_and_open_files_do_not_grow_with_the_streams_that_passed(
    home: Path, streams: int, step: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """SQLite keeps 16 MB of pages, which are full after some 60,000 rows; from then on the slope is about zero."""
    command = [sys.executable, "-m", "tests.support.proxy_load", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as provider:
        assert provider.stdout is not None
        try:
            with proxy_process(home, int(provider.stdout.readline())) as proxy:
                memory, handles = soaked(proxy, streams, step)
                assert proxy.wait_for("SELECT count(*) FROM requests", streams) == streams
        finally:
            provider.kill()
    warm = len(memory) * 13 // 20
    growth = slope(memory[warm:]) * 1000 / step
    with capsys.disabled():
        tenths = " ".join(f"{value:.1f}" for value in memory[:: max(1, len(memory) // 10)])
        told = f"memory {tenths} {memory[-1]:.1f} MB, at the end {1000 * growth:+.1f} KB a thousand"
        print(f"\n{streams:,} streams: {told}; files {handles[0]} .. {handles[-1]}")
    # A leak of one event of a stream (200 bytes) would be 10 MB a thousand; of one request's record, 2 MB.
    assert growth < (0.5 if streams < 10_000 else 0.05)
    assert memory[-1] < 110
    assert max(handles) <= min(handles) + 2 * CONNECTIONS
    assert statistics.median(handles[warm:]) <= handles[warm] + CONNECTIONS
