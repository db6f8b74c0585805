"""Headers: which ones say for whom a request is, which ones go on, and which ones end here."""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias
from urllib.parse import unquote

from llmledger.core.request import Attribution
from llmledger.core.words import Billing
from llmledger.dialects import can_decode
from llmledger.dialects._contract import RequestFacts

Raw: TypeAlias = Sequence[tuple[bytes, bytes]]

ACCESS_KEY = "x-llmledger-key"
MAX_COST = "x-llmledger-max-cost"
REQUEST_ID = b"x-llmledger-request-id"

FIELDS: Mapping[str, tuple[str, ...]] = {
    "client": ("x-llmledger-client",),
    "user": (
        "x-llmledger-user",
        "helicone-user-id",
        "x-litellm-customer-id",
        "x-litellm-end-user-id",
        "x-langwatch-end-user-id",
        "langfuse_trace_user_id",
    ),
    "team": ("x-llmledger-team",),
    "project": ("x-llmledger-project",),
    "operation": ("x-llmledger-operation",),
    "app": ("x-llmledger-app", "x-openrouter-title", "x-title", "http-referer", "user-agent"),
    "host": ("x-llmledger-host",),
    "session": (
        "x-llmledger-session",
        "helicone-session-id",
        "x-litellm-trace-id",
        "x-portkey-trace-id",
        "x-langwatch-thread-id",
        "langfuse_trace_id",
    ),
    "branch": ("x-llmledger-branch",),
}
"""Which header says what, the first that is there counts: our own before those that other gateways taught clients."""

METADATA = (
    "x-portkey-metadata",
    "cf-aig-metadata",
    "x-langwatch-metadata",
    "x-litellm-spend-logs-metadata",
    "langfuse_trace_metadata",
)
"""Headers with a JSON object of further facts."""

METADATA_USERS = ("_user", "user", "user_id", "userid", "user_name", "username")
"""Members of such an object that name the user, however they are cased."""

CLIENT_IDS = ("x-request-id", "helicone-request-id", "x-litellm-call-id", "idempotency-key", "x-client-request-id")

_PLACES: Mapping[str, tuple[str, int]] = {
    name: (field, place) for field, names in FIELDS.items() for place, name in enumerate(names)
}
"""Of each header the field that it tells, and which place it has among those that tell it."""

TAG_HEADERS: Mapping[str, str] = {"helicone-session-name": "session_name", "helicone-session-path": "session_path"}
"""Headers that are a tag of another name."""

TAG_PREFIXES = ("helicone-property-", "x-bf-dim-", "x-bf-lh-", "x-llmledger-tag-")
TAG_LISTS = ("x-llmledger-tags", "x-litellm-tags")

CREDENTIALS = ("x-api-key", "x-goog-api-key", "api-key", "authorization")

VIRTUAL_KEYS = ("x-litellm-api-key", "x-portkey-api-key", "helicone-auth", "x-bf-vk", "otari-key")
"""Keys for other gateways; they tell who asks where no key of a provider does."""

_PUBLIC = frozenset(
    {"accept", "accept-encoding", "accept-language", "anthropic-version", "anthropic-beta", "connection"}
)
_PUBLIC |= frozenset({"content-encoding", "content-length", "content-type", "host", "user-agent"})
_SHORTEST_SECRET = 8

ENDS_HERE = (
    "x-llmledger-",
    "helicone-",
    "x-litellm-",
    "x-portkey-",
    "cf-aig-",
    "x-langwatch-",
    "langfuse_",
    "x-bf-",
    "otari-",
)
"""Beginnings of headers that are meant for a gateway and not for a provider."""

HOP_BY_HOP = frozenset(
    {
        "connection",
        "host",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "expect",
    }
)

NOBODY = Attribution()

RESPONSE_IDS = (b"x-request-id", b"request-id", b"x-generation-id", b"apim-request-id", b"x-amzn-requestid")
"""Where providers name a response, besides its body."""

_WORD_BOUND = 200


def lowered(raw: Raw) -> dict[str, str]:
    """Headers by name; of a repeated one the first."""
    found: dict[str, str] = {}
    for name, value in raw:
        found.setdefault(name.decode("latin-1").lower(), text_of(value))
    return found


def text_of(value: bytes) -> str:
    """The text of a header or of a part of a path: UTF-8, as clients send names today, else Latin-1, as the old ones do."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


def forwarded(raw: Raw, *, identity: bool) -> list[tuple[str, str]]:
    """The request's headers for the provider, in order and spelling. `identity`: ask for an uncompressed answer."""
    kept = []
    drop = _hop_by_hop(raw) | {"content-length"}
    for name, value in raw:
        plain = name.decode("latin-1")
        low = plain.lower()
        if low.startswith(ENDS_HERE) or low in drop or (identity and low == "accept-encoding"):
            continue
        text = text_of(value)
        kept.append((plain, readable_encodings(text) if low == "accept-encoding" else text))
    return [*kept, ("Accept-Encoding", "identity")] if identity else kept


def length_of(headers: Mapping[str, str]) -> list[tuple[str, str]]:
    """The length that the client told, for a body that is passed on as it arrives."""
    return [("Content-Length", headers["content-length"])] if "content-length" in headers else []


def readable_encodings(accepted: str) -> str:
    """What of the encodings that a client accepts can be metered too; an answer in another would be read by nobody."""
    words = [word.strip() for word in accepted.split(",")]
    kept = [word for word in words if can_decode(word.partition(";")[0].strip().casefold())]
    return accepted if len(kept) == len(words) else ", ".join(kept) or "identity"


def answered(raw: Raw, request_id: str | None, *, has_length: bool) -> list[tuple[bytes, bytes]]:
    """The answer's headers for the client, without the length where it is not that of the body that follows."""
    drop = _hop_by_hop(raw) if has_length else _hop_by_hop(raw) | {"content-length"}
    kept = [(name, value) for name, value in raw if name.decode("latin-1").lower() not in drop]
    return kept if request_id is None else [*kept, (REQUEST_ID, request_id.encode())]


def _hop_by_hop(raw: Raw) -> frozenset[str]:
    """Headers that are for the next hop only: those that always are, and those that `Connection` lists."""
    listed = b",".join(value for name, value in raw if name.lower() == b"connection")
    return HOP_BY_HOP | {word.strip().lower() for word in text_of(listed).split(",")} if listed else HOP_BY_HOP


def attribution(
    headers: Mapping[str, str], facts: RequestFacts, *, key: str | None, beneath: Attribution = NOBODY
) -> Attribution:
    """For whom a request is: its headers, then its body, then what lies beneath (the path, the settings)."""
    told = _told(headers)
    metadata = _metadata(headers)
    users = {name.casefold(): value for name, value in metadata.items() if name.casefold() in METADATA_USERS}
    user = told.get("user") or next((users[name] for name in METADATA_USERS if name in users), None)
    words = {name: value for name, value in metadata.items() if name.casefold() not in METADATA_USERS}
    told["user"] = user or facts.user
    told["app"] = _product(told.get("app"))
    told["session"] = told.get("session") or _trace(headers) or facts.session
    tags = {**beneath.tags, **facts.tags, **words, **_tags(headers)}
    named = {field: value for field, value in told.items() if value is not None}
    return replace(beneath, **named, key=key, tags=tags)


def _told(headers: Mapping[str, str]) -> dict[str, str | None]:
    """What single headers say, each field by the first of its headers that is there and not empty."""
    told: dict[str, str | None] = {}
    places: dict[str, int] = {}
    for name in headers.keys() & _PLACES.keys():
        field, place = _PLACES[name]
        if place < places.get(field, len(_PLACES)) and headers[name]:
            told[field], places[field] = headers[name][:_WORD_BOUND], place
    return told


def client_request_id(headers: Mapping[str, str]) -> str | None:
    """The client's own id of the request: an attribute that may repeat, never a key."""
    return _first(headers, CLIENT_IDS)


def credential(headers: Mapping[str, str], query: str) -> str | None:
    """The API key of a request, wherever its provider wants it."""
    for name in (*CREDENTIALS, *VIRTUAL_KEYS):
        if value := headers.get(name, "").strip():
            scheme, _, rest = value.partition(" ")
            return rest.strip() if rest and scheme.casefold() in {"bearer", "basic"} else value
    return next((part[4:] for part in query.split("&") if part.startswith("key=")), None)


def secrets(headers: Mapping[str, str], query: str) -> tuple[str, ...]:
    """Whatever of a request's headers and query an error might repeat, the longest first: only its own parts know which
    of them are keys, so none is kept.
    """
    values = [value for name, value in headers.items() if name not in _PUBLIC]
    values += [value.partition(" ")[2].strip() for value in values]
    values += [unquote(part.partition("=")[2]) for part in query.split("&")]
    values += [part.partition("=")[2] for part in query.split("&")]
    return tuple(sorted({value for value in values if len(value) >= _SHORTEST_SECRET}, key=len, reverse=True))


def billing_of(key: str | None, headers: Mapping[str, str], *, is_local: bool) -> Billing:
    """Who pays, known from the kind of credential: a key of an API, or the sign-in of a subscription."""
    if is_local:
        return Billing.LOCAL
    if key is None:
        return Billing.UNKNOWN
    if key.startswith("sk-ant-oat") or "chatgpt-account-id" in headers:
        return Billing.SUBSCRIPTION
    return Billing.API


def _first(headers: Mapping[str, str], names: Iterable[str]) -> str | None:
    return next((headers[name][:_WORD_BOUND] for name in names if headers.get(name)), None)


def _product(app: str | None) -> str | None:
    """The name of a program without its version and what follows: `claude-cli/2.0.1 (external)` is `claude-cli`."""
    return re.sub(r"/v?\d.*$", "", app.split(" ")[0]) or app if app and "/" in app and "://" not in app else app


def provider_request_id(raw: Raw) -> str | None:
    """The id that the provider gave the answer in its headers."""
    found = {name.lower(): value for name, value in raw}
    return next((found[name].decode("latin-1")[:_WORD_BOUND] for name in RESPONSE_IDS if name in found), None)


def _trace(headers: Mapping[str, str]) -> str | None:
    """The trace of a W3C `traceparent`, of which a session usually is one."""
    parts = headers.get("traceparent", "").split("-")
    return parts[1] if len(parts) >= 4 and len(parts[1]) == 32 else None


def _metadata(headers: Mapping[str, str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name in METADATA:
        if name in headers:
            found.update(_words(headers[name]))
    return found


def _words(text: str) -> dict[str, str]:
    """The plain members of a JSON object; single quotes occur in a gateway's own documentation."""
    if not text or len(text) > 8192:
        return {}
    attempts: tuple[Callable[[], str], ...] = (lambda: text, lambda: text.replace("'", '"'))
    for attempt in attempts:
        try:
            said = json.loads(attempt())
        except (ValueError, RecursionError):
            continue
        if isinstance(said, dict):
            plain = ((key, value) for key, value in list(said.items())[:32] if isinstance(value, (str, int)))
            return {key[:64]: str(value)[:_WORD_BOUND] for key, value in plain}
    return {}


def _tags(headers: Mapping[str, str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in headers.items():
        if name.startswith(TAG_PREFIXES):
            prefix = next(each for each in TAG_PREFIXES if name.startswith(each))
            found[name[len(prefix) :][:64]] = value[:_WORD_BOUND]
    for name in TAG_HEADERS.keys() & headers.keys():
        found[TAG_HEADERS[name]] = headers[name][:_WORD_BOUND]
    for name in TAG_LISTS:
        for word in headers.get(name, "").split(","):
            key, _, value = word.strip().partition("=")
            if key:
                found[key[:64]] = value[:_WORD_BOUND]
    return found
