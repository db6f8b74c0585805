"""For whom a request is, in every way in which clients of this and other gateways say it; what of it goes on upstream."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.support.proxy import RunningProxy, running_proxy
from tests.support.upstream import Upstream, json_answer

from llmledger.config import MapRule
from llmledger.core.request import Attribution

CHAT = "/openai/v1/chat/completions"
TRACE = "0af7651916cd43dd8448eb211c80319c"

NAMED = [
    *[(f"x-llmledger-{name}", "v", name) for name in ("client", "user", "team", "project", "operation", "app")],
    *[(f"x-llmledger-{name}", "v", name) for name in ("host", "session", "branch")],
    ("helicone-user-id", "v", "user"),
    ("x-litellm-customer-id", "v", "user"),
    ("x-litellm-end-user-id", "v", "user"),
    ("x-langwatch-end-user-id", "v", "user"),
    ("langfuse_trace_user_id", "v", "user"),
    ("x-portkey-metadata", '{"_user": "v"}', "user"),
    ("x-portkey-metadata", "{'_user': 'v'}", "user"),
    ("cf-aig-metadata", '{"userId": "v"}', "user"),
    ("helicone-session-id", "v", "session"),
    ("x-litellm-trace-id", "v", "session"),
    ("x-portkey-trace-id", "v", "session"),
    ("x-langwatch-thread-id", "v", "session"),
    ("langfuse_trace_id", "v", "session"),
    ("helicone-request-id", "v", "client_request_id"),
    ("x-litellm-call-id", "v", "client_request_id"),
]
GO_ON = [
    ("x-request-id", "v", "client_request_id", "v"),
    ("idempotency-key", "v", "client_request_id", "v"),
    ("x-client-request-id", "v", "client_request_id", "v"),
    ("traceparent", f"00-{TRACE}-b7ad6b7169203331-01", "session", TRACE),
    ("http-referer", "https://acme.example", "app", "https://acme.example"),
    ("x-title", "Acme", "app", "Acme"),
    ("x-openrouter-title", "Acme", "app", "Acme"),
    ("user-agent", "tool/1.2", "app", "tool"),
]
TAGGED = [
    ("x-llmledger-tags", "a=1,b", {"a": "1", "b": ""}),
    ("x-llmledger-tag-a", "1", {"a": "1"}),
    ("x-litellm-tags", "a, b=2", {"a": "", "b": "2"}),
    ("helicone-property-plan", "pro", {"plan": "pro"}),
    ("helicone-session-name", "Trip", {"session_name": "Trip"}),
    ("helicone-session-path", "/a/b", {"session_path": "/a/b"}),
    ("x-bf-dim-region", "eu", {"region": "eu"}),
    ("x-bf-lh-lane", "fast", {"lane": "fast"}),
    ("x-portkey-metadata", '{"env": "prod"}', {"env": "prod"}),
    ("cf-aig-metadata", '{"env": "prod", "n": 3}', {"env": "prod", "n": "3"}),
    ("x-langwatch-metadata", '{"env": "prod"}', {"env": "prod"}),
    ("x-litellm-spend-logs-metadata", '{"env": "prod"}', {"env": "prod"}),
    ("langfuse_trace_metadata", '{"env": "prod"}', {"env": "prod"}),
]


def told(proxy: RunningProxy, upstream: Upstream, headers: dict[str, str], path: str = CHAT) -> tuple[Any, Any]:
    """The row of a request with these headers, and what the provider got of it."""
    upstream.answers(json_answer({}))
    httpx.post(proxy.url + path, json={"model": "gpt-5-mini"}, headers=headers)
    return proxy.rows()[0], upstream.received[0]


@pytest.mark.parametrize(("name", "value", "column"), NAMED)
def test_a_header_for_a_gateway_is_read_and_ends_here(
    proxy: RunningProxy, upstream: Upstream, name: str, value: str, column: str
) -> None:
    """Ours, and those that other gateways taught their clients."""
    row, got = told(proxy, upstream, {name: value})

    assert (row[column], name in got.headers) == ("v", False)


@pytest.mark.parametrize(("name", "value", "column", "read"), GO_ON)
def test_a_header_of_everybody_is_read_and_goes_on(
    proxy: RunningProxy, upstream: Upstream, name: str, value: str, column: str, read: str
) -> None:
    """Traces, ids and names of apps mean something to providers too."""
    row, got = told(proxy, upstream, {name: value})

    assert (row[column], got.headers[name]) == (read, value)


@pytest.mark.parametrize(("name", "value", "tags"), TAGGED)
def test_a_header_with_tags_is_read_and_ends_here(
    proxy: RunningProxy, upstream: Upstream, name: str, value: str, tags: dict[str, str]
) -> None:
    """Lists, prefixes and JSON objects."""
    row, got = told(proxy, upstream, {name: value})

    assert (json.loads(row["tags"]), name in got.headers) == (tags, False)


@pytest.mark.parametrize(
    "name", ["authorization", "x-api-key", "x-goog-api-key", "api-key", "x-litellm-api-key", "x-bf-vk", "otari-key"]
)
def test_a_key_is_named_by_its_last_four_wherever_it_stands(proxy: RunningProxy, upstream: Upstream, name: str) -> None:
    """A provider's key goes on, a gateway's ends here; of neither is more kept."""
    row, got = told(proxy, upstream, {name: "abcdefghijklmnopqrstWXYZ"})

    assert row["key"].endswith("…WXYZ") and len(row["key"]) == 13
    assert (name in got.headers) == (name in {"authorization", "x-api-key", "x-goog-api-key", "api-key"})


@pytest.mark.parametrize("name", ["tracestate", "baggage", "x-b3-traceid", "x-cloud-trace-context", "openai-beta"])
def test_what_is_not_for_us_goes_on_untouched(proxy: RunningProxy, upstream: Upstream, name: str) -> None:
    """Tracing above all."""
    assert told(proxy, upstream, {name: "a=b; c"})[1].headers[name] == "a=b; c"


def test_paths_say_it_for_clients_that_cannot_send_headers(proxy: RunningProxy, upstream: Upstream) -> None:
    """Project and user, escaped as in any path; a header says it better."""
    row, got = told(proxy, upstream, {"x-llmledger-user": "ann"}, "/p/Acme%20Ltd/u/bob" + CHAT)

    assert (row["project"], row["user"]) == ("Acme Ltd", "ann")
    assert got.path == CHAT


def test_a_path_counts_more_than_the_settings_and_a_rule_less(tmp_path: Path, upstream: Upstream) -> None:
    """`connect --project` writes the path; what the settings say is for those who say nothing."""
    rules = (MapRule(matches={"key": "*WXYZ"}, gives={"client": "Acme Ltd", "project": "ruled"}),)
    settings = Attribution(project="default", team="core")
    key = {"authorization": "Bearer abcdefghijklmnopqrstWXYZ"}
    with running_proxy(tmp_path, upstream, attribution=settings, rules=rules) as proxy:
        row, _ = told(proxy, upstream, key, "/p/named" + CHAT)
        told(proxy, upstream, key)
        _, other = proxy.rows(2)

    assert (row["project"], row["team"], row["client"]) == ("named", "core", "Acme Ltd")
    assert (other["project"], other["client"]) == ("default", "Acme Ltd")


@pytest.mark.parametrize(
    ("path", "headers", "billing"),
    [
        ("/anthropic/v1/messages", {"x-api-key": "sk-ant-api03-0123456789"}, "api"),
        ("/anthropic/v1/messages", {"authorization": "Bearer sk-ant-oat01-0123456789"}, "subscription"),
        ("/openai/v1/responses", {"authorization": "Bearer sk-proj-0123456789"}, "api"),
        ("/openai/v1/responses", {"authorization": "Bearer eyJh.x.y", "chatgpt-account-id": "a1"}, "subscription"),
        ("/gemini/v1beta/models/gemini-3-pro:generateContent?key=AIza0123456789", {}, "api"),
        ("/ollama/api/chat", {}, "local"),
        ("/openai/v1/responses", {}, "unknown"),
    ],
)
def test_who_pays_is_known_from_the_kind_of_credential(
    proxy: RunningProxy, upstream: Upstream, path: str, headers: dict[str, str], billing: str
) -> None:
    """A key of the API, the sign-in of a subscription, a model on this machine, or nobody knows."""
    assert told(proxy, upstream, headers, path)[0]["billing"] == billing
