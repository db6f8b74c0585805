"""What an import takes from the world: prices, the clock, whose folder a log speaks of, how a source is paid."""

import socket
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from llmledger.cli._attribution import map_rules
from llmledger.cli._context import surroundings
from llmledger.cli._machine import home_of, open_book
from llmledger.errors import UsageError

if TYPE_CHECKING:
    from llmledger.core.request import Attribution
    from llmledger.ledger import Reader
    from llmledger.operations.import_logs import Means, SourceOrder
    from llmledger.operations.import_plan import Source

KINDS = ("api", "subscription", "local")


def means(since: datetime | None, progress: Callable[[int], None] = lambda _: None) -> "Means":
    """Prices, clock and attribution of this command line."""
    from llmledger.operations.import_logs import Means

    world = surroundings()
    return Means(prices=open_book(world), attribute=attributor(), now=world.now, since=since, progress=progress)


def attributor() -> "Callable[[Path | None, str | None], Attribution]":
    """For whom a log's request was made: the folder's git root and the map rules; no flag or variable of today."""
    from llmledger.operations._import_rows import without_git
    from llmledger.operations.attribute import Told, attribute

    world = surroundings()
    rules = map_rules()
    host, home = socket.gethostname() or None, home_of(world)

    def find(folder: Path | None, app: str | None) -> "Attribution":
        told = Told(configured=world.config.attribution, rules=rules, app=app, host=host)
        found = attribute(told, folder if folder is not None else Path("/nowhere"))
        return without_git(folder if folder != home else None, found)

    return find


def since_of(text: str | None) -> datetime | None:
    """What `--since` means now. Raises UsageError."""
    if text is None:
        return None
    from llmledger.core.period import Clock, parse_window

    world = surroundings()
    return parse_window(Clock(world.now(), world.zone_name() or "UTC"), since=text).since


def sources_of(source: str | None, paths: Sequence[Path] | None) -> "tuple[Source, ...]":
    """The sources to import: the one that was named, those of the files given, else all of this machine."""
    from llmledger.operations.import_plan import find_sources, named_source, recognised_sources

    world = surroundings()
    given = [path if path.is_absolute() else world.folder / path for path in (one.expanduser() for one in paths or ())]
    if source is not None and given:
        return (named_source(source, given),)
    if given:
        return recognised_sources(given)
    found = find_sources(home_of(world), world.environ)
    if source is None:
        return found
    named_source(source, ())
    return tuple(one for one in found if one.name == source)


def orders_of(sources: "Sequence[Source]", billing: str | None, reader: "Reader | None") -> "list[SourceOrder]":
    """Each source with its files and how it is paid: flag, settings, what was said once, the tool's config."""
    from llmledger.operations.import_logs import SourceOrder
    from llmledger.operations.import_plan import billing_of

    if billing is not None and billing not in KINDS:
        raise UsageError(f"--billing {billing!r} is unknown", hint=f"Give {', '.join(KINDS)}.")
    world, orders = surroundings(), []
    for source in sources:
        told = {**world.config.billing, **({source.name: billing} if billing else {})}
        kind = billing_of(source, home=home_of(world), environ=world.environ, told=told, reader=reader)
        orders.append(SourceOrder(name=source.name, files=source.files, billing=kind))
    return orders


def open_existing(stack: ExitStack, path: Path) -> "Reader | None":
    """The ledger to plan with, or None when there is none yet."""
    if not path.exists() or not path.stat().st_size:
        return None
    from llmledger.ledger import open_reader

    return stack.enter_context(open_reader(path))
