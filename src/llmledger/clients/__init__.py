"""Clients: one file per tool that can be pointed at the proxy, found by its name; each fulfils `_contract.py`."""

from importlib import import_module
from pathlib import Path

from llmledger.clients._contract import Client


def names() -> tuple[str, ...]:
    """The tools, as people type them, without importing any."""
    return tuple(sorted(file.stem.rstrip("_").replace("_", "-") for file in Path(__file__).parent.glob("[a-z]*.py")))


def load(name: str) -> Client:
    """One tool; raises KeyError when there is none of that name."""
    if name not in names():
        raise KeyError(name)
    stem = name.replace("-", "_")
    # A name that is a keyword of Python has an underscore behind it.
    module = stem if (Path(__file__).parent / f"{stem}.py").exists() else f"{stem}_"
    client: Client = import_module(f"llmledger.clients.{module}").CLIENT
    return client
