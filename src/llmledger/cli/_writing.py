"""Opening a ledger to write to: where it is, the ids of new requests, and the home zone of one that is made now."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import copy_context
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from llmledger.cli._context import surroundings
from llmledger.cli._render import warn
from llmledger.core.request import request_id_at
from llmledger.core.window import unix_ms
from llmledger.home_zone import home_zone

if TYPE_CHECKING:
    from llmledger.ledger import Ledger, Manners


def new_request_id(at: datetime) -> bytes:
    """A request id that nobody has had before and that sorts by its time."""
    return request_id_at(unix_ms(at), os.urandom(10))


@contextmanager
def writing(option: Path | None, *, manners: "Manners | None" = None) -> "Iterator[Ledger]":
    """The ledger of `--ledger`, or the user's own, open to write to; made when it is not there. Raises StorageError."""
    from llmledger.ledger import open_ledger

    world = surroundings()
    path = world.ledger_path(option)
    zone = "UTC" if path.exists() else home_zone(world.environ, world.config.timezone)
    with open_ledger(path, now=world.now, home_zone=zone, manners=manners or _manners()) as ledger:
        yield ledger


def _manners() -> "Manners":
    """As the user chose; a ledger that goes away while a request runs is told on stderr, once."""
    from llmledger.ledger import Manners

    # The writer has a thread of its own, which would not know this command's streams.
    context = copy_context()
    pass_on = surroundings().config.on_ledger_failure == "pass"
    return Manners(pass_on=pass_on, warn=lambda text: context.copy().run(warn, text))
