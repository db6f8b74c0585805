"""Requests that nobody bills pass without a row; an answer that tells the end of an earlier response completes its row."""

from llmledger.dialects._contract import Meter, RequestFacts
from llmledger.errors import UpstreamError
from llmledger.operations import request_headers as header
from llmledger.operations.complete import Poll
from llmledger.operations.wire import is_poll, open_meter
from llmledger.proxy.exchange import Asked, World
from llmledger.proxy.incoming import ClientGone, Incoming, Send
from llmledger.proxy.replies import reply
from llmledger.upstream.aio import Exchange


async def pass_on(world: World, asked: Asked, incoming: Incoming, send: Send) -> None:
    """Relay a request that costs nothing; it makes no row."""
    raw = header.forwarded(asked.raw, identity=False)
    try:
        body = await incoming.read_kept()
        if not incoming.is_whole:
            raw.extend(header.length_of(asked.headers))
        payload = (body or None) if incoming.is_whole else incoming.all()
        answer = await world.upstream.send(asked.method, asked.url, raw, payload)
    except ClientGone:
        return
    except UpstreamError as error:
        await reply(send, 502, f"{asked.route.provider}: {error.message}")
        return
    meter = _poll_meter(asked, answer)
    await send(
        {
            "type": "http.response.start",
            "status": answer.status,
            "headers": header.answered(answer.headers, None, has_length=answer.has_body or asked.method == "HEAD"),
        }
    )
    try:
        while chunk := await answer.read():
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
            if meter is not None:
                meter.feed(chunk)
    except UpstreamError:
        return
    finally:
        answer.close()
    await send({"type": "http.response.body", "body": b"", "more_body": False})
    if meter is not None:
        world.on_polled(Poll(provider=asked.route.provider, path=asked.route.endpoint, reading=meter.finish()))


def _poll_meter(asked: Asked, answer: Exchange) -> Meter | None:
    """A meter for an answer that may tell how an earlier response ended."""
    if not is_poll(asked.method, asked.route.endpoint) or answer.status != 200:
        return None
    encoding = next(
        (value.decode("latin-1") for name, value in answer.headers if name.lower() == b"content-encoding"), None
    )
    return open_meter(asked.route, RequestFacts(), encoding)
