"""The proxy as a plain ASGI application: who may pass, where it goes, whether it makes a row."""

from collections.abc import Callable, MutableMapping
from typing import Any
from urllib.parse import unquote

from llmledger.dialects import load
from llmledger.errors import UpstreamError, UpstreamUnreachable
from llmledger.operations import request_headers as header
from llmledger.operations.wire import is_free
from llmledger.proxy.embedded import Embedded
from llmledger.proxy.exchange import Asked, Metered, World
from llmledger.proxy.incoming import ClientGone, Incoming, Receive, Send
from llmledger.proxy.passing import pass_on
from llmledger.proxy.replies import reply, reply_json
from llmledger.proxy.routing import Route, Routes, is_safe, split
from llmledger.proxy.safety import Guard


class ProxyApp:
    """The application; `state` answers `/healthz`."""

    def __init__(
        self,
        world: World,
        routes: Routes,
        guard: Guard,
        state: Callable[[], dict[str, object]],
        *,
        embedded: Embedded | None = None,
    ) -> None:
        self._embedded = embedded
        self._world = world
        self._routes = routes
        self._guard = guard
        self._state = state

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            return
        raw = scope["headers"]
        headers = header.lowered(raw)
        refusal = self._guard.refusal(raw, headers)
        if refusal is not None:
            await reply(send, refusal.status, refusal.message)
            return
        if "upgrade" in headers:
            await reply(send, 426, "only HTTP/1.1 is proxied, without an upgrade to WebSockets or HTTP/2")
            return
        path = scope["raw_path"].decode("latin-1")
        if path == "/healthz":
            await reply_json(send, 200, self._state())
            return
        await self._proxied(scope, path, headers, Incoming(receive), send)

    async def _proxied(
        self, scope: MutableMapping[str, Any], path: str, headers: dict[str, str], incoming: Incoming, send: Send
    ) -> None:
        apart = split(path)
        query = scope["query_string"].decode("latin-1")
        if not is_safe(apart.path):
            await reply(send, 404, "a path begins with / and has no empty part (//), no .. and no backslash")
            return
        route = self._routes.named(apart.path) or await self._guessed(apart.path, headers, query, incoming)
        if route is None:
            await reply(
                send, 404, "no provider is known for this path; it begins with a provider's name, as /openai/v1"
            )
            return
        if route.is_embedded and self._embedded is not None:
            route = await self._started(route, self._embedded, incoming, send)
            if route is None:
                return
        asked = Asked(
            method=scope["method"],
            route=route,
            query=query,
            raw=scope["headers"],
            headers=headers,
            prefixes={name: unquote(value)[:200] for name, value in apart.words.items()},
        )
        if is_free(asked.method, route.endpoint):
            await pass_on(self._world, asked, incoming, send)
        else:
            await Metered(self._world, asked, incoming, send).run()

    async def _started(self, route: Route, embedded: Embedded, incoming: Incoming, send: Send) -> Route | None:
        """The route to a model of our own, once it runs; None when that was answered here."""
        try:
            if route.endpoint.endswith("/models"):
                await reply_json(send, 200, embedded.listed())
                return None
            return await embedded.reached(route, await incoming.read_kept())
        except ClientGone:
            return None
        except UpstreamError as error:
            where = 502 if isinstance(error, UpstreamUnreachable) else 404
            await reply(send, where, " ".join(filter(None, (f"{route.provider}: {error.message}", error.hint))))
            return None

    async def _guessed(self, path: str, headers: dict[str, str], query: str, incoming: Incoming) -> Route | None:
        try:
            body = await incoming.read_kept()
        except ClientGone:
            return None
        return self._routes.guessed(path, headers, query, lambda: load("openai_chat").read_request(body).model)
