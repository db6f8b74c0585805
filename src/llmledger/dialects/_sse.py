"""Server-sent events, decoded from bytes that are cut anywhere, in bounded memory.

Source: https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from dataclasses import dataclass

EVENT_BOUND = 32 * 1024 * 1024
"""Bytes of one event that are kept; a longer one (an image in base64) is dropped and counted."""

_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Event:
    """One event: its name (empty when none was given) and its data lines joined by newlines, still UTF-8."""

    name: str
    data: bytes


class SseDecoder:
    """Turns bytes into events. Comments, ids, retry times and fields of other names are skipped."""

    __slots__ = ("_bound", "_data", "_held", "_name", "_pending", "_size", "_skip_lf", "_started", "dropped")

    def __init__(self, *, bound: int = EVENT_BOUND) -> None:
        self._bound = bound
        self._pending: list[bytes] = []
        self._held = 0
        self._data: list[bytes] = []
        self._size = 0
        self._name = ""
        self._skip_lf = False
        self._started = False
        self.dropped = 0
        """Events or lines that were larger than the bound."""

    def feed(self, chunk: bytes) -> list[Event]:
        """Take the next bytes; return the events that they completed."""
        if self._skip_lf and chunk:
            self._skip_lf = False
            if chunk[:1] == b"\n":
                chunk = chunk[1:]
        if not chunk:
            return []
        if self._is_one_event(chunk):
            return [Event("", chunk[6:-2])]
        if b"\n" not in chunk and b"\r" not in chunk:
            self._hold(chunk)
            return []
        return self._lines(chunk)

    def _is_one_event(self, chunk: bytes) -> bool:
        """Whether a chunk is just `data: ...` and a blank line, as nearly all are, and nothing is pending before it."""
        return (
            chunk.startswith(b"data: ")
            and chunk.endswith(b"\n\n")
            and chunk.find(b"\n") == len(chunk) - 2
            and self._started
            and not (self._held or self._data or self._size or self._name)
            and b"\r" not in chunk
            and len(chunk) <= self._bound
        )

    def finish(self) -> list[Event]:
        """The stream ended: complete the last event although its blank line is missing."""
        self._line(self._joined(b""))
        return self._dispatch()

    def _lines(self, chunk: bytes) -> list[Event]:
        if b"\r" in chunk:
            if chunk[-1:] == b"\r":
                self._skip_lf = True
            chunk = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        lines = chunk.split(b"\n")
        rest = lines.pop()
        events: list[Event] = []
        lines[0] = self._joined(lines[0])
        for line in lines:
            if line:
                self._line(line)
            else:
                events.extend(self._dispatch())
        self._hold(rest)
        return events

    def _hold(self, piece: bytes) -> None:
        if not piece:
            return
        self._held += len(piece)
        if self._held <= self._bound:
            self._pending.append(piece)
        else:
            self._pending.clear()

    def _joined(self, end: bytes) -> bytes:
        held, self._held = self._held, 0
        if held > self._bound:
            self._pending.clear()
            self.dropped += 1
            return b":"
        if held:
            end = b"".join((*self._pending, end))
            self._pending.clear()
        if not self._started and end:
            self._started = True
            return end.removeprefix(_BOM)
        return end

    def _line(self, line: bytes) -> None:
        field, _, value = line.partition(b":")
        value = value[1:] if value[:1] == b" " else value
        if field == b"data":
            self._size += len(value)
            if self._size <= self._bound:
                self._data.append(value)
        elif field == b"event":
            self._name = value[:200].decode("utf-8", "replace")

    def _dispatch(self) -> list[Event]:
        if not self._data and self._size <= self._bound:
            self._name = ""
            return []
        event = Event(self._name, b"\n".join(self._data))
        too_large = self._size > self._bound
        self._data, self._size, self._name = [], 0, ""
        if too_large:
            self.dropped += 1
            return []
        return [event]
