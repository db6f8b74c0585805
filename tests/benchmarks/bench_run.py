"""How long `run` takes from the shell to the first byte at the provider, as a multiple of a bare interpreter."""

import os
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from tests.benchmarks._figure import Figure

BODY = (
    b'{"id":"x","model":"gpt-5-mini","choices":[{"index":0,"finish_reason":"stop","message":{"content":"hi"}}],'
    b'"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}'
)
ANSWER = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: %d\r\n\r\n%b" % (len(BODY), BODY)


def measure(scratch: Path, smoke: bool) -> Iterator[Figure]:
    """Medians over rounds in which the bare interpreter and `run` take turns."""
    environ = {**os.environ, "HOME": str(scratch), "LLMLEDGER_HOME": str(scratch / "run"), "OPENAI_API_KEY": "sk-x"}
    seen: list[float] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=_serve, args=(listening, seen), daemon=True).start()
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        run = [
            sys.executable,
            "-m",
            "llmledger",
            "run",
            "-m",
            "openai/gpt-5-mini",
            "--base-url",
            url,
            "--no-stream",
            "hi",
        ]
        bare, first, whole = [], [], []
        for _ in range(1 if smoke else 15):
            began = time.perf_counter()
            subprocess.run([sys.executable, "-c", "pass"], check=True)
            bare.append(time.perf_counter() - began)
            began = time.perf_counter()
            subprocess.run(run, env=environ, stdin=subprocess.DEVNULL, capture_output=True, check=True)
            whole.append(time.perf_counter() - began)
            first.append(seen[-1] - began)
    reference = statistics.median(bare) * 1000
    yield Figure("run: first upstream byte", statistics.median(first) * 1000, "ms", reference, "python -c pass", "25x")
    yield Figure("run: whole, instant answer", statistics.median(whole) * 1000, "ms", reference, "python -c pass")


def _serve(listening: socket.socket, seen: list[float]) -> None:
    while True:
        try:
            connection, _ = listening.accept()
        except OSError:
            return
        with connection:
            connection.recv(1)
            seen.append(time.perf_counter())
            connection.recv(65536)
            connection.sendall(ANSWER)
