"""Clients that leave after any number of pieces, in every format and under both policies: one row, never less than seen."""

import re
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.support.proxy import RunningProxy, running_proxy, until
from tests.support.upstream import Upstream, Wait, stream_answer

from llmledger.core.money import usd_text
from llmledger.core.usage import Usage
from llmledger.dialects import load
from llmledger.dialects._contract import Reading
from llmledger.pricebook import load as load_prices
from llmledger.pricebook import packaged_folder

FIXTURES = Path(__file__).parents[1] / "fixtures" / "dialects"
STREAMS = {
    "openai_chat/streamed.sse": ("/openai/v1/chat/completions", "openai/gpt-5-mini"),
    "openai_responses/streamed.sse": ("/openai/v1/responses", "openai/gpt-5"),
    "anthropic_messages/streamed.sse": ("/anthropic/v1/messages", "anthropic/claude-sonnet-4-5"),
    "gemini/streamed.sse": (
        "/gemini/v1beta/models/gemini-3-pro:streamGenerateContent?alt=sse",
        "gemini/gemini-3-pro",
    ),
    "gemini/streamed_array.json": (
        "/gemini/v1beta/models/gemini-3-pro:streamGenerateContent",
        "gemini/gemini-3-pro",
    ),
    "ollama/streamed.ndjson": ("/ollama/api/chat", "ollama/qwen3:8b"),
}
streams = pytest.mark.parametrize("name", STREAMS)


def pieces_of(name: str) -> list[bytes]:
    """A capture in the pieces in which a provider sends it."""
    ends = {"sse": rb"(?<=\n\n)", "ndjson": rb"(?<=\n)", "json": rb"(?<=,\n)"}[name.rpartition(".")[2]]
    return [piece for piece in re.split(ends, (FIXTURES / name).read_bytes()) if piece]


def moments(count: int) -> list[int]:
    """After how many pieces a client leaves: none, one, two, half of them, all but one."""
    return sorted({0, 1, 2, count // 2, count - 1} & set(range(count)))


def seen(name: str, pieces: list[bytes]) -> Reading:
    """What these pieces say."""
    meter = load(name.partition("/")[0]).meter()
    for piece in pieces:
        meter.feed(piece)
    return meter.so_far


def leave_after(proxy: RunningProxy, upstream: Upstream, name: str, count: int, *, goes_on: bool) -> dict[str, Any]:
    """Ask for a stream, leave when so many pieces have come, let the provider go on or not; the row of it."""
    path, model = STREAMS[name]
    pieces, is_gone, before = pieces_of(name), threading.Event(), len(proxy.rows(0))
    upstream.replies(lambda _: stream_answer([*pieces[:count], Wait(is_gone), *pieces[count:]]))
    body = {"model": model.partition("/")[2], "stream": True, "stream_options": {"include_usage": True}}
    wanted, got = sum(map(len, pieces[:count])), 0
    with httpx.stream("POST", proxy.url + path, json=body) as answer:
        chunks = answer.iter_raw()
        while got < wanted:
            got += len(next(chunks))
    if goes_on:
        is_gone.set()
    rows = proxy.rows(before + 1)
    is_gone.set()
    assert len(rows) == before + 1
    return rows[-1]


def price(name: str, row: dict[str, Any]) -> str | None:
    """What the tokens of a row cost by the table, as the model asked for."""
    provider, _, model = STREAMS[name][1].partition("/")
    names = ("input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens", "reasoning_tokens")
    usage = Usage(**{unit: row[unit] for unit in names})
    cost = load_prices([packaged_folder()]).price(provider, model, usage, at=datetime.now(UTC), context={})
    return usd_text(cost.nanousd)


@streams
def test_after_any_piece_the_provider_is_heard_out_for_the_true_usage(
    proxy: RunningProxy, upstream: Upstream, name: str
) -> None:
    """litellm#14457, litellm#39893: no row at all, one token, the cost of a placeholder; here, what is billed."""
    pieces = pieces_of(name)
    whole = seen(name, pieces)

    for count in moments(len(pieces)):
        row = leave_after(proxy, upstream, name, count, goes_on=True)
        assert (row["status"], row["usage_quality"]) == ("completed", "exact"), count
        assert (row["input_tokens"], row["output_tokens"]) == (whole.usage.input_tokens, whole.usage.output_tokens)
    until(lambda: proxy.inflight() == 0)


@streams
def test_after_any_piece_the_provider_can_be_stopped_and_the_row_has_what_was_seen(
    tmp_path: Path, upstream: Upstream, name: str
) -> None:
    """bifrost#4575: 806 pieces delivered and one token logged; here, never less than was delivered, at its price."""
    pieces = pieces_of(name)
    with running_proxy(tmp_path, upstream, on_disconnect="abort") as proxy:
        for count in moments(len(pieces)):
            row = leave_after(proxy, upstream, name, count, goes_on=False)
            reading = seen(name, pieces[:count])
            tokens = max(-(-reading.output_characters // 4), reading.usage.output_tokens or 0)
            if reading.is_complete:
                assert (row["status"], row["error_type"]) == ("completed", None), count
            else:
                assert (row["status"], row["error_type"]) == ("cancelled", "client_gone"), count
                assert row["usage_quality"] != "exact" or reading.usage.is_told
            assert (row["output_tokens"] or 0) >= tokens, count
            assert row["cost_usd"] == price(name, row) or row["output_tokens"] is row["input_tokens"] is None
        until(lambda: proxy.inflight() == 0)


def test_a_client_that_stops_at_done_has_had_everything(tmp_path: Path, upstream: Upstream) -> None:
    """Most clients close at `[DONE]`, before the connection ends: that is completed, also under `abort`."""
    name, never = "openai_chat/streamed.sse", threading.Event()
    pieces = pieces_of(name)
    with running_proxy(tmp_path, upstream, on_disconnect="abort") as proxy:
        upstream.answers(stream_answer([*pieces, Wait(never)]))
        body = {"model": "gpt-5-mini", "stream": True, "stream_options": {"include_usage": True}}
        with httpx.stream("POST", proxy.url + STREAMS[name][0], json=body) as answer:
            chunks, got = answer.iter_raw(), b""
            while not got.endswith(b"data: [DONE]\n\n"):
                got += next(chunks)
        (row,) = proxy.rows()
        never.set()

    assert (row["status"], row["error_type"], row["usage_quality"]) == ("completed", None, "exact")
