"""Addresses on the web as people and other programs write them, which may be none."""

from urllib.parse import SplitResult, urlsplit

_NONE = SplitResult("", "", "", "", "")


def parts_of(address: str) -> SplitResult:
    """The parts of an address; of what cannot be read as one (a broken IPv6 host, a port beyond 65535) there are none."""
    try:
        parts = urlsplit(address)
        _ = parts.port
    except ValueError:
        return _NONE
    return parts


def is_address(text: str) -> bool:
    """Whether a text is a whole address that a client can reach."""
    return text.startswith(("http://", "https://")) and bool(parts_of(text).hostname)
