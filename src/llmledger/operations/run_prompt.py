"""Run one prompt: make its row durable, send it, hand on its text as it comes, and finish the row however it ends."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from llmledger.core.address import parts_of
from llmledger.core.request import Attribution, Begun, Finished
from llmledger.core.words import Billing, Status
from llmledger.dialects import load
from llmledger.dialects._contract import BuiltRequest, Meter, Prompt, Reading, RequestFacts
from llmledger.errors import LedgerError
from llmledger.operations._destination import Destination, request_url
from llmledger.operations._failures import advised, failure_of, kind_of
from llmledger.operations.record import Ending, Opening, Recorder
from llmledger.tokenizers import TokenEstimate, estimate_tokens
from llmledger.upstream import http

ID_HEADERS = ("x-request-id", "request-id", "x-generation-id", "apim-request-id", "x-amzn-requestid")
"""Where providers name a response, besides its body."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """How a prompt is sent, for whom, and who hears of its progress."""

    patience: http.Patience
    sleep: Callable[[float], None]
    attribution: Attribution = Attribution()
    billing: Billing = Billing.API
    on_text: Callable[[str], None] = lambda _text: None
    """Gets the answer in pieces, as they come. An OSError from it, such as BrokenPipeError, cancels the request."""
    on_wait: Callable[[http.Wait], None] = lambda _wait: None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came of a prompt: its row, its text, and why it failed if it did."""

    finished: Finished
    text: str
    failure: LedgerError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A prompt in wire format, and what is known about it before it is sent."""

    built: BuiltRequest
    facts: RequestFacts
    tokens: TokenEstimate
    opening: Opening


def draft_prompt(prompt: Prompt, to: Destination, delivery: Delivery) -> Draft:
    """Put a prompt into the wire format and estimate its input, without sending or storing anything.

    Raises UsageError for what the format cannot carry.
    """
    dialect = load(to.dialect)
    built = dialect.build_request(prompt)
    facts = dialect.read_request(built.body, path=built.path)
    tokens = estimate_tokens(all_text(prompt), provider=to.provider.name, model=to.model, quickly=True)
    opening = Opening(
        provider=to.provider.name,
        model=to.model,
        source="run",
        dialect=to.dialect,
        endpoint=parts_of(request_url(to, built)).path,
        billing=delivery.billing,
        attribution=delivery.attribution,
        input_tokens=tokens.tokens,
        max_output_tokens=facts.max_output_tokens,
        price_context=facts.price_context,
    )
    return Draft(built=built, facts=facts, tokens=tokens, opening=opening)


def run_prompt(prompt: Prompt, to: Destination, recorder: Recorder, delivery: Delivery) -> Answer:
    """Run a prompt and record it; exactly one row, durable before the first byte is sent.

    A failure of the provider or the network is no exception here but a part of the answer, since the row tells of it
    too; so is Ctrl-C, as status `cancelled`. Raises StorageError when the row cannot be written, UsageError for what
    the wire format cannot carry, OSError when the text cannot be handed on (its row is written first).
    """
    draft = draft_prompt(prompt, to, delivery)
    begun = recorder.begin(draft.opening)
    course = _Course(
        started_at=begun.started_at,
        now=recorder.now,
        meter=load(to.dialect).meter(provider=to.provider.name, streamed=draft.facts.stream, asked=draft.facts),
    )
    failure: LedgerError | None = None
    try:
        _converse(course, draft, to, delivery)
        assert course.status is not None
        failure = failure_of(course.reading, course.status, to, private=_private(prompt))
    except (KeyboardInterrupt, OSError) as stop:
        finished = recorder.finish(begun, _ending(course, Status.CANCELLED, to, prompt))
        if isinstance(stop, OSError):
            raise
        return Answer(finished=finished, text=course.text)
    except LedgerError as problem:
        failure = problem
    return _concluded(course, begun, failure, recorder=recorder, to=to, prompt=prompt)


@dataclass(slots=True, kw_only=True)
class _Course:
    """What has happened to a request so far."""

    started_at: datetime
    now: Callable[[], datetime]
    meter: Meter
    attempts: int = 0
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    first_token_ms: int | None = None
    timeline: list[tuple[str, int]] = field(default_factory=list)
    pieces: list[str] = field(default_factory=list)
    _reading: Reading | None = None

    @property
    def text(self) -> str:
        return "".join(self.pieces)

    @property
    def reading(self) -> Reading:
        """What the response said; asked for when no more of it will come."""
        if self._reading is None:
            self._reading = self.meter.finish()
        return self._reading

    def mark(self, event: str) -> int:
        at = max(0, (self.now() - self.started_at) // timedelta(milliseconds=1))
        self.timeline.append((event, at))
        return at

    def attempt(self, number: int) -> None:
        self.attempts = number
        self.mark("attempt")


def _converse(course: _Course, draft: Draft, to: Destination, delivery: Delivery) -> None:
    """Send the request and feed the meter; the reader gets every piece of text before anything is stored."""

    def waits(wait: http.Wait) -> None:
        course.mark("retry")
        delivery.on_wait(wait)

    around = http.Surroundings(now=course.now, sleep=delivery.sleep, on_attempt=course.attempt, on_wait=waits)
    with http.exchange(_outgoing(draft.built, to), delivery.patience, around) as answer:
        course.status, course.headers = answer.status, answer.headers
        for chunk in (answer.peek(),) if answer.is_error else answer.chunks():
            text = course.meter.feed(chunk)
            if course.first_token_ms is None and not answer.is_error and (text or course.meter.so_far.has_output):
                course.first_token_ms = course.mark("first_token")
            if text and not answer.is_error:
                course.pieces.append(text)
                delivery.on_text(text)
    course.mark("end")


def _outgoing(built: BuiltRequest, to: Destination) -> http.Outgoing:
    headers = {"content-type": "application/json", **to.provider.headers, **built.headers}
    if to.key:
        name, value = to.provider.auth(to.key)
        headers[name] = value
    return http.Outgoing(
        url=request_url(to, built), headers=headers, body=built.body, secrets=(to.key,) if to.key else ()
    )


def _concluded(
    course: _Course, begun: Begun, failure: LedgerError | None, *, recorder: Recorder, to: Destination, prompt: Prompt
) -> Answer:
    if failure is None:
        finished = recorder.finish(begun, _ending(course, Status.COMPLETED, to, prompt))
        return Answer(finished=finished, text=course.text)
    failure = advised(failure, to)
    kind = course.reading.error_type or kind_of(failure, course.status)
    ending = _ending(course, Status.FAILED, to, prompt, error=(kind, failure.message))
    return Answer(finished=recorder.finish(begun, ending), text=course.text, failure=failure)


def _ending(
    course: _Course, status: Status, to: Destination, prompt: Prompt, *, error: tuple[str, str] | None = None
) -> Ending:
    if course.timeline and course.timeline[-1][0] != "end":
        course.mark("end")
    return Ending(
        status=status,
        reading=course.reading,
        http_status=course.status,
        error_type=error[0] if error else None,
        error_message=error[1] if error else None,
        provider_request_id=next((course.headers[name] for name in ID_HEADERS if name in course.headers), None),
        attempts=max(1, course.attempts),
        latency_ms=course.timeline[-1][1] if course.timeline else None,
        first_token_ms=course.first_token_ms,
        timeline=tuple(course.timeline),
        secrets=(to.key,) if to.key else (),
        private=_private(prompt),
    )


def all_text(prompt: Prompt) -> str:
    """All that a model reads of a prompt: the system prompt, earlier turns, and the prompt itself."""
    earlier = (text for _, text in prompt.history)
    return "\n".join(text for text in (prompt.system, *earlier, prompt.text) if text)


def _private(prompt: Prompt) -> tuple[str, ...]:
    """What no error may repeat."""
    earlier = (text for _, text in prompt.history)
    return tuple(text for text in (prompt.text, prompt.system, *earlier) if text)
