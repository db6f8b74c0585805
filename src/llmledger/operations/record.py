"""Record: the one way into the ledger. A request is durable before it is sent, and priced when it has ended."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Protocol

from llmledger.core.redaction import redact
from llmledger.core.request import Attribution, Begun, Estimate, Finished, SoFar
from llmledger.core.words import Billing, Status, UsageQuality
from llmledger.dialects._contract import Reading
from llmledger.operations.charge import Outcomes, Prices, estimate, settle


class Store(Protocol):
    """What recording needs of a ledger."""

    def begin(self, begun: Begun) -> bool:
        """Make a begun request durable; False when the user chose to go on without a ledger that cannot be written."""

    def finish(self, finished: Finished) -> bool:
        """Replace a begun request by its row; False when the row was there already."""

    def record(self, finished: Finished) -> bool:
        """Write a row that was never begun; False when it was seen before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """What a caller knows of a request before it is sent."""

    provider: str
    model: str
    source: str
    dialect: str = "none"
    endpoint: str = ""
    billing: Billing = Billing.UNKNOWN
    attribution: Attribution = Attribution()
    client_request_id: str | None = None
    input_tokens: int | None = None
    """Estimated."""
    max_output_tokens: int | None = None
    price_context: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """What a caller knows of a request when it has ended."""

    status: Status
    reading: Reading = Reading()
    http_status: int | None = None
    error_type: str | None = None
    error_message: str | None = None
    """Raw: what is secret or private is removed here, before anything is stored."""
    provider_request_id: str | None = None
    """From a header; the response body's own id wins."""
    attempts: int = 1
    cache_hit: bool = False
    latency_ms: int | None = None
    """None: measured from the recorder's clock."""
    first_token_ms: int | None = None
    timeline: tuple[tuple[str, int], ...] = ()
    secrets: tuple[str, ...] = ()
    private: tuple[str, ...] = ()
    """Prompt text, so that an error which echoes it can be kept without it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorder:
    """Begins and finishes requests in one ledger, priced by one table, by one clock."""

    store: Store
    prices: Prices
    now: Callable[[], datetime]
    new_id: Callable[[datetime], bytes]

    def begin(self, opening: Opening) -> Begun:
        """Make a request durable before its first byte goes upstream; raises StorageError when that is impossible."""
        begun = self.draft(opening, started_at=self.now())
        self.store.begin(begun)
        return begun

    def draft(self, opening: Opening, *, started_at: datetime) -> Begun:
        """Describe a request that starts at a given time, with the bounds of its cost, without storing anything."""
        begun = Begun(
            request_id=self.new_id(started_at),
            started_at=started_at,
            provider=opening.provider,
            model=opening.model,
            source=opening.source,
            dialect=opening.dialect,
            endpoint=opening.endpoint,
            billing=opening.billing,
            attribution=opening.attribution,
            client_request_id=opening.client_request_id,
            estimate=Estimate(input_tokens=opening.input_tokens, max_output_tokens=opening.max_output_tokens),
            price_version=self.prices.version,
            price_context=opening.price_context,
        )
        return replace(begun, estimate=estimate(begun, self.prices))

    def finish(self, begun: Begun, ending: Ending) -> Finished:
        """Price a request that has ended and make its row durable; answers with the row."""
        finished = self.settle(begun, ending)
        self.store.finish(finished)
        return finished

    def record(
        self, opening: Opening, ending: Ending, *, started_at: datetime, source_key: str | None = None
    ) -> Finished | None:
        """Write the row of a request that others already made; None when its source key was recorded before."""
        begun = self.draft(opening, started_at=started_at)
        finished = replace(self.settle(begun, ending), source_key=source_key)
        return finished if self.store.record(finished) else None

    def so_far(self, begun: Begun, reading: Reading) -> SoFar:
        """What a request would count if it broke off now."""
        settled = settle(Outcomes(begun=begun, reading=reading, status=Status.CANCELLED), self.prices)
        return SoFar(
            input_tokens=settled.usage.input_tokens,
            output_tokens=settled.usage.output_tokens,
            cost_nanousd=settled.charged.cost_nanousd,
            is_estimated=settled.quality is not UsageQuality.EXACT,
        )

    def settle(self, begun: Begun, ending: Ending) -> Finished:
        """Work out the row of a request that has ended, without storing it."""
        reading = ending.reading
        error_type = ending.error_type or reading.error_type
        settled = settle(
            Outcomes(
                begun=begun,
                reading=reading,
                status=ending.status,
                http_status=ending.http_status,
                error_type=error_type,
                cache_hit=ending.cache_hit,
            ),
            self.prices,
        )
        message = ending.error_message or reading.error_message
        latency_ms = ending.latency_ms
        if latency_ms is None:
            latency_ms = max(0, (self.now() - begun.started_at) // timedelta(milliseconds=1))
        return Finished(
            begun=begun,
            status=ending.status,
            usage=settled.usage,
            usage_quality=settled.quality,
            charged=settled.charged,
            served_model=reading.model if reading.model != begun.model else None,
            http_status=ending.http_status,
            error_type=error_type,
            error_message=redact(message, secrets=ending.secrets, private=ending.private) if message else None,
            provider_request_id=reading.response_id or ending.provider_request_id,
            attempts=ending.attempts,
            cache_hit=ending.cache_hit,
            latency_ms=latency_ms,
            first_token_ms=ending.first_token_ms,
            timeline=ending.timeline,
            finish_reason=reading.finish_reason,
            raw_usage=reading.raw_usage,
            price_context=settled.context,
            parts=settled.parts,
            flags=settled.flags,
        )
