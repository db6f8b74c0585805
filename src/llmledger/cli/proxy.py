"""`llmledger proxy`: meter every client that can be given a base URL."""

import socket
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from llmledger.cli._context import surroundings
from llmledger.cli._options import LedgerOption
from llmledger.cli._render import note, warn
from llmledger.errors import UsageError

if TYPE_CHECKING:
    from llmledger.core.request import Attribution

SUMMARY = "Meter the programs you already use: they change a base URL and nothing else."
ACCESS_KEY_VARIABLE = "LLMLEDGER_PROXY_KEY"


def command(
    host: Annotated[str | None, typer.Option("--host", metavar="ADDRESS", help="Loopback by default.")] = None,
    port: Annotated[
        int | None, typer.Option("--port", metavar="N", help="4747 by default; 0 takes a free one.")
    ] = None,
    on_disconnect: Annotated[
        str | None,
        typer.Option("--on-disconnect", metavar="drain|abort", help="When a client leaves: read on, or stop too."),
    ] = None,
    verbose: Annotated[bool, typer.Option("-v", "--verbose", help="One line for each request, on stderr.")] = False,
    json_log: Annotated[bool, typer.Option("--json-log", help="The same as one JSON object a line.")] = False,
    ledger: LedgerOption = None,
) -> None:
    """Meter the programs you already use: they change a base URL and nothing else.

    Every request makes one row, with its usage and cost as the provider told them.
    """
    from llmledger.cli._proxy_setup import proxy_setup
    from llmledger.cli._proxy_text import finished_json, finished_line, what_to_set
    from llmledger.cli._writing import writing
    from llmledger.ledger import Manners
    from llmledger.proxy.application import application
    from llmledger.proxy.safety import LOOPBACK
    from llmledger.proxy.serve import Place, bind, run

    world = surroundings()
    settings = world.config.proxy
    access_key = world.environ.get(ACCESS_KEY_VARIABLE) or None
    place = Place(host=host or settings.host, port=settings.port if port is None else port)
    if place.host not in LOOPBACK and access_key is None:
        raise UsageError(
            f"on {place.host} others could spend your money: set an access key first",
            hint=f"Set {ACCESS_KEY_VARIABLE}; clients send it in the header x-llmledger-key. Or stay on 127.0.0.1.",
        )
    policy = on_disconnect or settings.on_disconnect
    if policy not in ("drain", "abort"):
        raise UsageError(f"--on-disconnect {policy!r} is unknown", hint="Give drain or abort.")
    tell = finished_json if json_log else finished_line if verbose else None
    listener = bind(place)
    place = Place(host=place.host, port=listener.getsockname()[1])
    manners = Manners(pass_on=world.config.on_ledger_failure == "pass", warn=warn)
    with listener, writing(ledger, manners=manners) as opened:
        setup = replace(
            proxy_setup(opened, place.host, _default_attribution()), access_key=access_key, on_disconnect=policy
        )
        if tell is not None:
            setup = replace(setup, on_finished=lambda finished: note(tell(finished)))
        run(listener, lambda: application(setup), on_server=lambda _: note(what_to_set(place.url)))
    note("The proxy has stopped; every request is in the ledger.")


def _default_attribution() -> "Attribution":
    """For whom requests are that say nothing themselves: the settings and the environment, but not this folder."""
    from llmledger.core.request import Attribution

    world = surroundings()

    def told(name: str) -> str | None:
        return world.environ.get(f"LLMLEDGER_{name.upper()}") or world.config.attribution.get(name)

    return Attribution(
        client=told("client"),
        user=told("user"),
        team=told("team"),
        project=told("project"),
        operation=told("operation"),
        host=socket.gethostname() or None,
    )
