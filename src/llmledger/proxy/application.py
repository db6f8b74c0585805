"""Put the proxy together from what it was given."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from llmledger._version import VERSION
from llmledger.core.redaction import fingerprint
from llmledger.core.request import Attribution, Finished
from llmledger.ledger import Ledger
from llmledger.operations.attribute import Rule
from llmledger.operations.record import Recorder
from llmledger.operations.request_headers import NOBODY
from llmledger.operations.wire import Keeper
from llmledger.pricebook import PriceBook
from llmledger.pricebook.provider import Provider
from llmledger.proxy.app import ProxyApp
from llmledger.proxy.completing import Completions
from llmledger.proxy.embedded import NAME, Embedded
from llmledger.proxy.exchange import World
from llmledger.proxy.records import Records
from llmledger.proxy.routing import Routes, Target
from llmledger.proxy.safety import Guard
from llmledger.upstream.aio import AioUpstream, Proxies

STILL_RUNNING_S = 5.0
"""How long cancelled requests get to hand over their rows."""

PROGRESS_S = 1.0
"""How often what running answers have used is told to others: as seldom as people look, whatever the answers do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """What a proxy is made of."""

    ledger: Ledger
    book: PriceBook
    recorder: Recorder
    address_of: Callable[[Provider], str | None]
    monotonic: Callable[[], float]
    hosts: frozenset[str] = frozenset()
    proxies: Proxies | None = None
    """The HTTP proxies of this environment."""
    access_key: str | None = None
    embedded: Embedded | None = None
    """The models that run on this machine."""
    silence_s: float = 600.0
    """The longest silence of a provider before it is given up."""
    on_disconnect: str = "drain"
    billing: Mapping[str, str] = field(default_factory=dict)
    attribution: Attribution = NOBODY
    rules: Sequence[Rule] = ()
    on_finished: Callable[[Finished], None] = lambda _: None
    on_trouble: Callable[[str], None] = lambda _: None
    about: Mapping[str, object] = field(default_factory=dict)
    """What `/healthz` tells besides: which of several workers answers."""


@asynccontextmanager
async def application(setup: Setup) -> AsyncIterator[ProxyApp]:
    """The proxy's application, inside the event loop that runs it."""
    completions = Completions(setup.ledger, setup.book, told=setup.on_finished, trouble=setup.on_trouble)
    async with AioUpstream(proxies=setup.proxies, silence_s=setup.silence_s) as upstream:
        world = World(
            recorder=setup.recorder,
            records=Records(setup.ledger, setup.on_trouble),
            upstream=upstream,
            monotonic=setup.monotonic,
            keeper=Keeper(
                source="proxy",
                fingerprint=lambda key: fingerprint(key, ledger_id=setup.ledger.ledger_id),
                billing=setup.billing,
                attribution=setup.attribution,
                rules=setup.rules,
            ),
            on_disconnect=setup.on_disconnect,
            on_finished=setup.on_finished,
            on_trouble=setup.on_trouble,
            on_polled=completions.take,
        )
        telling = asyncio.create_task(_tell_progress(world, setup.ledger))
        guard = Guard(hosts=setup.hosts, access_key=setup.access_key)
        try:
            yield ProxyApp(
                world,
                Routes(_finder(setup), setup.book),
                guard,
                lambda: {**health(setup.ledger), **setup.about},
                embedded=setup.embedded,
            )
            telling.cancel()
            await _settled()
        finally:
            telling.cancel()
            if setup.embedded is not None:
                setup.embedded.close()


async def _tell_progress(world: World, ledger: Ledger) -> None:
    """Let others see what running answers have used, once a second while there are any."""
    is_told = False
    while True:
        await asyncio.sleep(PROGRESS_S)
        running = dict(filter(None, [metered.so_far() for metered in world.live]))
        if running or is_told:
            await asyncio.to_thread(ledger.tell_progress, running)
            is_told = bool(running)


async def _settled() -> None:
    """Wait for requests that the server cancelled: their rows are handed over while they end."""
    rest = asyncio.all_tasks() - {asyncio.current_task()}
    if rest:
        await asyncio.wait(rest, timeout=STILL_RUNNING_S)


def health(ledger: Ledger) -> dict[str, object]:
    """How the proxy is: its version, its ledger, what waits in the spool, what is in flight."""
    state = ledger.state()
    return {
        "status": "ok" if state.trouble is None else "degraded",
        "version": VERSION,
        "ledger": state.trouble or "ok",
        "spooled_bytes": state.spooled_bytes,
        "in_flight": state.in_flight,
        "unmetered": state.unmetered,
    }


def _finder(setup: Setup) -> Callable[[str], Target | None]:
    """Looks up a provider that can be reached; each is read from the price table once."""
    names = frozenset(setup.book.provider_names())
    known: dict[str, Target | None] = {}

    def find(name: str) -> Target | None:
        if name not in names:
            return None
        if name not in known:
            provider = setup.book.provider(name)
            address = setup.address_of(provider) if provider is not None else None
            if address is None and name == NAME and setup.embedded is not None:
                address = ""
            known[name] = None if address is None else Target(name, address, bool(provider and provider.local))
        return known[name]

    return find
