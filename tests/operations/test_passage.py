"""What is seen of a request on the wire, and the ending of its row."""

from dataclasses import replace

from llmledger.core.words import Status, UsageQuality
from llmledger.dialects._contract import RequestFacts
from llmledger.operations.passage import Passage, flagged
from llmledger.operations.wire import Place

CHAT = Place(provider="openai", endpoint="/v1/chat/completions", dialect="openai_chat")
ASKED = {"headers": {"authorization": "Bearer sk-0123456789"}, "query": "", "body": b'{"model": "gpt-5"}'}


def a_passage(*times: float) -> Passage:
    """One that is looked at at these seconds."""
    return Passage(CHAT, iter(times).__next__)


def test_an_answer_is_read_and_timed_from_the_start() -> None:
    """A stream's first bytes have a time of their own; a whole answer's are its end."""
    passage = a_passage(10.0, 10.5, 12.0)
    passage.facts = RequestFacts(stream=True)
    passage.answer(200, [(b"x-request-id", b"req-1")], None)
    passage.first_ms = passage.elapsed_ms()
    assert passage.meter is not None
    passage.meter.feed(b'data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4}}\n\ndata: [DONE]\n\n')

    ending = passage.ending(Status.COMPLETED, None, **ASKED)  # type: ignore[arg-type]

    assert (ending.first_token_ms, ending.latency_ms) == (500, 2000)
    assert (ending.http_status, ending.provider_request_id) == (200, "req-1")
    assert (ending.reading.usage.output_tokens, ending.reading.quality) == (4, UsageQuality.EXACT)
    assert (ending.secrets, ending.private) == ((), ())


def test_a_request_without_an_answer_has_an_ending_too() -> None:
    """Nothing was seen, and nothing is made up."""
    ending = a_passage(1.0, 1.0).ending(Status.FAILED, "connect", **ASKED)  # type: ignore[arg-type]

    assert (ending.status, ending.error_type, ending.http_status) == (Status.FAILED, "connect", None)
    assert ending.reading.quality is UsageQuality.MISSING


def test_an_error_comes_with_what_it_must_not_repeat() -> None:
    """The key and the texts of the request, so that the row's message can be kept without them."""
    passage = a_passage(1.0, 2.0)
    passage.answer(401, [], None)
    assert passage.meter is not None
    passage.meter.feed(b'{"error": {"message": "no such key", "type": "auth"}}')

    ending = passage.ending(Status.FAILED, None, **ASKED)  # type: ignore[arg-type]

    assert "sk-0123456789" in ending.secrets
    assert flagged(ending, "odd") == replace(ending, reading=replace(ending.reading, flags=("odd",)))
