"""Whether what was pointed at the proxy finds somebody there: tools' settings, variables, the service."""

from collections.abc import Iterator

from llmledger.cli._addresses import leads_to_a_proxy
from llmledger.cli._context import Surroundings
from llmledger.cli._findings import Finding
from llmledger.cli._machine import shown_path
from llmledger.cli._start import listens
from llmledger.core.address import parts_of
from llmledger.ledger.finding import Level

START = "llmledger proxy; to have it always: llmledger proxy install"
VARIABLE_ENDINGS = ("_BASE_URL", "_API_BASE", "_HOST")
"""Variables that may name an address."""


def check_connections(world: Surroundings) -> Iterator[Finding]:
    """Tools and variables that point to this machine find somebody who listens."""
    from llmledger.cli._connect.tools import addresses_of_providers, proxy_of, standing, tools

    proxy, address_of = proxy_of(world), addresses_of_providers(world)
    listening: dict[str, bool] = {}
    for tool in tools(world):
        found = standing(tool, proxy, address_of)
        here = sorted({_place(one) for one in found.addresses if _is_here(one)})
        dead = [place for place in here if not _listens(place, listening)]
        where = f"{found.title} ({shown_path(world, found.file)})" if found.file else found.title
        if dead:
            todo = f"{START}; or take it back: llmledger connect {tool.name} --undo --yes"
            yield Finding(Level.PROBLEM, "connect", f"{where} goes to {dead[0]}, where nobody listens", todo)
        elif here:
            yield Finding(Level.FINE, "connect", f"{where} goes to {', '.join(here)}")
    yield from _variables(world, listening)
    yield from _service(world, proxy.url, listening)


def _service(world: Surroundings, url: str, listening: dict[str, bool]) -> Iterator[Finding]:
    from llmledger.cli._proxy.service_manager import manager

    service = manager(world, ())
    if service.is_installed and not _listens(url, listening):
        where = shown_path(world, service.file)
        text = f"the proxy is installed as a service ({where}), and nobody listens at {url}"
        yield Finding(Level.PROBLEM, "connect", text, f"See why: {service.log}; start it anew: llmledger proxy install")


def _variables(world: Surroundings, listening: dict[str, bool]) -> Iterator[Finding]:
    for name, value in sorted(world.environ.items()):
        if not name.endswith(VARIABLE_ENDINGS) or not value.startswith("http"):
            continue
        if leads_to_a_proxy(world, value) and not _listens(_place(value), listening):
            yield Finding(
                Level.PROBLEM,
                "connect",
                f"{name} leads to {_place(value)}, where nobody listens",
                f"{START}; or: unset {name}",
            )


def _is_here(address: str) -> bool:
    from llmledger.operations.connect import LOOPBACK

    return parts_of(address).hostname in LOOPBACK


def _place(address: str) -> str:
    parts = parts_of(address)
    return f"{parts.scheme}://{parts.netloc}"


def _listens(place: str, known: dict[str, bool]) -> bool:
    if place not in known:
        known[place] = listens(place)
    return known[place]
