"""A provider that answers with any bytes at all, and a client that sends any: what no HTTP library would let through."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from tests.support.upstream import DEADLINE


class BareUpstream:
    """Answers every request with the same bytes; `received` holds each one's head and body as they came."""

    def __init__(self) -> None:
        self.received: list[tuple[bytes, bytes]] = []
        self.connections = 0
        self.may_go_on = threading.Event()
        self._answer = self._rest = b""
        self._hangs_up = False
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def answers(self, answer: bytes, *, rest: bytes = b"", hangs_up: bool = False) -> None:
        """Answer with these bytes from now on, and then end the connection or keep it; a rest waits until it may go on."""
        self._answer, self._rest, self._hangs_up = answer, rest, hangs_up

    def close(self) -> None:
        """Stop listening."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as stream:
            while head := _head(stream):
                low = head.lower()
                length = int(low.partition(b"content-length:")[2].partition(b"\r\n")[0] or 0)
                self.received.append((head, stream.read(length)))
                connection.sendall(self._answer)
                if self._rest and self.may_go_on.wait(DEADLINE):
                    connection.sendall(self._rest)
                if self._hangs_up:
                    return


def _head(stream: BinaryIO) -> bytes:
    """The lines up to the blank one; empty at the end of the connection."""
    lines = []
    while (line := stream.readline()) not in {b"\r\n", b""}:
        lines.append(line)
    return b"".join(lines) if line else b""


@contextmanager
def bare_upstream() -> Iterator[BareUpstream]:
    """Such a provider, for one test."""
    server = BareUpstream()
    try:
        yield server
    finally:
        server.close()


def exchange(url: str, *pieces: bytes) -> bytes:
    """Send bytes to an address, piece by piece, and read until it closes the connection."""
    host, port = url.removeprefix("http://").split(":")
    answer = b""
    with socket.create_connection((host, int(port)), timeout=DEADLINE) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, True)
        for piece in pieces:
            connection.sendall(piece)
        while data := connection.recv(65536):
            answer += data
    return answer
