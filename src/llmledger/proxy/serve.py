"""Run the proxy on an address until it is told to stop; then let requests end, and lose no row."""

import asyncio
import contextlib
import logging
import signal
import socket
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from dataclasses import dataclass
from typing import Any

import uvicorn

from llmledger.errors import UsageError
from llmledger.proxy.connection import Connection
from llmledger.proxy.incoming import Receive, Send

App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

KEEP_ALIVE_S = 75
GRACE_S = 30
"""Seconds that requests in flight get to end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the proxy listens."""

    host: str
    port: int

    @property
    def url(self) -> str:
        """Its address, for people and settings."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"


class _Server(uvicorn.Server):
    """A server that ends when it is told to, instead of killing the process by the signal once more."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    def listen_to_signals(self) -> None:
        """End at SIGINT and SIGTERM; at a second one without waiting for requests."""
        loop = asyncio.get_running_loop()
        # Only the main thread may catch signals; elsewhere somebody else stops the server.
        with contextlib.suppress(ValueError, RuntimeError, NotImplementedError):
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(number, self.handle_exit, number, None)


def bind(place: Place) -> socket.socket:
    """Take the address before anything else is started. Raises UsageError when somebody has it already."""
    family = socket.AF_INET6 if ":" in place.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((place.host, place.port))
    except OSError as error:
        listener.close()
        reason = error.strerror or "it cannot be used"
        hint = "Is a proxy running already? Choose another port: --port"
        raise UsageError(f"cannot listen on {place.url}: {reason}", hint=hint) from None
    listener.listen(1024)
    listener.setblocking(False)
    return listener


def run(
    listener: socket.socket,
    application: Callable[[], contextlib.AbstractAsyncContextManager[App]],
    *,
    on_server: Callable[[Callable[[], None]], None] = lambda _: None,
    grace_s: int = GRACE_S,
) -> None:
    """Serve until SIGINT or SIGTERM. `on_server` is called when signals end it, with a function that stops it too.

    Requests in flight then get `grace_s` seconds to end; those that do not are cancelled, and have their rows.
    """

    async def serve() -> None:
        async with application() as app:
            server = _Server(_config(app, grace_s))
            server.listen_to_signals()
            loop = asyncio.get_running_loop()

            def stop() -> None:
                loop.call_soon_threadsafe(setattr, server, "should_exit", True)

            on_server(stop)
            await server.serve(sockets=[listener])

    with asyncio.Runner(loop_factory=_config(None, grace_s).get_loop_factory()) as runner:
        runner.run(serve())


def _config(app: App | None, grace_s: int) -> uvicorn.Config:
    # What the server would log are connections that ended in the middle, which rows tell better.
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
    return uvicorn.Config(
        app,  # type: ignore[arg-type]
        http=Connection,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=grace_s,
    )
