"""Embeddings, as OpenAI and its imitators serve them.

Source: https://platform.openai.com/docs/api-reference/embeddings
"""

from typing import Any

from llmledger.dialects._contract import BuiltRequest, Meter, Prompt, RequestFacts
from llmledger.dialects._metering import Draft, FoldMeter
from llmledger.dialects._openai_usage import take_usage
from llmledger.dialects._request import characters, dump_body, read_body
from llmledger.dialects._values import Json, mapping, name
from llmledger.errors import UsageError

SUMMARY = "OpenAI embeddings"
PATHS = ("/embeddings",)

BODY_BOUND = 1024 * 1024
"""A batch of vectors is tens of megabytes, and its usage stands at one end."""


def read_request(body: bytes, *, path: str = "") -> RequestFacts:
    """Read a request body."""
    said = read_body(body)
    return RequestFacts(
        model=name(said.get("model")), user=name(said.get("user")), input_characters=characters(said.get("input"))
    )


def build_request(prompt: Prompt) -> BuiltRequest:
    """Ask for the embedding of a text."""
    if prompt.attachments or prompt.system or prompt.history:
        raise UsageError(
            "an embedding is made of one text", hint="Leave out the system prompt, attachments and earlier turns."
        )
    body: dict[str, Any] = {"model": prompt.model, "input": prompt.text, **prompt.options}
    return BuiltRequest(path="/v1/embeddings", body=dump_body(body))


def meter(*, provider: str = "", streamed: bool | None = None, asked: RequestFacts | None = None) -> Meter:
    """A meter for one response."""
    return FoldMeter(_Embeddings(provider), bound=BODY_BOUND)


class _Embeddings:
    """Folds a list of vectors: only its usage matters. There is no output to bill."""

    def __init__(self, provider: str) -> None:
        self.draft = Draft()
        self._provider = provider

    def take(self, message: Json, event: str) -> str:
        draft = self.draft
        draft.model = name(message.get("model")) or draft.model
        draft.response_id = name(message.get("id")) or draft.response_id
        if message.get("error"):
            draft.fail(message["error"])
        draft.is_complete = True
        if usage := mapping(message.get("usage")):
            take_usage(draft, usage, provider=self._provider)
            draft.is_final = draft.usage.is_told
        return ""

    def mark(self, data: bytes) -> None:
        """Embeddings are never streamed."""

    def end(self) -> None:
        """The one body has said everything."""
