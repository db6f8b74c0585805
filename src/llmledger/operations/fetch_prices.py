"""Fetch a price file of our own format from an address."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path, PurePosixPath

from llmledger.core.address import parts_of
from llmledger.errors import UpstreamError, UsageError
from llmledger.upstream import http

PATIENCE = http.Patience(silence_s=30)
BIGGEST_FILE = 5_000_000


def fetch_prices(url: str, folder: Path, *, now: Callable[[], datetime]) -> Path:
    """Put the price file that an address gives into a folder, under its own name. Raises UpstreamError, UsageError."""
    name = PurePosixPath(parts_of(url).path).name
    if not name.endswith(".toml"):
        raise UsageError(f"{url} names no price file", hint="It must end in a provider's file: .../openai.toml")
    outgoing = http.Outgoing(method="GET", url=url)
    around = http.Surroundings(now=now, sleep=lambda _seconds: None)
    body = bytearray()
    with http.exchange(outgoing, PATIENCE, around, follow_redirects=True) as answer:
        if answer.is_error:
            raise UpstreamError(f"{outgoing.host} answered HTTP {answer.status}", hint=f"Is this the address? {url}")
        for chunk in answer.chunks():
            body += chunk
            if len(body) > BIGGEST_FILE:
                raise UpstreamError(f"{outgoing.host} sends more than a price file holds", hint="Nothing was written.")
    path = folder / name
    path.write_bytes(bytes(body))
    return path
