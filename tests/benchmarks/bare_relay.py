"""The proxy's stack (plain ASGI, uvicorn, aiohttp) relaying to one address, without meter, ledger, guard or routes.

What the proxy costs beyond it is what metering costs. Run as `python -m tests.benchmarks.bare_relay UPSTREAM_PORT`.
"""

import asyncio
import socket
import sys
from typing import Any

import aiohttp
import uvicorn
from multidict import CIMultiDict
from yarl import URL

_ENDS_HERE = frozenset({b"host", b"connection", b"content-length", b"transfer-encoding", b"keep-alive"})


class _Relay:
    def __init__(self, session: aiohttp.ClientSession, base: str) -> None:
        self._session = session
        self._base = base

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body, is_more = b"", True
        while is_more:
            message = await receive()
            body, is_more = body + message.get("body", b""), message.get("more_body", False)
        headers = CIMultiDict(
            (name.decode("latin-1"), value.decode("latin-1"))
            for name, value in scope["headers"]
            if name not in _ENDS_HERE
        )
        url = URL(self._base + scope["raw_path"].decode(), encoded=True)
        async with self._session.request(scope["method"], url, headers=headers, data=body) as answer:
            kept = [(name, value) for name, value in answer.raw_headers if name.lower() != b"transfer-encoding"]
            await send({"type": "http.response.start", "status": answer.status, "headers": kept})
            async for chunk in answer.content.iter_any():
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _serve(port: int) -> None:
    listening = socket.create_server(("127.0.0.1", 0), backlog=1024)
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, auto_decompress=False) as session:
        relay = _Relay(session, f"http://127.0.0.1:{port}")
        settings = uvicorn.Config(
            relay, log_level="critical", access_log=False, lifespan="off", server_header=False, date_header=False
        )
        print(listening.getsockname()[1], flush=True)
        await uvicorn.Server(settings).serve(sockets=[listening])


if __name__ == "__main__":
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(int(sys.argv[1])))
