"""JSON that comes without events (one whole body, one object a line, a growing array), in bounded memory."""

import re

BODY_BOUND = 32 * 1024 * 1024
"""Bytes of a whole body, or of one object of a stream, that are kept."""

EDGE = 64 * 1024
"""Bytes kept of each end of a body that is larger than the bound."""

_TAIL_PIECES = 16

_OUTSIDE = re.compile(rb'["{}\[\]]')
_IN_STRING = re.compile(rb'["\n]|\\.', re.DOTALL)


class Edges:
    """The first and the last bytes of a body, for when its middle is too large to keep."""

    __slots__ = ("_head", "_tail")

    def __init__(self) -> None:
        self._head = b""
        self._tail: list[bytes] = []

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes."""
        if len(self._head) < EDGE:
            self._head += chunk[: EDGE - len(self._head)]
        self._tail.append(chunk[-EDGE:])
        if len(self._tail) > _TAIL_PIECES:
            self._tail = [b"".join(self._tail)[-EDGE:]]

    def ends(self) -> tuple[bytes, bytes]:
        """The first and the last bytes; of a short body both are all of it."""
        return self._head, b"".join(self._tail)[-EDGE:]


_QUOTE, _BACKSLASH, _NEWLINE, _OPEN = b'"\\\n{'


class JsonObjects:
    """Splits a stream into its outermost objects, whether one stands on each line or all in one array.

    A raw newline inside a string is never legal JSON, so there the stream was broken: what was open is given up.
    """

    __slots__ = ("_at", "_bound", "_buffer", "_depth", "_in_string", "_skipping", "_start", "dropped")

    def __init__(self, *, bound: int = BODY_BOUND) -> None:
        self._bound = bound
        self._buffer = bytearray()
        self._at = 0
        self._depth = 0
        self._start = -1
        self._in_string = False
        self._skipping = False
        self.dropped = 0
        """Objects that were larger than the bound."""

    def feed(self, chunk: bytes) -> list[bytes]:
        """Take the next bytes; return the objects that they completed."""
        self._buffer += chunk
        objects: list[bytes] = []
        while (found := self._next_mark()) is not None:
            self._mark(found, objects)
        self._forget()
        return objects

    @property
    def is_skipping(self) -> bool:
        """Whether an object that is larger than the bound is passing by."""
        return self._skipping

    def _next_mark(self) -> int | None:
        mark = (_IN_STRING if self._in_string else _OUTSIDE).search(self._buffer, self._at)
        if mark is None:
            # A backslash at the very end waits for the byte that it escapes.
            waits = self._in_string and self._buffer.endswith(b"\\", self._at)
            self._at = len(self._buffer) - waits
            return None
        self._at = mark.end()
        return mark[0][0]

    def _mark(self, mark: int, objects: list[bytes]) -> None:
        if self._in_string:
            if mark == _NEWLINE:
                self._depth, self._start, self._skipping = 0, -1, False
            self._in_string = mark == _BACKSLASH
        elif self._start < 0:
            if mark == _OPEN:
                self._start, self._depth = self._at - 1, 1
        elif mark == _QUOTE:
            self._in_string = True
        elif mark in b"{[":
            self._depth += 1
        else:
            self._depth -= 1
            if self._depth == 0:
                self._close(objects)

    def _close(self, objects: list[bytes]) -> None:
        if self._skipping:
            self.dropped += 1
        else:
            objects.append(bytes(self._buffer[self._start : self._at]))
        self._start, self._skipping = -1, False

    def _forget(self) -> None:
        """Let go of what no open object needs, and of an object that grew larger than the bound."""
        is_kept = self._start >= 0 and not self._skipping
        if is_kept and len(self._buffer) - self._start > self._bound:
            self._skipping, is_kept = True, False
        keep_from = self._start if is_kept else self._at
        del self._buffer[:keep_from]
        self._at -= keep_from
        self._start = min(self._start, 0)
