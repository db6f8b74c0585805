"""Anthropic's message batches: many messages, done within a day for half the price; their results tell what each used.

Source: https://docs.anthropic.com/en/api/retrieving-message-batch-results
"""

from llmledger.core.usage import Usage
from llmledger.dialects._anthropic_usage import read_iterations, read_usage
from llmledger.dialects._contract import Meter, MeteredPart, RequestFacts
from llmledger.dialects._metering import Draft, FoldMeter
from llmledger.dialects._request import characters, read_body
from llmledger.dialects._values import Json, count, mapping, name, objects

SUMMARY = "Anthropic message batches"
PATHS = (
    "/messages/batches",
    "/messages/batches/*",
    "/messages/batches/*/cancel",
    "/messages/batches/*/results",
)


def read_request(body: bytes, *, path: str = "") -> RequestFacts:
    """Read a request body; the model is told where all messages ask the same one."""
    asked = [mapping(one.get("params")) for one in objects(read_body(body).get("requests"))]
    models = {name(one.get("model")) for one in asked}
    return RequestFacts(
        model=models.pop() if len(models) == 1 else None,
        price_context={"processing": "batch"},
        usage_asked=True,
        input_characters=sum(characters(one.get("messages"), one.get("system"), one.get("tools")) for one in asked),
    )


def meter(*, provider: str = "", streamed: bool | None = None, asked: RequestFacts | None = None) -> Meter:
    """A meter for a batch object, or for the lines of its results."""
    return FoldMeter(_Batch())


class _Batch:
    """Folds results line by line: their sum is the usage of the batch, if the answer was read to its end.

    Nothing in the lines says that one is the last, so the sum is never called exact here.
    """

    def __init__(self) -> None:
        self.draft = Draft(context={"processing": "batch"})
        self._by_model: dict[str, Usage] = {}
        self._results = 0
        self._succeeded = 0

    def take(self, message: Json, event: str) -> str:
        draft = self.draft
        if message.get("type") == "message_batch":
            self._batch(message)
        elif message.get("error"):
            draft.fail(message["error"])
        elif "result" in message:
            self._result(mapping(message["result"]))
        return ""

    def mark(self, data: bytes) -> None:
        """No line of this format is without JSON."""

    def end(self) -> None:
        draft = self.draft
        if not self._results:
            return
        draft.is_complete = True
        draft.raw = {"results": self._results, "succeeded": self._succeeded}
        draft.usage = sum(self._by_model.values(), Usage(input_tokens=0, output_tokens=0))
        draft.model = next(iter(self._by_model), None)
        if len(self._by_model) > 1:
            draft.flags.add("several_models")
            draft.parts = tuple(MeteredPart(model=model, usage=usage) for model, usage in self._by_model.items())

    def _batch(self, batch: Json) -> None:
        draft = self.draft
        draft.response_id = name(batch.get("id")) or draft.response_id
        draft.finish_reason = name(batch.get("processing_status"), bound=64)
        succeeded = count(mapping(batch.get("request_counts")).get("succeeded"), draft.flags)
        if draft.finish_reason == "ended" and succeeded == 0:
            # What failed, expired or was cancelled is not billed.
            draft.flags.add("no_request_completed")
            draft.usage = Usage(input_tokens=0, output_tokens=0)
            draft.is_complete = draft.is_final = True

    def _result(self, result: Json) -> None:
        self._results += 1
        message = mapping(result.get("message"))
        if result.get("type") != "succeeded":
            return
        self._succeeded += 1
        told, flags = mapping(message.get("usage")), self.draft.flags
        model = name(message.get("model")) or ""
        usage, parts = read_iterations(told, read_usage(told, flags), model, flags)
        for part in parts or (MeteredPart(model=model, usage=usage),):
            self._by_model[part.model] = self._by_model.get(part.model, Usage()) + part.usage
        for key in ("speed", "inference_geo"):
            if (said := name(told.get(key), bound=64)) not in {None, "not_available"}:
                self.draft.context[key] = str(said)
