"""The tools on this machine that can be connected: where their settings are, and how they stand."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from llmledger.cli._addresses import address_of
from llmledger.cli._context import Surroundings
from llmledger.cli._machine import home_of, open_book
from llmledger.clients import load, names
from llmledger.clients._contract import Client, Machine, Proxy
from llmledger.core.address import is_address
from llmledger.errors import LedgerError, UsageError
from llmledger.operations.connect import AddressOf, Reading, State, addresses, read_client, state_of
from llmledger.operations.connection_store import read_text

ANY_ADDRESS = ("0.0.0.0", "::")  # noqa: S104 - told apart, not listened on


@dataclass(frozen=True, slots=True)
class Tool:
    """One tool, as it is here."""

    name: str
    client: Client
    file: Path | None
    """Where its settings are or would be; None when they cannot be changed from outside."""
    is_found: bool


def proxy_of(world: Surroundings, url: str | None = None, project: str | None = None) -> Proxy:
    """The proxy that tools are pointed at: `--url`, else the one of the settings. Raises UsageError."""
    if url is not None and not is_address(url):
        raise UsageError(f"--url {url!r} is no address", hint="Give it as http://127.0.0.1:4747")
    settings = world.config.proxy
    host = "127.0.0.1" if settings.host in ANY_ADDRESS else settings.host
    address = url or f"http://{f'[{host}]' if ':' in host else host}:{settings.port}"
    prefix = f"/p/{quote(project, safe='')}" if project else ""
    return Proxy(address.rstrip("/") + prefix)


def tool(world: Surroundings, name: str) -> Tool:
    """One tool by its name. Raises UsageError."""
    if name not in names():
        from difflib import get_close_matches

        close = get_close_matches(name, names(), n=1)
        hint = f"Did you mean {close[0]!r}?" if close else f"Known: {', '.join(names())}."
        raise UsageError(f"no tool {name!r} is known", hint=hint)
    client, machine = load(name), machine_of(world)
    path = world.environ.get("PATH")
    is_found = any(place.exists() for place in client.folders(machine)) or any(
        shutil.which(program, path=path) for program in client.programs
    )
    return Tool(name, client, client.file(machine) if client.file else None, is_found)


def machine_of(world: Surroundings) -> Machine:
    """Where tools look for their settings."""
    return Machine(home_of(world), world.environ, world.folder)


def tools(world: Surroundings) -> Iterator[Tool]:
    """Every tool there is a file for, found here or not."""
    for name in names():
        yield tool(world, name)


def read_tool(one: Tool, proxy: Proxy) -> Reading | None:
    """The settings of a tool; None when there are none to read. Raises CannotConnect."""
    return None if one.file is None else read_client(one.client, one.file, read_text(one.file), proxy, beside_of(one))


def beside_of(one: Tool) -> dict[str, str]:
    """The files beside a tool's settings that decide what is wanted in them."""
    return {} if one.file is None else {name: read_text(one.file.parent / name) or "" for name in one.client.beside}


@dataclass(frozen=True, slots=True)
class Standing:
    """How a tool stands to the proxy."""

    tool: str
    title: str
    is_found: bool
    state: State
    file: Path | None
    addresses: tuple[str, ...]
    """Where its settings send it now."""
    reason: str | None
    """What is in the way of connecting it."""
    docs: str


def standing(one: Tool, proxy: Proxy, address_of: AddressOf) -> Standing:
    """How a tool stands; settings that cannot be read are told as a reason."""
    state = State.BY_HAND if one.client.is_reachable else State.UNREACHABLE
    told: tuple[str, ...] = ()
    reason = None
    try:
        reading = read_tool(one, proxy)
        if reading is not None:
            state, told = state_of(reading, address_of), tuple(addresses(reading))
    except LedgerError as problem:
        reason = problem.message
    return Standing(one.name, one.client.title, one.is_found, state, one.file, told, reason, one.client.docs)


def unconnected(world: Surroundings) -> list[str]:
    """The tools that are here and could be connected, and are not."""
    proxy, address_of = proxy_of(world), addresses_of_providers(world)
    here = [one for one in tools(world) if one.is_found and not one.client.is_of_a_folder]
    return [one.name for one in here if standing(one, proxy, address_of).state is State.OPEN]


def addresses_of_providers(world: Surroundings) -> AddressOf:
    """Looks up where a provider is reached from here."""
    book = open_book(world)

    def find(name: str) -> str | None:
        provider = book.provider(name)
        return address_of(provider) if provider is not None else None

    return find
