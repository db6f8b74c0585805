"""What may be kept of an error message, and how an API key is named without keeping it."""

import hmac
import re
from collections.abc import Iterable

MESSAGE_BOUND = 300
"""Characters of an error message that are kept."""

_ECHO = 16
"""A run of this many characters that also stands in the prompt counts as an echo of it."""

_WORD = r"[A-Za-z0-9_\-./+=~]"
_SECRETS = re.compile(
    r"(?i:bearer|basic|api[-_ ]?key|x-api-key|authorization|token|secret|password|[?&]key)[\"']?\s*[:=]?\s*[\"']?"
    rf"(?P<after>(?=\S*\d){_WORD}{{12,}})"
    rf"|(?P<bare>(?:sk|pk|rk|gsk|csk|xai|hf|AIza|AKIA|ghp|pplx|nvapi|r8)[-_]?{_WORD}{{12,}}|eyJ{_WORD}{{20,}})"
)


def redact(message: str, *, secrets: Iterable[str] = (), private: Iterable[str] = ()) -> str:
    """Bound an error message to one line of 300 characters, without keys and without text of the prompt.

    `secrets` are removed wherever they stand, `private` texts (the prompt) where 16 characters of them are echoed.
    What looks like a key is removed even when nobody named it. Removed text is shown as `[…]`.
    """
    text = " ".join(message[: MESSAGE_BOUND * 8].split())
    for secret in secrets:
        if secret:
            text = text.replace(secret, "[…]")
    text = _SECRETS.sub(lambda found: found[0].replace(found["after"] or found["bare"], "[…]"), text)
    for body in private:
        text = _without_echo(text, " ".join(body.split()))
    return text if len(text) <= MESSAGE_BOUND else text[: MESSAGE_BOUND - 1] + "…"


def _without_echo(text: str, body: str) -> str:
    if len(body) < _ECHO:
        return text.replace(body, "[…]") if len(body) >= _ECHO // 2 else text
    kept: list[str] = []
    at = 0
    while at < len(text):
        end = at + _ECHO
        if text[at:end] not in body or end > len(text):
            kept.append(text[at])
            at += 1
            continue
        while end < len(text) and text[at : end + 1] in body:
            end += 1
        kept.append("[…]")
        at = end
    return "".join(kept)


def fingerprint(api_key: str, *, ledger_id: str) -> str:
    """Name an API key by a keyed hash and its last four characters, so that it can be told apart and never recovered.

    The hash is keyed with the ledger's own id: the same key has another name in another ledger. Keys too short to give
    away four characters give away none.
    """
    digest = hmac.new(ledger_id.encode(), api_key.encode("utf-8", "surrogatepass"), "sha256").hexdigest()[:8]
    return f"{digest}…{api_key[-4:]}" if len(api_key) >= 16 else digest
