"""What a running stream has used is visible to other processes while it runs, and gone when it has ended."""

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import httpx
from tests.support.proxy import RunningProxy, until
from tests.support.upstream import DEADLINE, Upstream, Wait, stream_answer

from llmledger.core.request import SoFar
from llmledger.ledger import open_reader

FIXTURES = Path(__file__).parents[1] / "fixtures" / "dialects"


def so_far(proxy: RunningProxy) -> list[SoFar | None]:
    """What another process sees."""
    with open_reader(proxy.ledger.path) as reader:
        return [running.so_far for running in reader.running()]


def test_tokens_and_cost_of_a_running_stream_are_visible(proxy: RunningProxy, upstream: Upstream) -> None:
    """After its first words: what the provider said of the input, what was counted of the output, and their price."""
    data = (FIXTURES / "anthropic_messages/streamed.sse").read_bytes()
    cut, go_on = data.index(b"cents"), threading.Event()
    first = data[: data.index(b"\n\n", cut) + 2]
    upstream.answers(stream_answer([first, Wait(go_on), data[len(first) :]]))
    url, body = proxy.url + "/anthropic/v1/messages", {"model": "claude-sonnet-4-5", "stream": True}
    client = threading.Thread(target=lambda: httpx.post(url, json=body, timeout=60))
    client.start()
    until(lambda: any(so_far(proxy)))

    (seen,) = so_far(proxy)
    # 25 in at $3; `Four cents.` is 11 characters, so 3 tokens out at $15 per 1M: 75 + 45 millionths.
    assert seen == SoFar(input_tokens=25, output_tokens=3, cost_nanousd=120_000, is_estimated=True)
    go_on.set()
    client.join(DEADLINE)
    assert proxy.rows()[0]["output_tokens"] == 15
    until(lambda: not list(proxy.ledger.path.parent.glob("owners/*.progress")))


def test_the_pieces_of_a_stream_cost_no_write_each(proxy: RunningProxy, upstream: Upstream) -> None:
    """A thousand pieces: the ledger is written twice, for the begin and the finish."""
    data = (FIXTURES / "anthropic_messages/streamed.sse").read_bytes()
    upstream.answers(stream_answer([b": ping\n\n"] * 1000 + [data]))

    with closing(sqlite3.connect(proxy.ledger.path)) as connection:

        def commits() -> int:
            return int(connection.execute("PRAGMA data_version").fetchone()[0])

        before = commits()
        httpx.post(
            proxy.url + "/anthropic/v1/messages", json={"model": "claude-sonnet-4-5", "stream": True}, timeout=60
        )
        proxy.rows()
        assert commits() - before <= 2
