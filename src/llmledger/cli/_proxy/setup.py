"""What a proxy of this user is made of."""

import secrets
import time
from collections.abc import Callable
from datetime import datetime
from io import BytesIO
from typing import TYPE_CHECKING

from llmledger.cli._attribution import map_rules
from llmledger.cli._context import surroundings
from llmledger.cli._render import warn
from llmledger.core.request import request_id_at
from llmledger.core.window import unix_ms

if TYPE_CHECKING:
    from llmledger.core.request import Attribution
    from llmledger.ledger import Ledger
    from llmledger.proxy.application import Setup


def proxy_setup(ledger: "Ledger", host: str, attribution: "Attribution") -> "Setup":
    """Everything that the proxy is given: it looks for nothing itself."""
    from llmledger.cli._addresses import address_of
    from llmledger.cli._run.send import price_book
    from llmledger.operations.record import Recorder
    from llmledger.proxy.application import Setup
    from llmledger.proxy.embedded import Embedded
    from llmledger.proxy.safety import LOOPBACK
    from llmledger.upstream.aio import proxies_of

    world = surroundings()
    book = price_book()
    return Setup(
        ledger=ledger,
        book=book,
        recorder=Recorder(store=ledger, prices=book, now=world.now, new_id=_request_ids()),
        proxies=proxies_of(world.environ),
        address_of=address_of,
        embedded=Embedded(world.paths.models, world.environ),
        hosts=LOOPBACK | {host} if host in LOOPBACK else frozenset(),
        on_disconnect=world.config.proxy.on_disconnect,
        billing=world.config.billing,
        attribution=attribution,
        rules=map_rules(),
        monotonic=time.monotonic,
        on_trouble=warn,
    )


def _request_ids() -> Callable[[datetime], bytes]:
    """Makes request ids; asking the system for randomness a kilobyte at a time, since each question takes long."""
    pool = BytesIO()

    def new_id(at: datetime) -> bytes:
        nonlocal pool
        if len(randomness := pool.read(10)) < 10:
            pool = BytesIO(secrets.token_bytes(1000))
            randomness = pool.read(10)
        return request_id_at(unix_ms(at), randomness)

    return new_id
