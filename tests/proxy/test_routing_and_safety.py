"""Where requests may go, and who may send them."""

from datetime import datetime

import httpx
import pytest
from tests.support.proxy import RunningProxy
from tests.support.upstream import Upstream, json_answer

from llmledger.proxy.routing import Route, Routes, Target, is_safe, split
from llmledger.proxy.safety import LOOPBACK, Guard

ADDRESSES = {
    "openai": "https://api.openai.com",
    "anthropic": "https://a",
    "gemini": "https://g",
    "ollama": "http://o/",
    "mistral": "https://m",
    "chatgpt": "https://chatgpt.com/backend-api/codex",
}


class SmallBook:
    """A price table that knows three models."""

    def canonical(self, provider: str) -> str:
        return "openai" if provider == "open-ai" else provider

    def resolve(self, provider: str, model: str, *, at: datetime | None = None) -> str | None:
        return (
            {("openai", "gpt-5"), ("anthropic", "claude-x"), ("mistral", "mistral-large")} & {(provider, model)}
            and model
        ) or None


def find(name: str) -> Target | None:
    """The providers above."""
    return Target(name, ADDRESSES[name], name == "ollama") if name in ADDRESSES else None


ROUTES = Routes(find, SmallBook())


def guessed(path: str, model: str | None = None, query: str = "", **headers: str) -> Route | None:
    """The route of a path without a provider."""
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return ROUTES.guessed(path, given, query, lambda: model)


def test_a_plan_is_another_door_to_the_same_provider() -> None:
    """Codex with a ChatGPT login: its rows are OpenAI's, as in its own log, and the address is ChatGPT's."""
    route = ROUTES.named("/chatgpt/responses")

    assert route == Route(
        provider="openai",
        url="https://chatgpt.com/backend-api/codex/responses",
        endpoint="/responses",
        dialect="openai_responses",
    )


def test_the_first_segment_names_the_provider() -> None:
    """Its address comes from the table; the rest of the path goes on."""
    route = ROUTES.named("/openai/v1/chat/completions")

    endpoint = "/v1/chat/completions"
    assert route == Route(
        provider="openai", url="https://api.openai.com" + endpoint, endpoint=endpoint, dialect="openai_chat"
    )
    assert ROUTES.named("/open-ai/v1/models") is not None
    assert ROUTES.named("/genai/v1beta/models/m:generateContent").provider == "gemini"  # type: ignore[union-attr]
    assert ROUTES.named("/ollama/api/chat") == Route(
        provider="ollama", url="http://o/api/chat", endpoint="/api/chat", dialect="ollama", is_local=True
    )
    assert ROUTES.named("/nobody/v1/x") is None


@pytest.mark.parametrize(
    ("route", "provider"),
    [
        (guessed("/v1/messages", "gpt-5"), "anthropic"),
        (guessed("/v1/models", anthropic_version="2023-06-01"), "anthropic"),
        (guessed("/v1beta/models/m:generateContent"), "gemini"),
        (guessed("/v1/x", query="key=AIza"), "gemini"),
        (guessed("/v1/x", x_goog_api_key="AIza"), "gemini"),
        (guessed("/api/chat"), "ollama"),
        (guessed("/v1/chat/completions", "gpt-5"), "openai"),
        (guessed("/v1/chat/completions", "claude-x"), "anthropic"),
        (guessed("/v1/chat/completions", "mistral-large"), "mistral"),
        (guessed("/v1/chat/completions", "unheard-of"), "openai"),
        (guessed("/v1/chat/completions"), "openai"),
        (guessed("/elsewhere"), None),
    ],
)
def test_a_path_without_a_provider_is_known_by_format_credential_or_model(
    route: Route | None, provider: str | None
) -> None:
    """What nobody knows goes to OpenAI, whose paths these are."""
    assert (route.provider if route else None) == provider


def test_prefixes_say_for_whom() -> None:
    """Project and user, in any order, for clients that cannot send headers."""
    both = split("/u/bob/p/acme/openai/v1/models")

    assert (both.path, both.words) == ("/openai/v1/models", {"project": "acme", "user": "bob"})
    assert split("/p/acme") == split("/p/acme")
    assert split("/p/acme").path == "/p/acme"


@pytest.mark.parametrize("path", ["//evil", "/openai/../x", "/openai//x", "/openai/\\x", "no", "/a\nb"])
def test_paths_that_could_mean_another_place_are_refused(path: str) -> None:
    """Nothing leads out of the address that the table names."""
    assert not is_safe(path)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"host": "127.0.0.1:4747"}, None),
        ({"host": "localhost:4747"}, None),
        ({"host": "[::1]:4747"}, None),
        ({"host": "evil.example"}, 403),
        ({"host": "evil.example:4747"}, 403),
        ({"host": "[broken"}, 403),
        ({}, 403),
        ({"host": "localhost:4747", "origin": "https://evil.example"}, 403),
        ({"host": "localhost:4747", "origin": "null"}, 403),
        ({"host": "localhost:4747", "origin": "http://localhost:3000"}, 403),
        ({"host": "localhost:4747", "origin": "http://localhost:4747"}, None),
        ({"host": "localhost:4747", "origin": "vscode-webview://x"}, None),
        ({"host": "localhost:4747", "sec-fetch-site": "cross-site"}, 403),
        ({"host": "localhost:4747", "sec-fetch-site": "same-origin"}, None),
    ],
)
def test_pages_of_strangers_cannot_make_the_proxy_spend(headers: dict[str, str], status: int | None) -> None:
    """Foreign hosts (DNS rebinding) and foreign origins are refused before anything else happens."""
    refusal = Guard(LOOPBACK).refusal([], headers)

    assert (refusal.status if refusal else None) == status


def test_an_access_key_is_wanted_where_one_is_set() -> None:
    """Compared in constant time, wrong or absent alike."""
    guard = Guard(frozenset(), access_key="secret")

    assert guard.refusal([], {"x-llmledger-key": "secret"}) is None
    assert guard.refusal([], {"x-llmledger-key": "sécret"}).status == 401  # type: ignore[union-attr]
    assert guard.refusal([], {}).status == 401  # type: ignore[union-attr]


def test_floods_of_headers_are_refused() -> None:
    """By number and by size."""
    guard = Guard(frozenset())

    assert guard.refusal([(b"a", b"b")] * 201, {}).status == 431  # type: ignore[union-attr]
    assert guard.refusal([(b"a", b"b" * 70_000)], {}).status == 431  # type: ignore[union-attr]


def test_refusals_happen_over_the_wire(proxy: RunningProxy, upstream: Upstream) -> None:
    """Nothing reaches the provider, nothing is recorded."""
    upstream.answers(json_answer({}))
    url = proxy.url + "/openai/v1/chat/completions"

    assert httpx.post(url, json={}, headers={"origin": "https://evil.example"}).status_code == 403
    assert httpx.post(url, json={}, headers={"host": "evil.example"}).status_code == 403
    assert httpx.get(url, headers={"upgrade": "websocket", "connection": "upgrade"}).status_code == 426
    assert httpx.post(proxy.url + "/nobody/v1/x", json={}).status_code == 404
    assert httpx.get(proxy.url + "/healthz").json()["status"] == "ok"
    assert upstream.received == []
    assert proxy.rows(0) == []


def test_a_request_that_could_cost_more_than_its_limit_is_not_sent(proxy: RunningProxy, upstream: Upstream) -> None:
    """402, no row; what has no bound can promise no limit."""
    upstream.answers(json_answer({}))
    url = proxy.url + "/openai/v1/chat/completions"
    body = {"model": "gpt-4o", "max_tokens": 1000, "messages": [{"role": "user", "content": "x" * 4000}]}

    # 1000 tokens out at $10 per 1M are a cent; the input comes on top.
    assert httpx.post(url, json=body, headers={"x-llmledger-max-cost": "0.005"}).status_code == 402
    assert httpx.post(url, json={"model": "gpt-4o"}, headers={"x-llmledger-max-cost": "1"}).status_code == 402
    assert httpx.post(url, json=body, headers={"x-llmledger-max-cost": "much"}).status_code == 402
    assert upstream.received == []
    assert httpx.post(url, json=body, headers={"x-llmledger-max-cost": "$0.05"}).status_code == 200
    assert len(proxy.rows(1)) == 1


def test_a_limit_of_nothing_lets_free_models_pass(proxy: RunningProxy, upstream: Upstream) -> None:
    """Free is a stated zero, so it needs no bound of its output; what is unpriced is no zero."""
    upstream.answers(json_answer({}))
    nothing = {"x-llmledger-max-cost": "0"}
    said = [{"role": "user", "content": "hello"}]
    free, unpriced = ({"model": name, "messages": said} for name in ("qwen3:8b", "unheard-of"))

    assert httpx.post(proxy.url + "/ollama/api/chat", json=free, headers=nothing).status_code == 200
    assert httpx.post(proxy.url + "/openai/v1/chat/completions", json=unpriced, headers=nothing).status_code == 402
    assert [request.path for request in upstream.received] == ["/ollama/api/chat"]


def test_v1_paths_find_their_provider_over_the_wire(proxy: RunningProxy, upstream: Upstream) -> None:
    """A client that knows one base URL reaches several providers."""
    upstream.answers(json_answer({}))

    httpx.post(proxy.url + "/v1/messages", json={"model": "claude-sonnet-4-5"})
    httpx.post(proxy.url + "/v1/chat/completions", json={"model": "gpt-4o"})

    assert [request.path for request in upstream.received] == ["/anthropic/v1/messages", "/openai/v1/chat/completions"]
