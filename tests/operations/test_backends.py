"""The model servers of this machine: where they are, and what they have."""

from datetime import UTC, datetime

import pytest
from tests.support.upstream import Upstream, json_answer, stream_answer

from llmledger.errors import ConfigError
from llmledger.operations.backends import address, look, look_at_all, start_hint
from llmledger.pricebook.provider import Provider

OLLAMA = Provider(
    name="ollama",
    title="Ollama",
    local=True,
    base_url="http://127.0.0.1:11434",
    default_port=11434,
    address_variable="OLLAMA_HOST",
)
VLLM = Provider(name="vllm", title="vLLM", local=True)


def now() -> datetime:
    return datetime(2026, 11, 21, tzinfo=UTC)


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ("", "http://127.0.0.1:11434"),
        ("gpu-box", "http://gpu-box:11434"),
        ("gpu-box:9000", "http://gpu-box:9000"),
        (":9000", "http://127.0.0.1:9000"),
        ("0.0.0.0", "http://127.0.0.1:11434"),
        ("0.0.0.0:9000", "http://127.0.0.1:9000"),
        ("[::1]:9000", "http://[::1]:9000"),
        ("http://gpu-box", "http://gpu-box:80"),
        ("https://gpu-box/ollama/", "https://gpu-box:443/ollama"),
    ],
)
def test_an_address_variable_may_be_as_short_as_ollama_takes_it(told: str, expected: str) -> None:
    """What OLLAMA_HOST may be, in every form; an address to listen on is none to call."""
    assert address(OLLAMA, {"OLLAMA_HOST": told}) == expected


def test_the_settings_win_over_the_variable() -> None:
    """And a provider without either has no address."""
    assert address(OLLAMA, {"OLLAMA_HOST": "other"}, "http://here") == "http://here"
    assert address(VLLM, {}) is None


def test_what_is_no_such_server_is_told_apart(upstream: Upstream) -> None:
    """Another program on the port, an error, or nonsense: it does not answer as it should."""
    upstream.answers(
        stream_answer([b"<html>"]), json_answer({}, 404), json_answer([1]), json_answer({"data": [{"id": 1}, 2]})
    )

    found = [look(VLLM, upstream.url, now=now) for _ in range(4)]

    assert [one.answers for one in found] == [False, False, True, True]
    assert [one.models for one in found] == [(), (), (), ()]


def test_several_are_asked_at_once_and_answer_in_order(upstream: Upstream) -> None:
    """One that is down does not stop the others."""
    upstream.answers(json_answer({"data": [{"id": "a"}]}))

    up, down = look_at_all(
        {"vllm": VLLM, "ollama": OLLAMA}, {"vllm": upstream.url, "ollama": "http://127.0.0.1:9"}, now=now
    )

    assert (up.answers, up.models, up.default_model) == (True, ("a",), "a")
    assert (down.answers, down.default_model) == (False, None)
    assert look_at_all({}, {}, now=now) == []


def test_what_starts_a_server_is_said() -> None:
    """Its command, its variable, and the way without it."""
    assert start_hint(OLLAMA) == (
        "Start it: ollama serve (or tell where it is: OLLAMA_HOST). "
        "Without it there is -m local/smollm2, which runs inside this program."
    )
    assert start_hint(Provider(name="own", title="Own")).startswith("Start it. Without it")


@pytest.mark.parametrize("told", ["[::1", "host:99999", "http://[::1:11434"])
def test_a_variable_that_holds_no_address_is_told(told: str) -> None:
    """In one line that names it, and not as a fault of the program."""
    with pytest.raises(ConfigError, match="OLLAMA_HOST"):
        address(OLLAMA, {"OLLAMA_HOST": told})
