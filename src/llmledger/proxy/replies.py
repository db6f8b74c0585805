"""The proxy's own answers: errors in the shape that the clients of every provider understand, and its health."""

import json
from collections.abc import Mapping

from llmledger.operations.request_headers import REQUEST_ID
from llmledger.proxy.incoming import Send

ERROR_TYPE = "llmledger_proxy"


async def reply(send: Send, status: int, message: str, *, request_id: str | None = None) -> None:
    """Answer with an error of our own; `error.type` tells it from a provider's."""
    await reply_json(send, status, {"error": {"message": message, "type": ERROR_TYPE}}, request_id=request_id)


async def reply_json(send: Send, status: int, body: Mapping[str, object], *, request_id: str | None = None) -> None:
    """Answer with an object."""
    content = json.dumps(body).encode()
    head = [(b"content-type", b"application/json"), (b"content-length", str(len(content)).encode())]
    if request_id is not None:
        head.append((REQUEST_ID, request_id.encode()))
    await send({"type": "http.response.start", "status": status, "headers": head})
    await send({"type": "http.response.body", "body": content, "more_body": False})
