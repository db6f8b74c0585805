"""How a program is sent to the proxy for one run: the variables that it understands, and words of its command line."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from llmledger.cli._addresses import leads_to_a_proxy
from llmledger.cli._connect.tools import Tool, addresses_of_providers, read_tool, tool
from llmledger.cli._context import Surroundings
from llmledger.cli._proxy.text import BASE_URLS
from llmledger.cli._render import warn
from llmledger.clients import load, names
from llmledger.clients._contract import Proxy
from llmledger.errors import LedgerError
from llmledger.operations.connect import Reading, State, addresses, state_of


@dataclass(frozen=True, slots=True)
class Means:
    """What is run, and what stands in its environment besides."""

    command: Sequence[str]
    variables: Mapping[str, str]


def means_for(world: Surroundings, program: Sequence[str], proxy: Proxy) -> Means:
    """Send a program to the proxy; an address of somebody else that the user has set stays, with a word."""
    told, left = _of_sdks(world, proxy)
    name = Path(program[0]).name
    known = next((one for one in names() if name in load(one).programs), None)
    if known is None:
        return Means(program, told)
    found = tool(world, known)
    try:
        reading = read_tool(found, proxy)
    except LedgerError as problem:
        # Half of what it needs could break it.
        warn(f"{problem.message}: it runs without being metered.")
        return Means(program, {})
    if reading is None:
        return Means(program, {**told, **_own(world, found, proxy)})
    providers = {one.provider for one in reading.wanted}
    if _goes_elsewhere(world, reading):
        warn(f"{found.client.title}'s own settings send it elsewhere: what goes there is not metered.")
        return Means(program, told)
    if providers & left:
        return Means(program, told)
    words = _arguments(found, reading, program)
    return Means([program[0], *words, *program[1:]], {**told, **_own(world, found, proxy)})


def _of_sdks(world: Surroundings, proxy: Proxy) -> tuple[dict[str, str], set[str]]:
    """The variables of the official SDKs, and the providers whose address the user has set to somewhere else."""
    told, left = {}, set()
    for name, path in BASE_URLS:
        set_already = world.environ.get(name, "")
        # Ollama's variable is also where a server listens and where our own requests go: it is no gateway of the user's.
        if set_already and name.endswith("_BASE_URL") and not leads_to_a_proxy(world, set_already):
            warn(f"{name} is set already and stays as it is: what goes there is not metered.")
            left.add(path.split("/")[1])
        else:
            told[name] = proxy.url + path
    if "ANTHROPIC_BASE_URL" in told:
        # Claude Code switches tool search off when it sees a base URL that is not Anthropic's.
        told["ENABLE_TOOL_SEARCH"] = world.environ.get("ENABLE_TOOL_SEARCH", "true")
    return told, left


def _own(world: Surroundings, found: Tool, proxy: Proxy) -> dict[str, str]:
    """The variables of one tool; those that its user has set stay."""
    return {name: value for name, value in found.client.variables(proxy).items() if name not in world.environ}


def _goes_elsewhere(world: Surroundings, reading: Reading) -> bool:
    """Whether the tool's settings lead to a gateway of the user's."""
    is_elsewhere = state_of(reading, addresses_of_providers(world)) is State.ELSEWHERE
    return is_elsewhere and not all(leads_to_a_proxy(world, one) for one in addresses(reading))


def _arguments(found: Tool, reading: Reading, program: Sequence[str]) -> tuple[str, ...]:
    """Words of the command line, where variables would not reach the tool: its settings name a proxy, or it reads none."""
    if not found.client.is_told_by_arguments and not any(addresses(reading)):
        return ()
    words = found.client.arguments(reading.wanted)
    is_taken = bool(words) and not found.client.is_told_by_arguments and words[0] in program
    return () if is_taken else words
