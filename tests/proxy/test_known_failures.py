"""How other gateways lost and doubled records (their public issues are named), each tried at ours.

More of section "durability": killed and stopped under load, and without a ledger, in test_crash.py (litellm#34820, #35531,
#38157, #34805, #40949, #38193); memory over 100,000 streams in test_soak.py (litellm#12685, #13805, #18367, #6404).
"""

import asyncio
import json
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.support.counted_load import CountingProvider, Load
from tests.support.proxy import RunningProxy
from tests.support.proxy_process import CHAT, proxy_process
from tests.support.upstream import Answer, Received, Upstream, json_answer

USAGE = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}

BAD_TEXTS = {
    "nul": "a\x00b",
    "lone surrogate": "a\ud800b",
    "right to left": "\u202e\u05e9\u05dc\u05d5\u05dd",
    "long": "x" * 1_000_000,
    "controls": "\x1b[31m\x07\x7f",
}


@pytest.mark.parametrize("text", BAD_TEXTS.values(), ids=BAD_TEXTS)
def test_text_that_cannot_be_stored_as_it_is_costs_nobody_a_row(
    proxy: RunningProxy, upstream: Upstream, text: str
) -> None:
    """litellm#21290, #15519, #31705: in model, user, tags and error, sent by client or provider; neighbours are written."""
    says = {"id": text, "model": text, "usage": USAGE, "error": {"type": text, "message": text}, "choices": []}
    upstream.replies(lambda asked: json_answer(says, 400) if b'"metadata"' in asked.body else json_answer(says))
    body = {"model": text, "user": text, "messages": [{"role": "user", "content": text}]}
    plain = {"model": "gpt-5-mini", "messages": []}

    for sent in (plain, body, body | {"metadata": {text[:60]: text[:400], "user_id": text}}, plain):
        answer = httpx.post(proxy.url + CHAT, content=json.dumps(sent), timeout=60)
        assert answer.status_code in {200, 400}

    rows = proxy.rows(4)
    assert len(rows) == 4
    assert [row["http_status"] for row in rows] == [200, 200, 400, 200]
    assert all(len(str(row["model"])) <= 300 and len(str(row["error_message"])) <= 3000 for row in rows)
    assert proxy.troubles == []
    assert proxy.inflight() == 0


def test_repeated_and_missing_ids_of_provider_and_client_are_a_row_each(
    proxy: RunningProxy, upstream: Upstream
) -> None:
    """litellm#28376, #39749, #35563, #6633: ids of others are attributes, never keys; a hundred requests, a hundred rows."""
    ids = iter(["chatcmpl-1", None, "None", ""] * 25)
    upstream.replies(lambda _: json_answer({"id": next(ids), "model": "gpt-5-mini", "usage": USAGE, "choices": []}))
    headers = {"x-request-id": "the-same", "idempotency-key": "the-same"}

    with httpx.Client() as client:
        for _ in range(100):
            client.post(proxy.url + CHAT, json={"model": "gpt-5-mini"}, headers=headers)

    rows = proxy.rows(100)
    assert len(rows) == len({row["request_id"] for row in rows}) == 100
    assert {row["client_request_id"] for row in rows} == {"the-same"}
    assert [row["provider_request_id"] for row in rows].count("chatcmpl-1") == 25
    assert sum(row["output_tokens"] for row in rows) == 500


def test_the_same_idempotency_key_in_flight_twice_is_two_requests_and_two_rows(
    proxy: RunningProxy, upstream: Upstream
) -> None:
    """Both went upstream, where the provider decides; both may be billed."""
    upstream.answers(json_answer({"id": "chatcmpl-1", "model": "gpt-5-mini", "usage": USAGE, "choices": []}))

    async def ask_twice() -> list[int]:
        async with httpx.AsyncClient() as client:
            both = [
                client.post(proxy.url + CHAT, json={"model": "gpt-5-mini"}, headers={"idempotency-key": "one"})
                for _ in range(2)
            ]
            return [answer.status_code for answer in await asyncio.gather(*both)]

    assert asyncio.run(ask_twice()) == [200, 200]
    assert len(proxy.rows(2)) == len(upstream.received) == 2


def test_an_answer_that_nobody_foresaw_leaves_a_row_and_reaches_the_client(
    proxy: RunningProxy, upstream: Upstream
) -> None:
    """litellm#36426, langfuse's worker (llmgateway 2025-06): whatever happens while a row is made, it is made."""
    deep = b'{"usage": ' + b'{"x":' * 3000 + b"1" + b"}" * 3001
    bodies = iter([deep, b'{"usage": {"prompt_tokens": 1e400, "completion_tokens": -5}}', b"\xff" * 100, b"[]", b""])

    def reply(_: Received) -> Answer:
        return Answer(200, {"content-type": "application/json"}, (next(bodies),))

    upstream.replies(reply)
    got = [httpx.post(proxy.url + CHAT, json={"model": "gpt-5-mini"}).content for _ in range(5)]

    assert got[0] == deep
    rows = proxy.rows(5)
    assert len(rows) == 5
    assert all((row["output_tokens"] or 0) >= 0 for row in rows)
    assert proxy.troubles == []


def test_two_proxies_on_one_ledger_lose_nothing_to_each_other(home: Path) -> None:
    """litellm#6895, #27989: no increments, no deadlocks; each request of both has its row, and nobody was refused."""

    async def ask_both() -> tuple[Any, int]:
        async with CountingProvider() as provider:
            with ExitStack() as ends:
                proxies = [ends.enter_context(proxy_process(home, provider.port)) for _ in range(2)]
                loads = [Load(proxy.url + CHAT, f"proxy {number}") for number, proxy in enumerate(proxies)]
                running = asyncio.gather(*(load.run(8) for load in loads))
                provider.on_moment = lambda _: (
                    provider.asked.total() > 200 and [setattr(load, "is_stopped", True) for load in loads]
                )
                await running
                counted = provider.asked.total()
                found = await asyncio.to_thread(proxies[0].wait_for, "SELECT count(*) FROM requests", counted)
                assert [load.broken for load in loads] == [0, 0]
                assert {*loads[0].statuses, *loads[1].statuses} == {200}
                names = proxies[0].rows("SELECT count(DISTINCT client_request_id) FROM requests_v1")
                assert names == [(counted,)]
                return counted, found

    counted, found = asyncio.run(ask_both())
    assert found == counted > 200
