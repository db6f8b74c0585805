"""Amazon's binary event stream, decoded from bytes that are cut anywhere, in bounded memory.

A message is: total length, header length, checksum of both (4 bytes each), headers, payload, checksum of all. Checksums
are not verified: the bytes came through TLS, and a meter must read on.
Source: https://smithy.io/2.0/aws/amazon-eventstream.html
"""

import struct

MESSAGE_BOUND = 24 * 1024 * 1024
"""The format's own limit is 16 MiB of payload and 128 KiB of headers."""

_PRELUDE = 12
_CLOSING = 4
_FIXED_LENGTHS = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}
_BYTES, _STRING = 6, 7


class AwsEvents:
    """Turns bytes into (event name, payload) pairs; after a length that cannot be, the rest is given up."""

    __slots__ = ("_buffer", "is_broken")

    def __init__(self) -> None:
        self._buffer = bytearray()
        self.is_broken = False
        """Whether the bytes stopped making sense."""

    def feed(self, chunk: bytes) -> list[tuple[str, bytes]]:
        """Take the next bytes; return the events that they completed. Errors are named like events."""
        if self.is_broken:
            return []
        self._buffer += chunk
        events: list[tuple[str, bytes]] = []
        while len(self._buffer) >= _PRELUDE:
            total, head = struct.unpack_from(">II", self._buffer)
            if not _PRELUDE + _CLOSING + head <= total <= MESSAGE_BOUND:
                self.is_broken = True
                self._buffer.clear()
                break
            if len(self._buffer) < total:
                break
            headers = _headers(bytes(self._buffer[_PRELUDE : _PRELUDE + head]))
            payload = bytes(self._buffer[_PRELUDE + head : total - _CLOSING])
            del self._buffer[:total]
            events.append((headers.get(":event-type") or headers.get(":exception-type", ""), payload))
        return events


def _headers(data: bytes) -> dict[str, str]:
    """The text headers of a message; the others are skipped."""
    headers: dict[str, str] = {}
    at = 0
    while at + 2 <= len(data):
        name_end = at + 1 + data[at]
        kind = data[name_end] if name_end < len(data) else -1
        value_at = name_end + 1
        if kind in {_BYTES, _STRING}:
            length = int.from_bytes(data[value_at : value_at + 2], "big")
            value_at += 2
        elif kind in _FIXED_LENGTHS:
            length = _FIXED_LENGTHS[kind]
        else:
            break
        if kind == _STRING:
            name = data[at + 1 : name_end].decode("utf-8", "replace")
            headers[name] = data[value_at : value_at + length].decode("utf-8", "replace")
        at = value_at + length
    return headers
