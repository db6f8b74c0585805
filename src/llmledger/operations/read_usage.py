"""Read the usage out of a whole response body of any wire format."""

from llmledger.core.usage import Usage
from llmledger.dialects import load, names
from llmledger.dialects._contract import Reading
from llmledger.errors import UsageError


def read_usage(dialect: str, body: bytes, *, provider: str | None = None) -> Usage:
    """The usage that a response states, plain JSON or a recorded stream; what it does not state is None.

    `provider` matters for the few that use a wire format in a way of their own. Raises UsageError for an unknown dialect,
    never for a body.
    """
    return read_response(dialect, body, provider=provider).usage


def read_response(dialect: str, body: bytes, *, provider: str | None = None) -> Reading:
    """Everything that a response says about itself: usage, served model, cost, error, and the rules that were applied."""
    if dialect not in names():
        raise UsageError(f"no dialect named {dialect!r}", hint=f"Known dialects: {', '.join(names())}.")
    meter = load(dialect).meter(provider=provider or "")
    meter.feed(body)
    return meter.finish()
