"""Serving requests: alone in this process, or in several that share one socket."""

import os
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from llmledger.cli._attribution import default_attribution
from llmledger.cli._context import surroundings
from llmledger.cli._render import note, warn
from llmledger.errors import AnswerIsNo, LedgerError, UsageError

if TYPE_CHECKING:
    from llmledger.core.request import Finished
    from llmledger.proxy.serve import Place
    from llmledger.proxy.workers import Worker


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """What is served, and how it is told of."""

    place: "Place"
    ledger: Path | None
    access_key: str | None
    on_disconnect: str
    tell: "Callable[[Finished], str] | None"
    """One line for each request; None for none."""


def serve_alone(listener: socket.socket, service: Service, greet: Callable[[], None]) -> None:
    """Serve in this process until a signal ends it."""
    _serve(listener, service, lambda _: greet(), {})


def serve_with_workers(listener: socket.socket, service: Service, count: int, greet: Callable[[], None]) -> None:
    """Serve in `count` processes. Raises UsageError where processes cannot be forked, AnswerIsNo when they keep dying."""
    from llmledger.cli._writing import writing
    from llmledger.proxy.workers import Supervisor

    if not hasattr(os, "fork"):
        raise UsageError("--workers needs a system that can fork", hint="Leave it out: one process serves everybody.")
    with writing(service.ledger):
        # A ledger that cannot be opened is told once, and a new one is made once, before there are several.
        pass

    def work(worker: "Worker") -> int:
        try:
            about = {"worker": worker.number, "workers": worker.count, "pid": os.getpid()}
            _serve(listener, service, worker.is_ready, about)
        except LedgerError as problem:
            warn(problem.message)
            return problem.exit_code
        return 0

    if not Supervisor(work, count, time.monotonic, on_ready=greet, on_death=warn, on_stop=listener.close).run():
        raise AnswerIsNo("the workers died one after the other, so the proxy has stopped", hint="See: llmledger doctor")


def _serve(
    listener: socket.socket,
    service: Service,
    is_ready: Callable[[Callable[[], None]], None],
    about: Mapping[str, object],
) -> None:
    from llmledger.cli._proxy.setup import proxy_setup
    from llmledger.cli._writing import writing
    from llmledger.ledger import Manners
    from llmledger.proxy.application import application
    from llmledger.proxy.serve import run

    world = surroundings()
    manners = Manners(pass_on=world.config.on_ledger_failure == "pass", warn=warn)
    with writing(service.ledger, manners=manners) as opened:
        setup = replace(
            proxy_setup(opened, service.place.host, default_attribution()),
            access_key=service.access_key,
            on_disconnect=service.on_disconnect,
            about=about,
        )
        tell = service.tell
        if tell is not None:
            setup = replace(setup, on_finished=lambda finished: note(tell(finished)))
        run(listener, lambda: application(setup), on_server=is_ready)
