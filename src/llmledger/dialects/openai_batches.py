"""OpenAI's batches: a file of requests, done within a day for half the price; the batch itself tells what all used.

Source: https://platform.openai.com/docs/api-reference/batch/object
"""

from llmledger.core.usage import Usage
from llmledger.dialects._contract import Meter, RequestFacts
from llmledger.dialects._metering import Draft, FoldMeter
from llmledger.dialects._openai_usage import take_usage
from llmledger.dialects._request import read_body, session, tags
from llmledger.dialects._values import Json, count, mapping, name, objects

SUMMARY = "OpenAI batches"
PATHS = ("/v1/batches", "/v1/batches/*", "/v1/batches/*/cancel", "/openai/batches", "/openai/batches/*")

_TERMINAL = frozenset({"completed", "expired", "cancelled", "failed"})


def read_request(body: bytes, *, path: str = "") -> RequestFacts:
    """Read a request body. Model and prompts lie in a file that was uploaded before."""
    said = read_body(body)
    metadata = mapping(said.get("metadata"))
    return RequestFacts(
        user=name(metadata.get("user_id")),
        session=session(said),
        tags=tags(metadata),
        price_context={"processing": "batch"},
        usage_asked=True,
    )


def meter(*, provider: str = "", streamed: bool | None = None, asked: RequestFacts | None = None) -> Meter:
    """A meter for one batch object, as creating and fetching answer with it."""
    return FoldMeter(_Batch(provider))


class _Batch:
    """Folds a batch object: it runs for hours, and its usage is final when it has ended, however it ended."""

    def __init__(self, provider: str) -> None:
        self.draft = Draft(context={"processing": "batch"})
        self._provider = provider

    def take(self, message: Json, event: str) -> str:
        draft = self.draft
        if message.get("error"):
            draft.fail(message["error"])
        draft.response_id = name(message.get("id")) or draft.response_id
        draft.model = name(message.get("model")) or draft.model
        draft.finish_reason = name(message.get("status"), bound=64)
        if draft.finish_reason in _TERMINAL:
            self._end(message)
        return ""

    def _end(self, batch: Json) -> None:
        draft = self.draft
        draft.is_complete = True
        usage = mapping(batch.get("usage"))
        if usage:
            take_usage(draft, usage, provider=self._provider)
        if draft.finish_reason == "failed":
            draft.fail(next(iter(objects(mapping(batch.get("errors")).get("data"))), {"type": "failed"}))
        if not draft.usage.is_told and count(mapping(batch.get("request_counts")).get("completed"), draft.flags) == 0:
            draft.flags.add("no_request_completed")
            draft.usage = Usage(input_tokens=0, output_tokens=0)
        draft.is_final = draft.usage.is_told

    def mark(self, data: bytes) -> None:
        """No event of this format is without JSON."""

    def end(self) -> None:
        """The object has said everything."""
