"""`llmledger proxy`: meter every client that can be given a base URL; as a service of the user if wanted."""

from typing import Annotated

import typer

from llmledger.cli._context import surroundings
from llmledger.cli._options import LedgerOption
from llmledger.cli._proxy import service
from llmledger.cli._render import note
from llmledger.errors import UsageError

SUMMARY = "Meter the programs you already use: they change a base URL and nothing else."

app = typer.Typer(add_completion=False, rich_markup_mode=None)
app.command("install")(service.install)
app.command("status")(service.status)
app.command("uninstall")(service.uninstall)


@app.callback(invoke_without_command=True)
def command(
    ctx: typer.Context,
    host: Annotated[
        str | None,
        typer.Option("--host", metavar="ADDRESS", help="Loopback by default; others need LLMLEDGER_PROXY_KEY."),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option("--port", metavar="N", min=0, max=65535, help="4747 by default; 0 takes a free one."),
    ] = None,
    workers: Annotated[
        int, typer.Option("--workers", metavar="N", min=1, max=64, help="Processes on one port and ledger.")
    ] = 1,
    on_disconnect: Annotated[
        str | None,
        typer.Option("--on-disconnect", metavar="drain|abort", help="When a client leaves: read on, or stop too."),
    ] = None,
    verbose: Annotated[bool, typer.Option("-v", "--verbose", help="One line for each request, on stderr.")] = False,
    json_log: Annotated[bool, typer.Option("--json-log", help="The same as one JSON object a line.")] = False,
    ledger: LedgerOption = None,
) -> None:
    """Meter the programs you already use: they change a base URL and nothing else.

    Every request makes one row, with its usage and cost as the provider told them. `install` has it run always.
    """
    if ctx.invoked_subcommand is not None:
        return
    from llmledger.cli._connect.tools import unconnected
    from llmledger.cli._proxy.serve import Service, serve_alone, serve_with_workers
    from llmledger.cli._proxy.text import ACCESS_KEY_VARIABLE, finished_json, finished_line, what_to_set
    from llmledger.proxy.safety import LOOPBACK
    from llmledger.proxy.serve import Place, bind

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
    with bind(place) as listener:
        place = Place(host=place.host, port=listener.getsockname()[1])
        service = Service(
            place=place,
            ledger=ledger,
            access_key=access_key,
            on_disconnect=policy,
            tell=finished_json if json_log else finished_line if verbose else None,
        )

        def greet() -> None:
            note(what_to_set(place.url, unconnected(world)))

        if workers == 1:
            serve_alone(listener, service, greet)
        else:
            serve_with_workers(listener, service, workers, greet)
    note("The proxy has stopped; every request is in the ledger.")
