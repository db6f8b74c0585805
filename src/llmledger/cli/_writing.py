"""Opening a ledger to write to: where it is, the ids of new requests, and the home zone of one that is made now."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import copy_context
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from llmledger.cli._context import surroundings
from llmledger.cli._render import warn
from llmledger.core.request import request_id_at
from llmledger.core.window import unix_ms, zone_named

if TYPE_CHECKING:
    from llmledger.ledger import Ledger, Manners

LOCALTIME = Path("/etc/localtime")


def new_request_id(at: datetime) -> bytes:
    """A request id that nobody has had before and that sorts by its time."""
    return request_id_at(unix_ms(at), os.urandom(10))


@contextmanager
def writing(option: Path | None, *, manners: "Manners | None" = None) -> "Iterator[Ledger]":
    """The ledger of `--ledger`, or the user's own, open to write to; made when it is not there. Raises StorageError."""
    from llmledger.ledger import open_ledger

    world = surroundings()
    path = world.ledger_path(option)
    zone = "UTC" if path.exists() else _home_zone()
    with open_ledger(path, now=world.now, home_zone=zone, manners=manners or _manners()) as ledger:
        yield ledger


def _manners() -> "Manners":
    """As the user chose; a ledger that goes away while a request runs is told on stderr, once."""
    from llmledger.ledger import Manners

    # The writer has a thread of its own, which would not know this command's streams.
    context = copy_context()
    pass_on = surroundings().config.on_ledger_failure == "pass"
    return Manners(pass_on=pass_on, warn=lambda text: context.copy().run(warn, text))


def _home_zone() -> str:
    """The zone that a new ledger belongs to for good. Raises UsageError for one that was set and does not exist."""
    world = surroundings()
    told = world.zone_name()
    if told is not None:
        zone_named(told)
        return told
    return machine_zone(world.environ) or "UTC"


def machine_zone(environ: Mapping[str, str], localtime: Path = LOCALTIME) -> str | None:
    """The IANA name of this machine's time zone, from TZ or where its zone file points; None when neither tells."""
    told = environ.get("TZ", "").removeprefix(":")
    linked = str(localtime.resolve()) if localtime.is_symlink() else ""
    for name in (told, linked.partition("/zoneinfo/")[2]):
        with suppress(ZoneInfoNotFoundError, ValueError, OSError):
            if name:
                return "UTC" if name == "Etc/UTC" else ZoneInfo(name).key
    return None
