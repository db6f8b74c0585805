"""A real model behind the proxy: three wire formats of one llama.cpp server, whole and streamed."""

from pathlib import Path

import httpx
import pytest
from tests.support.proxy import running_proxy
from tests.support.upstream import Upstream

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
