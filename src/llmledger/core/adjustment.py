"""Corrections: what a request counts, where it counts, and the appended entries that change either.

A row of the ledger never changes. A correction is a pair of entries: one takes away what counted until now, in the
place where it counted, and one adds what counts from now on. Their sum is the difference, in every dimension.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from llmledger.core.cost import Component
from llmledger.core.request import Attribution, Begun, Charged, Finished
from llmledger.core.usage import Usage
from llmledger.core.words import Billing, CostSource, Status, UsageQuality, is_estimated


class Kind(StrEnum):
    """Why an entry was appended. Cost is the rows and all kinds but `reconcile`; charged has those too."""

    REPRICE = "reprice"
    """Another price table was applied."""
    LATE = "late"
    """The end arrived after the row was written: closed as interrupted, or answered before the response was made."""
    SNAPSHOT = "snapshot"
    """A later and fuller record of the same request was imported."""
    DUPLICATE = "duplicate"
    """The same request was recorded by a better witness."""
    ASSIGN = "assign"
    """A person said for whom it was."""
    RECONCILE = "reconcile"
    """An invoice said otherwise; undoing it is a reconcile entry too."""
    REVERSAL = "reversal"
    """The half of a correction that takes away what counted before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measures:
    """Everything about a request that reports sum, signed; negative in what takes away."""

    requests: int = 0
    failed: int = 0
    unpriced: int = 0
    estimated: int = 0
    untold: int = 0
    usage: Usage = Usage()
    cost_nanousd: int = 0
    components: tuple[Component, ...] = ()
    """What the cost is made of; empty when it was not computed."""

    def __neg__(self) -> "Measures":
        """The same, taken away."""
        usage = Usage(**{name: -quantity for name, quantity in self.usage.told().items()})  # type: ignore[arg-type]
        components = tuple(Component(part.unit, -part.quantity, -part.nanousd) for part in self.components)
        return Measures(
            requests=-self.requests,
            failed=-self.failed,
            unpriced=-self.unpriced,
            estimated=-self.estimated,
            untold=-self.untold,
            usage=usage,
            cost_nanousd=-self.cost_nanousd,
            components=components,
        )

    def __add__(self, other: "Measures") -> "Measures":
        """The sum, measure by measure; components are added unit by unit and those that cancel out are dropped."""
        return Measures(
            requests=self.requests + other.requests,
            failed=self.failed + other.failed,
            unpriced=self.unpriced + other.unpriced,
            estimated=self.estimated + other.estimated,
            untold=self.untold + other.untold,
            usage=self.usage + other.usage,
            cost_nanousd=self.cost_nanousd + other.cost_nanousd,
            components=_added(self.components, other.components),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a request counts: its value in every dimension that reports group by."""

    provider: str
    model: str
    attribution: Attribution
    source: str
    dialect: str
    endpoint: str
    status: Status
    billing: Billing
    cost_source: CostSource
    usage_quality: UsageQuality


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a response said about itself, kept beside its usage."""

    served_model: str | None = None
    http_status: int | None = None
    error_type: str | None = None
    finish_reason: str | None = None
    price_context: Mapping[str, str] = field(default_factory=dict)
    flags: tuple[str, ...] = ()
    unpriced_units: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Adjustment:
    """One appended entry. The same `cause` is never booked twice."""

    kind: Kind
    cause: str
    """Why exactly once: `late:<request id>`, `reprice:<request id>:<price version>` ..."""
    effective_at: datetime
    """The time it counts at: the request's start."""
    booked_at: datetime
    reason: str
    """One sentence for people."""
    place: Place
    measures: Measures
    request_id: bytes | None = None
    """The request that it corrects; None for a whole day of an invoice."""
    answer: Answer | None = None
    provider_request_id: str | None = None
    price_version: str | None = None
    rate_id: str | None = None
    rate: Mapping[str, object] | None = None
    detail: Mapping[str, object] = field(default_factory=dict)
    """What else is known and has no measure of its own: `latency_ms`, `raw_usage`, evidence."""
    after: int | None = None
    """The highest adjustment of the request that the author knew (0: none); a higher one forbids the booking."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How a request stands now: its row with all corrections applied but reconcile's."""

    request_id: bytes
    started_at: datetime
    place: Place
    measures: Measures
    last_adjustment: int = 0
    """The highest adjustment that is in it; 0 when the row stands as it was written."""


def measures_of(finished: Finished) -> Measures:
    """What one request counts when its row is written."""
    usage, charged = finished.usage, finished.charged
    return Measures(
        requests=1,
        failed=int(finished.status in (Status.FAILED, Status.INTERRUPTED)),
        unpriced=int(charged.cost_nanousd is None),
        estimated=int(is_estimated(finished.usage_quality, charged.cost_source)),
        untold=int(usage.input_tokens is None and usage.output_tokens is None),
        usage=usage,
        cost_nanousd=charged.cost_nanousd or 0,
        components=charged.components,
    )


def place_of(finished: Finished) -> Place:
    """Where one request counts when its row is written."""
    begun = finished.begun
    return Place(
        provider=begun.provider,
        model=begun.model,
        attribution=begun.attribution,
        source=begun.source,
        dialect=begun.dialect,
        endpoint=begun.endpoint,
        status=finished.status,
        billing=begun.billing,
        cost_source=finished.charged.cost_source,
        usage_quality=finished.usage_quality,
    )


def answer_of(finished: Finished) -> Answer:
    """What the response of one request said about itself."""
    return Answer(
        served_model=finished.served_model,
        http_status=finished.http_status,
        error_type=finished.error_type,
        finish_reason=finished.finish_reason,
        price_context=finished.price_context,
        flags=finished.flags,
        unpriced_units=finished.charged.unpriced_units,
    )


def standing_of(finished: Finished) -> Standing:
    """How a request stands that nothing has corrected yet."""
    begun = finished.begun
    return Standing(
        request_id=begun.request_id,
        started_at=begun.started_at,
        place=place_of(finished),
        measures=measures_of(finished),
    )


def reversal(standing: Standing, *, kind: Kind, cause: str, reason: str, booked_at: datetime) -> Adjustment:
    """The entry that takes away all that a request counts now, where it counts now."""
    return Adjustment(
        kind=kind,
        cause=cause,
        effective_at=standing.started_at,
        booked_at=booked_at,
        reason=reason,
        place=standing.place,
        measures=-standing.measures,
        request_id=standing.request_id,
        after=standing.last_adjustment,
    )


def move(standing: Standing, new: Adjustment) -> tuple[Adjustment, Adjustment]:
    """The pair that lets a request count as `new` says instead of how it stands; to be booked together.

    The reversal's cause is the new entry's with `/reversal` behind it. Both are only booked if nothing else has
    corrected the request since it was read.
    """
    gone = reversal(
        standing,
        kind=Kind.REVERSAL,
        cause=f"{new.cause}/reversal",
        reason=new.reason,
        booked_at=new.booked_at,
    )
    return gone, replace(new, request_id=standing.request_id, effective_at=standing.started_at, after=None)


def interrupted(begun: Begun) -> Finished:
    """The end of a request whose process died: the lower bound of its cost counts, the upper bound stands beside it."""
    estimate = begun.estimate
    low, tokens = estimate.low_nanousd, estimate.input_tokens
    is_itemised = low is not None and tokens is not None
    return Finished(
        begun=begun,
        status=Status.INTERRUPTED,
        usage=Usage(input_tokens=tokens),
        usage_quality=UsageQuality.MISSING if tokens is None else UsageQuality.ESTIMATED,
        charged=Charged(
            cost_nanousd=low,
            cost_source=CostSource.NONE if low is None else CostSource.COMPUTED,
            cost_high_nanousd=estimate.high_nanousd,
            computed_nanousd=low,
            components=(Component("input_tokens", tokens, low),) if is_itemised else (),  # type: ignore[arg-type]
            price_version=begun.price_version,
        ),
        price_context=begun.price_context,
        flags=("interrupted",),
    )


def _added(left: tuple[Component, ...], right: tuple[Component, ...]) -> tuple[Component, ...]:
    if not left or not right:
        return left or right
    sums: dict[str, Component] = {}
    for part in (*left, *right):
        before = sums.get(part.unit, Component(part.unit, 0, 0))
        sums[part.unit] = Component(part.unit, before.quantity + part.quantity, before.nanousd + part.nanousd)
    return tuple(part for part in sums.values() if part.quantity or part.nanousd)
