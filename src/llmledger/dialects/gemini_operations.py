"""Google's long-running operations: batches at half the price, and videos, which are billed by the second.

Sources: https://ai.google.dev/api/batch-api, https://ai.google.dev/gemini-api/docs/video
"""

import re
from urllib.parse import unquote

from llmledger.core.usage import Usage
from llmledger.dialects._contract import AS_ORDERED, Meter, RequestFacts
from llmledger.dialects._gemini_usage import read_usage
from llmledger.dialects._metering import Draft, FoldMeter
from llmledger.dialects._request import read_body
from llmledger.dialects._values import Flags, Json, count, mapping, name, objects

SUMMARY = "Google operations (Gemini batches and videos)"
PATHS = (
    "/models/*:batchGenerateContent",
    "/v1beta/batches/*",
    "/models/*:predictLongRunning",
    "/models/*:fetchPredictOperation",
    "/models/*/operations/*",
)

USUAL_SECONDS = 8
"""The length of a video whose request names none. Source: https://ai.google.dev/gemini-api/docs/video"""


def read_request(body: bytes, *, path: str = "") -> RequestFacts:
    """Read a request body; this format names the model in the path. Of a video, the seconds are ordered by the request."""
    said = read_body(body)
    model = re.search(r"models/([^/:?]+)", unquote(path))
    if ":predictLongRunning" not in path:
        return RequestFacts(model=model[1] if model else None, price_context={"processing": "batch"}, usage_asked=True)
    wanted, flags = mapping(said.get("parameters")), Flags()
    seconds = count(wanted.get("durationSeconds"), flags) or USUAL_SECONDS
    samples = count(wanted.get("sampleCount"), flags) or 1
    resolution = name(wanted.get("resolution"), bound=64)
    return RequestFacts(
        model=model[1] if model else None,
        price_context={"resolution": resolution.lower()} if resolution else {},
        usage_asked=True,
        ordered=Usage(video_seconds=seconds * samples),
    )


def meter(*, provider: str = "", streamed: bool | None = None, asked: RequestFacts | None = None) -> Meter:
    """A meter for one operation; `asked` tells what was ordered, when this answers the order."""
    return FoldMeter(_Operation(asked.ordered if asked is not None else Usage()))


class _Operation:
    """Folds an operation, which says nothing of its use until it is done."""

    def __init__(self, ordered: Usage) -> None:
        self.draft = Draft()
        self._ordered = ordered

    def take(self, message: Json, event: str) -> str:
        draft = self.draft
        metadata = mapping(message.get("metadata"))
        if "name" in message:
            draft.response_id, draft.usage = name(message["name"]), self._ordered
        model = name(metadata.get("model"))
        draft.model = model.rpartition("/")[2] if model else draft.model
        draft.finish_reason = name(metadata.get("state"), bound=64)
        if message.get("error"):
            draft.fail(message["error"])
        if message.get("done") is True:
            draft.is_complete = True
            self._done(mapping(message.get("response")), is_batch="model" in metadata)
        return ""

    def mark(self, data: bytes) -> None:
        """No event of this format is without JSON."""

    def end(self) -> None:
        """The operation has said everything."""

    def _done(self, response: Json, *, is_batch: bool) -> None:
        draft = self.draft
        results = objects(mapping(response.get("inlinedResponses")).get("inlinedResponses"))
        if draft.error_type is not None:
            # A batch that fails as a whole, or a video that was not made, is not billed.
            draft.usage = Usage(input_tokens=0, output_tokens=0) if is_batch else Usage(video_seconds=0)
        elif results:
            draft.context["processing"] = "batch"
            usages = [mapping(mapping(one.get("response")).get("usageMetadata")) for one in results]
            draft.usage = sum((read_usage(one, draft.flags) for one in usages), Usage(input_tokens=0, output_tokens=0))
            draft.raw = {"results": len(results), "succeeded": sum(bool(one) for one in usages)}
        elif not is_batch:
            self._video(mapping(response.get("generateVideoResponse")) or response)
        draft.is_final = draft.usage.is_told

    def _video(self, response: Json) -> None:
        """All that was ordered, or nothing: how long the rest is when some were held back, nobody says."""
        made = objects(response.get("generatedSamples")) or objects(response.get("videos"))
        held_back = count(response.get("raiMediaFilteredCount"), self.draft.flags)
        if made and not held_back:
            self.draft.flags.add(AS_ORDERED)
        elif held_back and not made:
            self.draft.usage = Usage(video_seconds=0)
            self.draft.finish_reason = "filtered"
