"""What `llmledger` shows without a command: what is here, the ways in, the ways out. It creates nothing."""

import re
from collections.abc import Iterator

from llmledger._version import VERSION
from llmledger.cli._commands import command_names
from llmledger.cli._context import Surroundings, surroundings
from llmledger.cli._machine import find_keys, find_tools, open_book, shown_path
from llmledger.cli._render import out, paint, width

WAYS_IN = (
    ("run", 'llmledger run -m local/smollm2 "Hello"', "a prompt from here; this model needs no key"),
    ("import", "llmledger import", "what other tools logged"),
    ("proxy", "llmledger proxy", "any program, with base URL http://127.0.0.1:4747"),
    ("", "llmledger.Ledger, LedgerTransport", "your own Python code"),
)
WAYS_OUT = (
    ("report", "llmledger report", "what was spent, by model, project, day ..."),
    ("reconcile", "llmledger reconcile FILE", "does the provider's invoice agree?"),
)


def show() -> None:
    """Print what was found on this machine, four ways to get data in, and two to get answers out."""
    world = surroundings()
    out(f"llmledger {VERSION}: your LLM requests, their exact cost")
    _block("On this machine", list(_found(world)))
    _ways("Get data in", WAYS_IN)
    _ways("Get answers out", WAYS_OUT)
    _ways("More", (("", "llmledger --help", "all commands"), ("doctor", "llmledger doctor", "what is missing here")))


def _found(world: Surroundings) -> Iterator[tuple[str, str]]:
    yield "Ledger", _ledger(world)
    for tool in find_tools(world):
        yield tool.title, f"logs in {shown_path(world, tool.folder)}" if tool.folder else "no logs"
    book = open_book(world)
    ollama = book.provider("ollama")
    if ollama is not None:
        from llmledger.operations.backends import address

        url = address(ollama, world.environ) or ""
        yield "Ollama", f"listens at {url}" if listens(url) else "not running"
    keys = [f"{name} ({found.source})" for name, found in find_keys(world, book)]
    yield "Keys", ", ".join(keys) or "none"


def _ledger(world: Surroundings) -> str:
    path = world.ledger_path()
    place = shown_path(world, path)
    return f"{place}, {path.stat().st_size / 1e6:,.1f} MB" if path.is_file() else f"none yet; it will be {place}"


def listens(url: str) -> bool:
    """Whether something takes connections there; asked with little patience, because a screen waits for it."""
    import socket

    from llmledger.core.address import parts_of

    parts = parts_of(url)
    try:
        with socket.create_connection((parts.hostname or "", parts.port or 80), timeout=0.2):
            return True
    except OSError:
        return False


def _block(title: str, lines: list[tuple[str, str]]) -> None:
    out()
    out(paint(title, "bold"))
    left = max(len(name) for name, _ in lines)
    for name, text in lines:
        fits = len(text) <= width() - left - 4
        parts = [text] if fits else re.split(r"(?<=[,;]) ", text)
        out(f"  {name:<{left}}  " + ("\n" + " " * (left + 4)).join(parts))


def _ways(title: str, ways: tuple[tuple[str, str, str], ...]) -> None:
    present = command_names()
    lines = [(line, what) for command, line, what in ways if not command or command in present]
    left = max(len(line) for line, _ in lines)
    if all(left + len(what) + 4 <= width() for _, what in lines):
        _block(title, lines)
        return
    out()
    out(paint(title, "bold"))
    for line, what in lines:
        out(f"  {line}\n      {what}")
