"""Addresses that are none."""

import pytest

from llmledger.core.address import is_address, parts_of


@pytest.mark.parametrize("text", ["http://[::1", "http://x:99999", "http://x:port", "http://[v1.x]:1"])
def test_what_cannot_be_read_has_no_parts(text: str) -> None:
    """Python's own reader raises on these, some of them only when the port is asked for."""
    assert parts_of(text).hostname is None or parts_of(text).port is not None
    assert parts_of("http://[::1").netloc == ""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("http://127.0.0.1:4747/v1", True),
        ("https://api.openai.com", True),
        ("http://[::1]:80", True),
        ("http://[::1", False),
        ("http://x:99999", False),
        ("http://", False),
        ("ftp://x", False),
        ("localhost:1", False),
    ],
)
def test_an_address_can_be_reached(text: str, expected: bool) -> None:
    """By HTTP, with a host and a port that can be."""
    assert is_address(text) is expected
