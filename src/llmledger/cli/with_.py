"""`llmledger with COMMAND`: run any program metered, without changing its settings."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from contextvars import copy_context
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated

import typer

from llmledger.cli._attribution import (
    ClientOption,
    OperationOption,
    ProjectOption,
    SessionOption,
    TagOption,
    TeamOption,
    UserOption,
)
from llmledger.cli._context import surroundings
from llmledger.cli._options import LedgerOption
from llmledger.cli._render import note, warn
from llmledger.errors import StorageError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from llmledger.core.request import Attribution, Finished

SUMMARY = "Run any program metered, and say at its end what it cost."
HOST = "127.0.0.1"

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@dataclass(slots=True)
class Tally:
    """What the program's requests came to; filled by the proxy's thread, read when that has ended."""

    requests: int = 0
    unpriced: int = 0
    estimated: int = 0
    nanousd: int = 0

    def add(self, finished: "Finished") -> None:
        """Count one request."""
        from llmledger.core.words import UsageQuality

        self.requests += 1
        if finished.charged.cost_nanousd is None:
            self.unpriced += 1
        else:
            self.nanousd += finished.charged.cost_nanousd
        self.estimated += finished.usage_quality in (UsageQuality.PARTIAL, UsageQuality.ESTIMATED)


@app.command("with", context_settings={"allow_interspersed_args": False})
def command(
    program: Annotated[list[str], typer.Argument(metavar="COMMAND...", help="The program and its arguments.")],
    client: ClientOption = None,
    user: UserOption = None,
    team: TeamOption = None,
    project: ProjectOption = None,
    operation: OperationOption = None,
    session: SessionOption = None,
    tag: TagOption = None,
    ledger: LedgerOption = None,
) -> None:
    """Run any program metered, and say at its end what it cost.

    A proxy runs while the program does, and the program is told its address in the variables that it understands.
    The program's exit code is passed on. For example: llmledger with --project acme -- claude -p "Hello"
    """
    from llmledger.cli._attribution import attribution
    from llmledger.cli._child import run_child
    from llmledger.cli._with_means import means_for
    from llmledger.clients._contract import Proxy

    world = surroundings()
    flags = {
        "client": client,
        "user": user,
        "team": team,
        "project": project,
        "operation": operation,
        "session": session,
    }
    who = replace(attribution(flags, tag), app=None)
    tally, began = Tally(), world.now()
    with ExitStack() as stack:
        try:
            # Only the start is forgiven: after it the program has run, and must not run once more.
            url = stack.enter_context(_metered(ledger, who, tally))
        except (StorageError, _CannotListen) as error:
            warn(f"{error.message.rstrip('.')}. The program runs without being metered.")
            raise typer.Exit(run_child(program, world.environ)) from None
        means = means_for(world, program, Proxy(url))
        code = run_child(means.command, {**world.environ, **means.variables})
    seconds = (world.now() - began).total_seconds()
    note(closing_line(tally, who.project or who.client or program[0], seconds), style_name="dim")
    raise typer.Exit(code)


class _CannotListen(UsageError):
    """No port could be had for the proxy."""


@contextmanager
def _metered(ledger: "Path | None", who: "Attribution", tally: Tally) -> Iterator[str]:
    """A proxy in a thread of its own; at the end requests are served, written down and counted. Gives its address."""
    from llmledger.cli._proxy.setup import proxy_setup
    from llmledger.cli._writing import writing
    from llmledger.proxy.application import application
    from llmledger.proxy.serve import Place, bind, run

    try:
        listener = bind(Place(host=HOST, port=0))
    except UsageError as error:
        raise _CannotListen(error.message) from None
    url = Place(host=HOST, port=listener.getsockname()[1]).url
    stoppers: list[Callable[[], None]] = []
    is_ready = threading.Event()

    def started(stop: Callable[[], None]) -> None:
        stoppers.append(stop)
        is_ready.set()

    with listener, writing(ledger) as opened:
        setup = replace(proxy_setup(opened, HOST, who), on_finished=tally.add)

        def serve() -> None:
            try:
                run(listener, lambda: application(setup), on_server=started)
            except Exception as reason:  # noqa: BLE001 - the program runs all the same, and its user is told
                warn(f"the proxy has ended: {reason}")

        thread = threading.Thread(target=copy_context().run, args=(serve,))
        thread.start()
        while not is_ready.wait(0.1):
            if not thread.is_alive():
                raise _CannotListen("the proxy could not be started")
        try:
            yield url
        finally:
            stoppers[0]()
            thread.join()


def closing_line(tally: Tally, name: str, seconds: float) -> str:
    """What the program came to, on one line."""
    from llmledger.core.counted import counted
    from llmledger.core.money import money_text

    minutes, rest = divmod(round(seconds), 60)
    took = f"{minutes} min" if minutes else f"{rest} s"
    known = tally.unpriced < tally.requests or not tally.requests
    cost = f"{'~' if tally.estimated else ''}{money_text(tally.nanousd if known else None)}"
    unpriced = f"+ ({tally.unpriced:,} unpriced)" if tally.unpriced and known else ""
    return f"{name}: {counted(tally.requests, 'request')}, {cost}{unpriced}, {took}"
