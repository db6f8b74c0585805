"""The record of one request: what is known when it begins, and what is known when it has ended.

`run`, the proxy, the Python API and the importers all describe a request with these values, and hand them to
`operations.record`, the one way into the ledger. Times are aware UTC; durations are whole milliseconds.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime

from llmledger.core.cost import Component
from llmledger.core.usage import Usage
from llmledger.core.words import Billing, CostSource, Status, UsageQuality


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribution:
    """For whom, by what and from where a request was made. None is unknown."""

    client: str | None = None
    user: str | None = None
    team: str | None = None
    project: str | None = None
    operation: str | None = None
    app: str | None = None
    key: str | None = None
    """Fingerprint of the API key: keyed hash and last four characters, never the key."""
    host: str | None = None
    session: str | None = None
    branch: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)

    def over(self, beneath: "Attribution") -> "Attribution":
        """What this one says, and what it leaves open as another does; of a tag that both have, this one's counts."""
        missing = {one.name: getattr(beneath, one.name) for one in fields(self) if getattr(self, one.name) is None}
        return replace(self, **missing, tags={**beneath.tags, **self.tags})


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What a request may consume and cost, known before it is sent."""

    input_tokens: int | None = None
    max_output_tokens: int | None = None
    low_nanousd: int | None = None
    """The input alone."""
    high_nanousd: int | None = None
    """The input and as much output as was allowed; None when there is no limit or no price."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """A request that is about to go upstream. It is durable before the first byte is sent."""

    request_id: bytes
    """Ours: a UUIDv7, 16 bytes."""
    started_at: datetime
    provider: str
    model: str
    """As requested; empty when the request did not say."""
    source: str
    """`run`, `proxy`, `api` or `import:<tool>`."""
    dialect: str
    """Wire format; `none` when unknown."""
    endpoint: str
    billing: Billing = Billing.UNKNOWN
    attribution: Attribution = Attribution()
    client_request_id: str | None = None
    estimate: Estimate = Estimate()
    price_version: str | None = None
    price_context: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class SoFar:
    """What a running request has used by now, as far as its answer told or shows."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cost_nanousd: int | None = None
    is_estimated: bool = True
    """Whether some of it was counted by us."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One of several models or attempts that one request was billed for."""

    provider: str
    model: str
    usage: Usage
    nanousd: int | None
    components: tuple[Component, ...] = ()
    rate_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Charged:
    """The money of one request: what counts, what we computed, what we were told, and by which rate."""

    cost_nanousd: int | None
    """What counts: the provider's word if it gave one, else ours; None when unpriced."""
    cost_source: CostSource
    cost_high_nanousd: int | None = None
    """Upper bound beside an estimate."""
    computed_nanousd: int | None = None
    reported_nanousd: int | None = None
    components: tuple[Component, ...] = ()
    """Sum to `cost_nanousd`, also when that is the provider's word: it is then shared out in their proportion."""
    unpriced_units: tuple[str, ...] = ()
    rate_id: str | None = None
    rate: Mapping[str, object] | None = None
    price_version: str | None = None


UNPRICED = Charged(cost_nanousd=None, cost_source=CostSource.NONE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """The end of a request: one immutable row of the ledger together with its `Begun`."""

    begun: Begun
    status: Status
    usage: Usage = Usage()
    usage_quality: UsageQuality = UsageQuality.MISSING
    charged: Charged = UNPRICED
    served_model: str | None = None
    """Only when the response names another model than was asked for."""
    http_status: int | None = None
    error_type: str | None = None
    error_message: str | None = None
    provider_request_id: str | None = None
    attempts: int = 1
    cache_hit: bool = False
    latency_ms: int | None = None
    """Begin to end, with backoff."""
    first_token_ms: int | None = None
    timeline: tuple[tuple[str, int], ...] = ()
    """The lifecycle: (event, milliseconds after the start); `attempt`, `retry`, `first_token`, `end`."""
    finish_reason: str | None = None
    raw_usage: Mapping[str, object] | None = None
    """The provider's usage object, numbers and names only, never content."""
    price_context: Mapping[str, str] = field(default_factory=dict)
    """Selectors as served: `processing`, `service_tier`, `speed`, `inference_geo` ..."""
    parts: tuple[Part, ...] = ()
    flags: tuple[str, ...] = ()
    """Named rules that were applied, and oddities of the usage."""
    source_key: str | None = None
    """An importer's unique key of the record, so that it is counted once."""


def id_text(request_id: bytes) -> str:
    """A request id as people see it: 32 hexadecimal digits."""
    return request_id.hex()


_VERSION = [bytes([0x70 | byte & 0x0F]) for byte in range(256)]
_VARIANT = [bytes([0x80 | byte & 0x3F]) for byte in range(256)]


def request_id_at(unix_ms: int, randomness: bytes) -> bytes:
    """Make a UUIDv7 from a time and the first ten of some random bytes, so that ids sort by time.

    Source: RFC 9562, section 5.7.
    """
    head = unix_ms.to_bytes(6, "big")
    return head + _VERSION[randomness[0]] + randomness[1:2] + _VARIANT[randomness[2]] + randomness[3:10]
