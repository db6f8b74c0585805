"""The closed sets of words that rows, reports and flags share: how a request ended, who pays, how well it is known."""

from enum import StrEnum


class Status(StrEnum):
    """How a request ended."""

    COMPLETED = "completed"
    """Also when it was drained after the client had left."""
    FAILED = "failed"
    """By the provider or the network, also by an error after HTTP 200."""
    CANCELLED = "cancelled"
    """By the user, or by the abort policy."""
    INTERRUPTED = "interrupted"
    """Our own process died; only bounds of the cost are known."""


class Billing(StrEnum):
    """Who pays, and how. Subscription use has a value, but it is no money spent."""

    API = "api"
    SUBSCRIPTION = "subscription"
    LOCAL = "local"
    UNKNOWN = "unknown"


class UsageQuality(StrEnum):
    """How well the usage is known."""

    EXACT = "exact"
    PARTIAL = "partial"
    ESTIMATED = "estimated"
    MISSING = "missing"


class Outcome(StrEnum):
    """The four things a price can be; never merged."""

    PRICED = "priced"
    FREE = "free"
    """An explicit zero: the rate says that this costs nothing."""
    UNPRICED = "unpriced"
    """Unknown. The cost is None, never 0."""
    PARTIAL = "partial"
    """A cost is known, but a reported unit had no price at all; it is listed."""


class CostSource(StrEnum):
    """Where a request's cost comes from."""

    COMPUTED = "computed"
    """Our price table."""
    REPORTED = "reported"
    """The provider stated it in the response; ours is kept beside it."""
    CACHE = "cache"
    """Answered from a cache of ours: 0."""
    NOT_BILLED = "not_billed"
    """Rejected before inference: 0."""
    DEFAULT = "default"
    """An opt-in default price of the provider; an estimate."""
    NONE = "none"
    """Unpriced."""


def is_estimated(quality: UsageQuality, source: CostSource) -> bool:
    """Whether a request counts as estimated: its usage was not fully told, or a default price stood in."""
    return quality in (UsageQuality.ESTIMATED, UsageQuality.PARTIAL) or source is CostSource.DEFAULT
