"""Who may use the proxy: it spends money, so a web page of a stranger must not be able to reach it."""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass

from llmledger.core.address import parts_of
from llmledger.operations.request_headers import ACCESS_KEY, Raw

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})

HEADER_COUNT = 200
HEADER_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request goes nowhere."""

    status: int
    message: str


@dataclass(frozen=True, slots=True)
class Guard:
    """What is checked of every request before anything else happens."""

    hosts: frozenset[str]
    """Names under which the proxy may be addressed; empty for any."""
    access_key: str | None = None

    def refusal(self, raw: Raw, headers: Mapping[str, str]) -> Refusal | None:
        """Why a request is refused; None when it may pass."""
        if len(raw) > HEADER_COUNT or sum(len(name) + len(value) for name, value in raw) > HEADER_BYTES:
            return Refusal(431, "too many or too large headers")
        host = headers.get("host", "")
        if self.hosts and _hostname(host) not in self.hosts:
            return Refusal(403, "this Host is not the proxy's own (a guard against DNS rebinding)")
        if not _is_own_origin(headers.get("origin"), host) or headers.get("sec-fetch-site") == "cross-site":
            return Refusal(403, "web pages of another origin may not use the proxy")
        if self.access_key is not None and not _is_equal(headers.get(ACCESS_KEY, ""), self.access_key):
            return Refusal(401, f"an access key is needed in the header {ACCESS_KEY}")
        return None


def _hostname(host: str) -> str:
    return parts_of(f"//{host}").hostname or ""


def _is_own_origin(origin: str | None, host: str) -> bool:
    """Whether a request comes from no browser, from an app with a scheme of its own, or from our own address.

    `null` is what sandboxed frames and files send, so it counts as a stranger.
    """
    if origin is None:
        return True
    scheme, separator, place = origin.partition("://")
    if not separator:
        return False
    return place == host if scheme in {"http", "https"} else True


def _is_equal(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), wanted.encode())
