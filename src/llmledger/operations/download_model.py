"""Download a model file from an address and keep it, if it is the one that was meant."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from llmledger.errors import UpstreamError
from llmledger.local.fetch import pull_stream
from llmledger.local.store import LocalModel
from llmledger.upstream import http

MEGABYTE = 1_000_000
PATIENCE = http.Patience(silence_s=60)


def download_model(
    url: str,
    folder: Path,
    name: str,
    *,
    expected_sha256: str,
    now: Callable[[], datetime],
    on_megabyte: Callable[[], None],
) -> LocalModel:
    """Keep the GGUF file that an address gives, under a name. Nothing is kept of a file with another hash.

    Raises UpstreamError when it cannot be had, InputFileError when it is another file or no model.
    """
    seen = 0

    def show(size: int) -> None:
        nonlocal seen
        for _ in range(size // MEGABYTE - seen):
            on_megabyte()
        seen = max(seen, size // MEGABYTE)

    around = http.Surroundings(now=now, sleep=lambda _seconds: None)
    outgoing = http.Outgoing(method="GET", url=url)
    with http.exchange(outgoing, PATIENCE, around, follow_redirects=True) as answer:
        if answer.is_error:
            raise UpstreamError(f"{outgoing.host} answered HTTP {answer.status}", hint=f"Is this the address? {url}")
        return pull_stream(answer.chunks(), folder, name, expected_sha256=expected_sha256, on_progress=show)
