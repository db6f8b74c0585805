"""A real HTTP server on loopback that answers with what the test scripted, byte for byte.

Nothing waits by time: a `Wait` in a script holds the answer until the test sets its event, or until a deadline.
"""

import json
import socket
import struct
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

DEADLINE = 60.0
"""Seconds that anything may take before the test fails: nothing comes near, but on a machine that others keep busy."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Hold the body here until the event is set."""

    event: threading.Event


@dataclass(frozen=True, slots=True)
class Reset:
    """Break the connection here with a TCP reset."""


@dataclass(frozen=True, slots=True)
class HangUp:
    """Close the connection here without finishing the body."""


Step = bytes | Wait | Reset | HangUp


@dataclass(frozen=True, slots=True)
class Answer:
    """A scripted response: status, headers and the steps of the body."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    steps: Sequence[Step] = ()
    chunked: bool = False
    """Send every piece of bytes as one chunk of its own."""


def json_answer(body: Any, status: int = 200, **headers: str) -> Answer:
    """A whole JSON response."""
    content = {"content-type": "application/json"} | {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, content, (json.dumps(body).encode(),))


def stream_answer(pieces: Iterable[Step], status: int = 200, content_type: str = "text/event-stream") -> Answer:
    """A chunked response whose pieces arrive one by one."""
    return Answer(status, {"content-type": content_type}, tuple(pieces), chunked=True)


@dataclass(frozen=True, slots=True)
class Received:
    """A request as it reached the server."""

    method: str
    path: str
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


class Upstream:
    """The server: answers requests in the order of the script, or by a function of the request."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.connections = 0
        self._script: list[Answer] = []
        self._reply: Callable[[Received], Answer] | None = None
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        self._server.on_connection = self._connected
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """Where it listens, without a slash at the end."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self._server.server_address[1])

    def answers(self, *script: Answer) -> None:
        """Answer the next requests with these, in order; the last one is repeated."""
        with self._lock:
            self._script.extend(script)

    def replies(self, reply: Callable[[Received], Answer]) -> None:
        """Answer every request by a function."""
        self._reply = reply

    def next_answer(self, request: Received) -> Answer:
        """Note a request and choose its answer."""
        with self._lock:
            self.received.append(request)
            if self._reply is not None:
                return self._reply(request)
            if not self._script:
                return json_answer({"error": {"message": "nothing was scripted"}}, 500)
            return self._script.pop(0) if len(self._script) > 1 else self._script[0]

    def _connected(self) -> None:
        with self._lock:
            self.connections += 1

    def close(self) -> None:
        """Stop listening and wait for the server's thread."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(DEADLINE)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    on_connection: Callable[[], None]

    def process_request(self, request: Any, client_address: Any) -> None:
        """Count a connection, then serve it."""
        self.on_connection()
        super().process_request(request, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is part of the tests."""


def _handler(upstream: Upstream) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            request = Received(self.command, self.path, headers, _body(self, headers))
            _send(self, upstream.next_answer(request))

        do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_PATCH = do_OPTIONS = handle_any  # noqa: N815

        def log_message(self, *_: Any) -> None:
            return

    return Handler


def _body(handler: BaseHTTPRequestHandler, headers: Mapping[str, str]) -> bytes:
    if headers.get("transfer-encoding", "").lower() != "chunked":
        return handler.rfile.read(int(headers.get("content-length", 0)))
    pieces = []
    while size := int(handler.rfile.readline().split(b";")[0], 16):
        pieces.append(handler.rfile.read(size))
        handler.rfile.readline()
    handler.rfile.readline()
    return b"".join(pieces)


def _send(handler: BaseHTTPRequestHandler, answer: Answer) -> None:
    handler.send_response(answer.status)
    for name, value in answer.headers.items():
        handler.send_header(name, value)
    if answer.chunked:
        handler.send_header("transfer-encoding", "chunked")
    elif "content-length" not in {name.lower() for name in answer.headers}:
        handler.send_header("content-length", str(sum(len(step) for step in answer.steps if isinstance(step, bytes))))
    handler.end_headers()
    if _send_steps(handler, answer) and answer.chunked:
        handler.wfile.write(b"0\r\n\r\n")


def _send_steps(handler: BaseHTTPRequestHandler, answer: Answer) -> bool:
    """Send the body; False when the script broke it off."""
    for step in answer.steps:
        if isinstance(step, bytes):
            handler.wfile.write(b"%x\r\n%b\r\n" % (len(step), step) if answer.chunked else step)
            handler.wfile.flush()
        elif isinstance(step, Wait):
            step.event.wait(DEADLINE)
        else:
            _break_off(handler, reset=isinstance(step, Reset))
            return False
    return True


def _break_off(handler: BaseHTTPRequestHandler, *, reset: bool) -> None:
    handler.close_connection = True
    if reset:
        handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        handler.connection.close()
    else:
        handler.connection.shutdown(socket.SHUT_RDWR)
