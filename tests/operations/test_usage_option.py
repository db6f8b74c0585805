"""The one change to a request, and the chunk that it brings."""

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmledger.dialects import load
from llmledger.operations.usage_option import UsageHider, with_usage_asked

EVENTS = [
    b'data: {"choices":[{"delta":{"content":"Four"}}],"usage":null}\n\n',
    b": comment\r\n\r\n",
    b'data: {"choices":[],"prompt_filter_results":[],"usage":null}\n\n',
    b'data: {"choices":[],"usage":{"prompt_tokens":1}}\n\n',
    b"data: [DONE]\n\n",
    b'data: {"choices": [broken, "usage"\n\n',
]
SHOWN = b"".join(event for event in EVENTS if b'"prompt_tokens"' not in event)


def asked(body: bytes, dialect: str | None = "openai_chat", provider: str = "openai") -> bytes | None:
    """The changed body, or None."""
    return with_usage_asked(body, load("openai_chat").read_request(body), dialect=dialect, provider=provider)


def test_the_option_is_added_and_every_other_byte_stays() -> None:
    """Odd spacing and numbers are kept as they came."""
    body = b' { "stream" : true, "temperature": 1e0}'

    assert asked(body) == b' {"stream_options":{"include_usage":true}, "stream" : true, "temperature": 1e0}'


def test_other_options_of_the_stream_stay() -> None:
    """Keys that we do not know are kept beside ours; null counts as nothing said."""
    body = b'{"stream":true,"stream_options":{"include_obfuscation":false},"x":"\xc3\xa9"}'

    assert json.loads(asked(body) or b"") == {
        "stream": True,
        "stream_options": {"include_obfuscation": False, "include_usage": True},
        "x": "é",
    }
    assert json.loads(asked(b'{"stream":true,"stream_options":null}') or b"")["stream_options"] == {
        "include_usage": True
    }


@pytest.mark.parametrize(
    ("body", "changed"),
    [
        (
            b'{"temperature": 1e0, "stream_options" : { "odd":1.50 } ,"stream":true}',
            b'{"temperature": 1e0, "stream_options" : {"include_usage":true, "odd":1.50 } ,"stream":true}',
        ),
        (b'{"stream":true,"stream_options":{ }}', b'{"stream":true,"stream_options":{"include_usage":true }}'),
        (b'{"stream":true,"stream_options":null}', b'{"stream":true,"stream_options":{"include_usage":true}}'),
        (
            b'{"stream":true,"tools":[{"stream_options":{"x":1}}]}',
            b'{"stream_options":{"include_usage":true},"stream":true,"tools":[{"stream_options":{"x":1}}]}',
        ),
        (
            b'{"stream":true,"tools":[{"stream_options":{}}],"stream_options":{"x":1}}',
            b'{"stream":true,"tools":[{"stream_options":{}}],"stream_options":{"include_usage":true,"x":1}}',
        ),
    ],
)
def test_beside_other_options_every_other_byte_stays_too(body: bytes, changed: bytes) -> None:
    """apfel#100: unknown options, spacing and numbers as they came; the name deeper in the body means nothing."""
    assert asked(body) == changed


@pytest.mark.parametrize(
    ("body", "dialect", "provider"),
    [
        (b'{"stream":false}', "openai_chat", "openai"),
        (b"{}", "openai_chat", "openai"),
        (b'{"stream":true,"stream_options":{"include_usage":false}}', "openai_chat", "openai"),
        (b'{"stream":true,"stream_options":{"include_usage":true}}', "openai_chat", "openai"),
        (b'{"stream":true,"stream_options":5}', "openai_chat", "openai"),
        (b'{"stream":true,"stream_options":{', "openai_chat", "openai"),
        (b'{"stream":true}', "openai_responses", "openai"),
        (b'{"stream":true}', None, "openai"),
        (b'{"stream":true}', "openai_chat", "mistral"),
        (b'{"stream":true}', "openai_chat", "openrouter"),
    ],
)
def test_nothing_is_added_where_nothing_is_needed(body: bytes, dialect: str | None, provider: str) -> None:
    """smg#2339, 9router#3081: not without a stream, not against an explicit word, not where usage comes anyway."""
    assert asked(body, dialect, provider) is None


@given(st.lists(st.integers(0, len(b"".join(EVENTS))), max_size=8))
def test_only_the_chunk_that_we_asked_for_is_hidden(cuts: list[int]) -> None:
    """However the stream is cut, every other byte passes, in order."""
    whole = b"".join(EVENTS)
    edges = [0, *sorted(cuts), len(whole)]
    hider = UsageHider()
    got = b"".join(hider.feed(whole[start:end]) for start, end in pairwise(edges)) + hider.rest()

    assert got == SHOWN


def test_the_last_chunk_is_hidden_although_its_blank_line_is_missing() -> None:
    """And a piece that is something else is passed on at the end."""
    hidden, passed = UsageHider(), UsageHider()
    hidden.feed(EVENTS[3].rstrip())
    passed.feed(b'data: {"cho')

    assert (hidden.rest(), passed.rest()) == (b"", b'data: {"cho')


def test_what_is_too_large_for_an_event_passes_as_it_is() -> None:
    """Memory stays bounded."""
    hider = UsageHider()
    large = b"x" * 70_000

    assert hider.feed(large) == large
    assert hider.feed(EVENTS[3]) == EVENTS[3]
    assert hider.rest() == b""
