"""The models that run on this machine behind `/local/...`: each is started when it is first asked for, and ends with us."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from llmledger.dialects import load
from llmledger.errors import ConfigError, UpstreamError, UpstreamUnreachable
from llmledger.local.server import LocalServer
from llmledger.local.store import PULLABLE, LocalModel, installed
from llmledger.proxy.routing import Route

NAME = "local"
"""The provider whose models these are."""


class Embedded:
    """The kept models of this machine, and those of them that run."""

    def __init__(self, folder: Path, environ: Mapping[str, str]) -> None:
        """`folder` holds the models; `environ` is what their processes get."""
        self._folder = folder
        self._environ = environ
        self._running: dict[str, LocalServer] = {}
        self._starting = asyncio.Lock()

    def listed(self) -> dict[str, object]:
        """The models that can be asked, as OpenAI lists them."""
        models = [{"id": model.name, "object": "model", "owned_by": NAME} for model in installed(self._folder)]
        return {"object": "list", "data": models}

    async def reached(self, route: Route, body: bytes) -> Route:
        """The route to the model that a body asks for, once it answers. Raises UpstreamError, whose text is for clients."""
        asked = load(route.dialect or "openai_chat").read_request(body, path=route.endpoint).model
        address = await self._address(self._model(asked))
        return replace(route, url=address + route.endpoint)

    def close(self) -> None:
        """End all models."""
        for server in self._running.values():
            server.close()
        self._running.clear()

    def _model(self, asked: str | None) -> LocalModel:
        """The kept model of a name; the only one for a request that names none. A client's path is never opened."""
        models = installed(self._folder)
        found = [model for model in models if asked is None or model.name == asked.removeprefix(f"{NAME}/")]
        if len(found) == 1:
            return found[0]
        known = ", ".join(model.name for model in models) or "none; `llmledger models pull smollm2` fetches one"
        raise UpstreamError(f"no model is called {asked!r} here; there is: {known}")

    async def _address(self, model: LocalModel) -> str:
        async with self._starting:
            server = self._running.get(model.name)
            if server is not None and not server.is_running:
                server.close()
                server = None
            try:
                if server is None:
                    server = self._running[model.name] = self._started(model)
                return await asyncio.to_thread(lambda: server.address)
            except ConfigError as error:
                self._running.pop(model.name).close()
                raise UpstreamUnreachable(error.message, hint=error.hint) from None

    def _started(self, model: LocalModel) -> LocalServer:
        sampling = PULLABLE[model.name].sampling if model.name in PULLABLE else None
        return LocalServer.start(model.path, model.name, environ=self._environ, sampling=sampling)
