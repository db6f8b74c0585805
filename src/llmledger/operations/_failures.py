"""Why a prompt got no answer: what to tell the user, what to advise, and the short name that the row keeps."""

from collections.abc import Sequence
from difflib import get_close_matches

from llmledger.core.address import parts_of
from llmledger.core.redaction import redact
from llmledger.dialects._contract import Reading
from llmledger.errors import (
    BackendMissing,
    CredentialsError,
    LedgerError,
    ProviderError,
    UpstreamError,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from llmledger.operations._destination import Destination, key_hint


def failure_of(reading: Reading, status: int, to: Destination, *, private: Sequence[str]) -> LedgerError | None:
    """Why an exchange that came to its end gave no whole answer, or None when it did."""
    if status >= 300:
        return _refusal(status, _said(reading, to, private), to)
    if reading.error_type is not None:
        return ProviderError(f"{to.provider.title} failed while answering: {_said(reading, to, private)}")
    if not reading.is_complete and reading.finish_reason is None:
        what = "broke off its answer" if reading.has_output else "sent no answer that can be read"
        return UpstreamError(
            f"{to.provider.title} {what}", hint=f"Does {parts_of(to.base_url).netloc} speak {to.dialect}?"
        )
    return None


def _refusal(status: int, said: str, to: Destination) -> LedgerError:
    """The error for an HTTP status that is no answer, with what to do about it."""
    title = to.provider.title
    if status in (401, 403):
        if to.key is None:
            return CredentialsError(f"{title} wants a key (HTTP {status}): {said}", hint=key_hint(to.provider))
        return CredentialsError(
            f"{title} refused the key of {to.key_source} (HTTP {status}): {said}",
            hint=f"Check it, or set another: llmledger config set-key {to.provider.name}",
        )
    hint = None
    if status in (400, 404):
        close = get_close_matches(to.model, list(to.known_models()), n=1, cutoff=0.6)
        if close and close[0] != to.model:
            hint = f"Did you mean {to.provider.name}/{close[0]}?"
    elif status == 429:
        hint = "The rate limit or the quota is used up: wait, or look at the account's limits."
    elif status >= 500:
        hint = "The trouble is at the provider: try again later."
    return ProviderError(f"{title} answered HTTP {status}: {said}", hint=hint)


def _said(reading: Reading, to: Destination, private: Sequence[str]) -> str:
    """The provider's own words, without key and prompt."""
    said = redact(reading.error_message or "", secrets=(to.key,) if to.key else (), private=private)
    return said or reading.error_type or "it gave no reason"


def advised(failure: LedgerError, to: Destination) -> LedgerError:
    """The failure with what can be done about it at this destination."""
    if isinstance(failure, UpstreamUnreachable) and to.provider.local:
        where = parts_of(to.base_url).netloc
        return BackendMissing(f"{to.provider.title} does not answer at {where}", hint=to.start_hint)
    if isinstance(failure, UpstreamTimeout) and failure.hint is None:
        return UpstreamTimeout(failure.message, hint="Give it longer: --timeout SECONDS")
    if type(failure) in (UpstreamError, UpstreamUnreachable) and failure.hint is None:
        return type(failure)(failure.message, hint="Check the network, and try again.")
    return failure


def kind_of(failure: LedgerError, status: int | None) -> str:
    """A short stable name of a failure, for the row. `connect` says that nothing was sent."""
    if status is not None and 300 <= status < 400:
        return "connect"  # sent elsewhere, and not followed: no model has seen it
    if status is not None and status >= 400:
        return f"http_{status}"
    if isinstance(failure, UpstreamTimeout):
        return "timeout"
    if isinstance(failure, UpstreamUnreachable):
        return "connect"
    if isinstance(failure, UpstreamError):
        return "network" if status is None else "broken_off"
    return "connect"
