"""What is on this machine that a ledger could know of: other tools' logs, local servers, keys by name."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from llmledger.cli._context import Surroundings
from llmledger.keys import FoundKey, find_key
from llmledger.pricebook import PriceBook, load

TITLES = {
    "claude_code": "Claude Code",
    "codex_cli": "Codex",
    "gemini_cli": "Gemini CLI",
    "llm_logs": "llm",
    "opencode": "opencode",
}
"""Tools that leave logs in a place of their own."""


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool that may have logged requests here."""

    name: str
    title: str
    folder: Path | None
    """Where its logs are; None when there are none."""
    deletes_after_days: int | None


def home_of(world: Surroundings) -> Path:
    """The user's home folder."""
    told = world.environ.get("HOME") or world.environ.get("USERPROFILE")
    return Path(told) if told else Path.home()


def find_tools(world: Surroundings) -> Iterator[Tool]:
    """Every tool of `TITLES`, found or not."""
    from llmledger.importers import load as load_importer

    for name, title in TITLES.items():
        importer = load_importer(name)
        roots = [location.root for location in importer.find(home_of(world), world.environ)]
        folder = next((root for root in roots if root.exists()), None)
        yield Tool(name, title, folder, importer.RETENTION_DAYS)


def open_book(world: Surroundings) -> PriceBook:
    """The price book of this user."""
    return load(world.pricing_folders())


def find_keys(world: Surroundings, book: PriceBook) -> Iterator[tuple[str, FoundKey]]:
    """The providers whose key is here; the same key under the same variable is told once."""
    seen = set()
    for name in book.provider_names():
        provider = book.provider(name)
        if provider is None or not provider.key_variables:
            continue
        found = find_key(name, provider.key_variables, world.environ, world.paths.keys_file)
        if found is not None and (found.source, found.key) not in seen:
            seen.add((found.source, found.key))
            yield name, found


def shown_path(world: Surroundings, path: Path) -> str:
    """A path as people write it, with ~ for their home."""
    home = home_of(world)
    return f"~/{path.relative_to(home)}" if path.is_relative_to(home) else str(path)
