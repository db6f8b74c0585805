"""Speech to text and text to speech, as OpenAI and its imitators serve them.

Source: https://platform.openai.com/docs/api-reference/audio
"""

import re

from llmledger.core.usage import Usage
from llmledger.dialects._contract import Meter, RequestFacts
from llmledger.dialects._metering import Draft, FoldMeter
from llmledger.dialects._openai_usage import read_usage
from llmledger.dialects._request import characters, read_body
from llmledger.dialects._values import Json, decimal, mapping, name, raw_usage, string

SUMMARY = "OpenAI speech and transcription"
PATHS = ("/audio/transcriptions", "/audio/translations", "/audio/speech")

_FORM_FIELD = re.compile(rb'name="(model|stream)"(?:\r?\n[^\r\n]+)*\r?\n\r?\n([^\r\n]{1,200})')


def read_request(body: bytes, *, path: str = "") -> RequestFacts:
    """Read a request body: JSON for speech, a multipart form for transcription."""
    if path.rstrip("/").endswith("/speech"):
        said = read_body(body)
        return RequestFacts(model=name(said.get("model")), input_characters=characters(said.get("input")))
    fields = {found[1].decode(): found[2].decode("utf-8", "replace") for found in _FORM_FIELD.finditer(body)}
    return RequestFacts(model=name(fields.get("model")), stream=fields.get("stream") == "true", usage_asked=True)


def meter(*, provider: str = "", streamed: bool | None = None, asked: RequestFacts | None = None) -> Meter:
    """A meter for one response. Speech comes as sound without any usage: its characters are those of the request."""
    return FoldMeter(_Audio(provider, asked or RequestFacts()))


class _Audio:
    """Folds a transcript, or the events of a streamed one; of speech it knows only what was asked."""

    def __init__(self, provider: str, asked: RequestFacts) -> None:
        self.draft = Draft()
        self._provider = provider
        self._spoken = asked.input_characters

    def take(self, message: Json, event: str) -> str:
        draft = self.draft
        if message.get("error"):
            draft.fail(message["error"])
            return ""
        if message.get("type") == "transcript.text.delta":
            return draft.saw(string(message.get("delta")))
        if usage := mapping(message.get("usage")):
            self._usage(usage)
        elif (seconds := decimal(message.get("duration"))) is not None:
            draft.usage, draft.raw = Usage(audio_seconds=seconds), raw_usage({"duration": message["duration"]})
        draft.is_complete, draft.is_final = True, draft.usage.is_told
        text = string(message.get("text"))
        return draft.saw(text) if message.get("type") != "transcript.text.done" else ""

    def mark(self, data: bytes) -> None:
        """No event of this format is without JSON."""

    def end(self) -> None:
        if self._spoken and not self.draft.usage.is_told and self.draft.error_type is None:
            self.draft.flags.add("characters_from_request")
            self.draft.usage = Usage(characters=self._spoken)
            self.draft.is_complete = self.draft.is_final = self.draft.has_output = True

    def _usage(self, usage: Json) -> None:
        self.draft.raw = raw_usage(usage)
        if usage.get("type") == "duration":
            self.draft.usage = Usage(audio_seconds=decimal(usage.get("seconds")))
        else:
            self.draft.usage = read_usage(usage, self.draft.flags, provider=self._provider)
