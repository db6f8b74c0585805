"""A request as it is on the wire: what opens its row, and the meter that reads its answer."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal, InvalidOperation

from llmledger.core.money import nanousd_from_usd
from llmledger.core.request import Attribution, Begun
from llmledger.core.words import Billing, Status
from llmledger.dialects import decoded, load, unpacked
from llmledger.dialects._contract import Meter, Reading, RequestFacts
from llmledger.dialects._request import texts
from llmledger.operations import request_headers as header
from llmledger.operations.attribute import Rule, by_rules
from llmledger.operations.record import Opening

CHARACTERS_PER_TOKEN = 4
"""Nobody may wait for a tokenizer here; the estimate only counts when no usage is sent."""


ECHO_BOUND = 1024 * 1024
"""Bytes of a request in which echoes of it are looked for."""

CLIENT_GONE = "client_gone"
"""The error type of a request whose client left before its answer ended."""

FREE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "DELETE"})
"""Lists, polls and clean-up: nothing is generated, so nothing is billed and no row is made."""

FREE_PATHS = re.compile(
    r"(count_tokens|count-tokens|input_tokens|tokenize|detokenize|apply-template|/api/(show|pull|push|copy|create|blobs/.*)"
    r"|/files|/uploads(/.*)?|[/:]cancel|:countTokens|:fetchPredictOperation|/models)$"
)
"""Endpoints that count or administrate and are charged by nobody."""

POLLED = ("/cancel", ":cancel", ":fetchPredictOperation")
"""Ends of paths that answer with a response made before, although they are not fetched by GET."""


def is_free(method: str, path: str) -> bool:
    """Whether nobody bills a request, so that it makes no row."""
    return method in FREE_METHODS or FREE_PATHS.search(path) is not None


def is_poll(method: str, path: str) -> bool:
    """Whether a request that is free may be answered with the end of an earlier response."""
    return method == "GET" or path.endswith(POLLED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Who is asked, where, and in which wire format."""

    provider: str
    endpoint: str
    """The provider's own path, without the query."""
    dialect: str | None = None
    is_local: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeper:
    """What is known of every request of one proxy or one program."""

    source: str
    fingerprint: Callable[[str], str]
    billing: Mapping[str, str] = field(default_factory=dict)
    """How an app or a provider is paid, where the settings say so."""
    attribution: Attribution = header.NOBODY
    """What holds for a request that says nothing itself."""
    rules: Sequence[Rule] = ()
    """For whom requests of an app or a key are, where nothing else says it."""

    def beneath(self, words: Mapping[str, str]) -> "Keeper":
        """The same for a request whose path says for whom it is: that counts more than the settings."""
        return replace(self, attribution=replace(self.attribution, **words)) if words else self  # type: ignore[arg-type]


def open_request(
    place: Place, headers: Mapping[str, str], query: str, body: bytes, keeper: Keeper
) -> tuple[Opening, RequestFacts]:
    """What opens the row of a request, from its place, its headers (lower-case names) and what is known of its body."""
    facts = RequestFacts()
    if place.dialect is not None:
        path = f"{place.endpoint}?{query}" if query else place.endpoint
        plain = unpacked(body, headers.get("content-encoding"))
        facts = load(place.dialect).read_request(plain, path=path)
    key = header.credential(headers, query)
    fingerprint = keeper.fingerprint(key) if key else None
    attribution = header.attribution(headers, facts, key=fingerprint, beneath=keeper.attribution)
    if keeper.rules:
        attribution = _ruled(attribution, keeper.rules)
    told = keeper.billing.get(attribution.app or "") or keeper.billing.get(place.provider)
    opening = Opening(
        provider=place.provider,
        model=facts.model or "",
        source=keeper.source,
        dialect=place.dialect or "none",
        endpoint=place.endpoint[:200],
        billing=Billing(told) if told else header.billing_of(key, headers, is_local=place.is_local),
        attribution=attribution,
        client_request_id=header.client_request_id(headers),
        input_tokens=-(-facts.input_characters // CHARACTERS_PER_TOKEN) or None,
        max_output_tokens=facts.max_output_tokens,
        price_context=facts.price_context,
    )
    return opening, facts


def _ruled(attribution: Attribution, rules: Sequence[Rule]) -> Attribution:
    found = by_rules(rules, app=attribution.app, key=attribution.key)
    return attribution.over(replace(header.NOBODY, **found)) if found else attribution  # type: ignore[arg-type]


def over_limit(begun: Begun, headers: Mapping[str, str]) -> str | None:
    """Why a request may not be sent under the limit that its own header sets."""
    told = headers.get(header.MAX_COST)
    if told is None:
        return None
    try:
        limit = nanousd_from_usd(Decimal(told.strip().removeprefix("$").removesuffix("USD")))
    except (InvalidOperation, ValueError, OverflowError):
        return f"{header.MAX_COST} is no amount in USD"
    most = begun.estimate.high_nanousd
    if most is None:
        return "nobody can promise a limit: the model has no price here, or the request no limit of its output"
    return None if most <= limit else "this request could cost more than its limit; it was not sent"


def without_echo(reading: Reading, body: bytes, encoding: str | None = None) -> tuple[Reading, tuple[str, ...]]:
    """A failed answer and the texts of its request, which the error must not carry into a row.

    Looking for echoes takes long in a long prompt, and cannot be done in one that nobody can unpack: of such a request's
    error only the kind is kept.
    """
    if reading.error_message is None:
        return reading, ()
    plain = unpacked(body, encoding)
    if len(plain) > ECHO_BOUND or (body and not plain):
        return replace(reading, error_message=None), ()
    return reading, texts(plain)


def ended_as(reading: Reading, status: Status, error_type: str | None) -> tuple[Status, str | None]:
    """How a request ended, by what its answer said: one that was all there when its client left has completed, and one
    that told an error has failed.
    """
    if error_type == CLIENT_GONE and reading.is_complete:
        status, error_type = Status.COMPLETED, None
    if status is Status.COMPLETED and reading.error_type is not None:
        status = Status.FAILED
    return status, error_type


def open_meter(place: Place, facts: RequestFacts, encoding: str | None) -> Meter | None:
    """A meter for the answer; None when nobody knows the wire format."""
    if place.dialect is None:
        return None
    meter = load(place.dialect).meter(provider=place.provider, streamed=facts.stream, asked=facts)
    return decoded(meter, encoding)
