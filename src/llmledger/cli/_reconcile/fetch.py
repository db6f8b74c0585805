"""`reconcile --fetch`: get a statement from an admin API, and keep the file that it makes."""

import os
import time
from pathlib import Path
from typing import TextIO

from llmledger.cli._context import surroundings
from llmledger.cli._render import note, progress
from llmledger.core.reconcile.cells import Block
from llmledger.core.window import from_unix_ms
from llmledger.operations.fetch_statement import fetch, key_of
from llmledger.upstream.http import Surroundings, Wait


def fetch_to_file(provider: str, span: Block) -> Path:
    """Fetch a period's statement with the admin key of the environment; the file appears whole, readable by you alone."""
    world = surroundings()
    key = key_of(provider, world.environ)
    settings = world.config.providers.get(provider)
    since, until = (from_unix_ms(ms) for ms in span)
    folder = world.paths.data / "statements"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    target = folder / f"{provider}-{since:%Y%m%d}-{until:%Y%m%d}.json"
    half = target.with_suffix(".json.new")
    around = Surroundings(now=world.now, sleep=time.sleep, on_wait=_say_wait)
    pages = fetch(provider, (since, until), key=key, base_url=settings.base_url if settings else None, around=around)
    with progress(f"fetching from {provider}") as bar, _private(half) as stream:
        for page in pages:
            stream.write(page + "\n")
            bar.advance()
    half.replace(target)
    note(f"Fetched to {target}")
    return target


def _say_wait(wait: Wait) -> None:
    note(f"The provider asks to wait {wait.seconds:g} s (attempt {wait.attempt}, status {wait.status}).")


def _private(path: Path) -> TextIO:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    return os.fdopen(descriptor, "w", encoding="utf-8")
