"""One proxied request that is metered: durable before it goes upstream, served first, written down after."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from llmledger.core.request import Begun, Finished, SoFar, id_text
from llmledger.core.words import Status
from llmledger.errors import StorageError, UpstreamError, UpstreamTimeout, UpstreamUnreachable
from llmledger.operations import request_headers as header
from llmledger.operations.complete import Poll
from llmledger.operations.passage import Passage, flagged
from llmledger.operations.record import Opening, Recorder
from llmledger.operations.usage_option import UsageHider, with_usage_asked
from llmledger.operations.wire import CLIENT_GONE, Keeper, open_request, over_limit
from llmledger.proxy.credentials import SWITCHED, Credentials
from llmledger.proxy.incoming import ClientGone, Incoming, Send
from llmledger.proxy.records import Records
from llmledger.proxy.replies import reply
from llmledger.proxy.routing import Route
from llmledger.upstream.aio import AioUpstream, Exchange

MOST_DRAINS = 64
"""Answers that are read on at the same time after their clients left; beyond that the provider is stopped."""

LONGEST_DRAIN_S = 900.0


@dataclass(slots=True, kw_only=True)
class World:
    """What every exchange of one proxy shares."""

    recorder: Recorder
    records: Records
    upstream: AioUpstream
    monotonic: Callable[[], float]
    keeper: Keeper
    on_disconnect: str = "drain"
    on_finished: Callable[[Finished], None] = lambda _: None
    on_trouble: Callable[[str], None] = lambda _: None
    on_polled: Callable[[Poll], None] = lambda _: None
    credentials: Credentials = field(default_factory=Credentials)
    draining: int = 0
    live: "set[Metered]" = field(default_factory=set)
    """What is being relayed at this moment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request as it came."""

    method: str
    route: Route
    query: str
    raw: header.Raw
    headers: Mapping[str, str]
    prefixes: Mapping[str, str] = field(default_factory=dict)
    """What the path says for whom it is: `project`, `user`."""

    @property
    def url(self) -> str:
        """Where it goes."""
        return f"{self.route.url}?{self.query}" if self.query else self.route.url


class Metered:
    """One request that makes a row."""

    def __init__(self, world: World, asked: Asked, incoming: Incoming, send: Send) -> None:
        self._world = world
        self._asked = asked
        self._incoming = incoming
        self._send = send
        self._passage = Passage(asked.route, world.monotonic)
        self._has_left = False
        self._is_served = False
        self._has_switched = False
        self._drain_end: asyncio.TimerHandle | None = None
        self._begun: Begun | None = None
        self._watch: asyncio.Future[Any] | None = None

    async def run(self) -> None:
        """Serve the request and write its row, whatever happens to either side."""
        world = self._world
        try:
            body = await self._incoming.read_kept()
        except ClientGone:
            return
        begun = world.recorder.draft(self._opening(body), started_at=world.recorder.now())
        if (refusal := over_limit(begun, self._asked.headers)) is not None:
            await reply(self._send, 402, refusal)
            return
        try:
            await world.records.begin(begun)
        except StorageError as error:
            await reply(self._send, 503, f"the request was not sent: {error.message}")
            return
        await self._recorded(begun, body)

    async def _recorded(self, begun: Begun, body: bytes) -> None:
        """Serve a request that is durable; its row is written even when this task is cancelled."""
        ended: tuple[Status, str | None] = (Status.CANCELLED, "shutdown")
        self._begun = begun
        self._world.live.add(self)
        try:
            ended = await self._served(begun, body)
        except Exception:
            ended = Status.FAILED, "proxy_error"
            raise
        finally:
            self._world.live.discard(self)
            # The loop writes the last bytes when this turn ends; the row is worked out in the next one.
            asyncio.get_running_loop().call_soon(self._finish, begun, *ended)

    def so_far(self) -> tuple[bytes, SoFar] | None:
        """Whose answer is being relayed, and what it has used by now; None before it begins."""
        if self._begun is None or self._passage.meter is None:
            return None
        return self._begun.request_id, self._world.recorder.so_far(self._begun, self._passage.meter.so_far)

    def _opening(self, body: bytes) -> Opening:
        asked = self._asked
        keeper = self._world.keeper.beneath(asked.prefixes)
        opening, self._passage.facts = open_request(asked.route, asked.headers, asked.query, body, keeper)
        session = opening.attribution.session
        if self._world.credentials.has_switched(session, opening.billing):
            self._has_switched = True
            self._world.on_trouble(
                f"session {session} has changed from a subscription to an API key: from now on it costs money."
            )
        return opening

    async def _served(self, begun: Begun, body: bytes) -> tuple[Status, str | None]:
        """Send the request on and relay its answer; answers with how it ended."""
        asked = self._asked
        changed = None
        if self._incoming.is_whole:
            route = asked.route
            changed = with_usage_asked(body, self._passage.facts, dialect=route.dialect, provider=route.provider)
        raw = header.forwarded(asked.raw, identity=changed is not None)
        payload: Any = changed if changed is not None else body
        if not self._incoming.is_whole:
            payload = self._incoming.all()
            raw.extend(header.length_of(asked.headers))
        if self._incoming.is_whole and self._world.on_disconnect == "abort":
            self._watch = self._incoming.watch()
        try:
            answer = await self._head(raw, payload)
            return await self._relayed(begun, answer, hides=changed is not None)
        except ClientGone:
            return Status.CANCELLED, CLIENT_GONE
        except UpstreamError as error:
            return await self._failed(begun, error)
        finally:
            if self._watch is not None:
                self._watch.cancel()

    async def _head(self, raw: list[tuple[str, str]], payload: Any) -> Exchange:
        """The head of the answer; under `abort` a client that leaves ends the wait: ClientGone. Else UpstreamError."""
        going = self._world.upstream.send(self._asked.method, self._asked.url, raw, payload)
        if self._watch is None:
            return await going
        task = asyncio.ensure_future(going)
        await asyncio.wait({task, self._watch}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            task.cancel()
            raise ClientGone
        return await task

    async def _relayed(self, begun: Begun, answer: Exchange, *, hides: bool) -> tuple[Status, str | None]:
        low = {name.lower(): value.decode("latin-1") for name, value in answer.headers}
        self._passage.answer(answer.status, answer.headers, low.get(b"content-encoding"))
        is_stream = low.get(b"content-type", "").startswith("text/event-stream")
        hider = UsageHider() if hides and is_stream and b"content-encoding" not in low else None
        if self._watch is not None:
            self._watch_for_the_end_of(answer)
        has_length = hider is None and answer.has_body
        head = header.answered(answer.headers, id_text(begun.request_id), has_length=has_length)
        await self._send({"type": "http.response.start", "status": answer.status, "headers": head})
        try:
            await self._body(answer, hider, length=int(low.get(b"content-length", "0")))
        except UpstreamError:
            if not self._has_left:
                return Status.FAILED, "upstream_broke_off"
        finally:
            answer.close()
        if self._has_left and not self._is_served:
            return Status.CANCELLED, CLIENT_GONE
        return (Status.FAILED if answer.status >= 300 else Status.COMPLETED), None

    async def _body(self, answer: Exchange, hider: UsageHider | None, *, length: int) -> None:
        """Bytes to the client first, then to the meter. A body that breaks off is never ended as if it were whole."""
        loop, passage = asyncio.get_running_loop(), self._passage
        feed = passage.meter.feed if passage.meter is not None else None
        while chunk := await answer.read():
            if passage.first_ms is None:
                passage.first_ms = passage.elapsed_ms()
                if len(chunk) != length and self._watch is None:
                    self._watch_for_the_end_of(answer)
            out = hider.feed(chunk) if hider is not None else chunk
            if out and not self._has_left:
                await self._send({"type": "http.response.body", "body": out, "more_body": True})
            if feed is not None:
                # The loop writes what was sent when this turn ends; reading it can wait until then.
                loop.call_soon(feed, chunk)
        self._is_served = not answer.is_aborted
        rest = hider.rest() if hider is not None else b""
        await self._send({"type": "http.response.body", "body": rest, "more_body": False})

    def _watch_for_the_end_of(self, answer: Exchange) -> None:
        """Hear of the client's leaving while there is more of the answer to come."""
        if self._watch is None and self._incoming.is_whole:
            self._watch = self._incoming.watch()
        if self._watch is not None:
            self._watch.add_done_callback(lambda done: self._left(answer, is_gone=not done.cancelled()))

    def _left(self, answer: Exchange, *, is_gone: bool) -> None:
        """The client is gone before it got everything: read on for the true usage, or stop the provider."""
        if self._is_served or not is_gone:
            return
        self._has_left = True
        world = self._world
        if world.on_disconnect == "abort" or world.draining >= MOST_DRAINS:
            answer.abort()
            return
        world.draining += 1
        self._drain_end = asyncio.get_running_loop().call_later(LONGEST_DRAIN_S, answer.abort)

    async def _failed(self, begun: Begun, error: UpstreamError) -> tuple[Status, str | None]:
        """The provider could not be reached or said nothing in time; the client is told, in our words."""
        if isinstance(error, UpstreamUnreachable):
            status, kind = 502, "connect"
        elif isinstance(error, UpstreamTimeout):
            status, kind = 504, "timeout"
        else:
            status, kind = 502, "network"
        where = self._asked.route.provider
        await reply(self._send, status, f"{where}: {error.message}", request_id=id_text(begun.request_id))
        return Status.FAILED, kind

    def _finish(self, begun: Begun, status: Status, error_type: str | None) -> None:
        """Work out the row and hand it to the writer; the client has been served by now."""
        if self._drain_end is not None:
            self._drain_end.cancel()
            self._world.draining -= 1
        asked = self._asked
        ending = self._passage.ending(
            status, error_type, headers=asked.headers, query=asked.query, body=self._incoming.kept
        )
        if self._has_switched:
            ending = flagged(ending, SWITCHED)
        finished = self._world.recorder.settle(begun, ending)
        self._world.records.finish(finished)
        self._world.on_finished(finished)
