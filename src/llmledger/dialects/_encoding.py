"""Compressed response bodies, decoded for metering only: the bytes that pass stay as they came."""

import zlib
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any, TypeAlias

from llmledger.dialects._contract import Meter, Reading
from llmledger.dialects._values import Flags

Decoder: TypeAlias = Callable[[bytes], list[bytes]]

LIBRARIES = {"br": "brotli", "zstd": "zstandard"}
"""Encodings that need a package of their own."""

_STEP = 1024 * 1024
"""Bytes decoded at a time, so that a bomb does not fill the memory."""

_PIECE = 4096
_UNPACKED_BOUND = 8 * 1024 * 1024

_ZLIB_OR_GZIP = 32 + zlib.MAX_WBITS


class DecodedMeter:
    """A meter behind a content encoding. What cannot be decoded is not metered, and the reading says so."""

    __slots__ = ("_decode", "_flags", "_meter")

    def __init__(self, meter: Meter, encoding: str) -> None:
        self._meter = meter
        self._flags = Flags()
        self._decode: Decoder | None = _decoder(encoding)
        if self._decode is None:
            self._flags.add(f"undecoded_{encoding[:20]}")

    @property
    def so_far(self) -> Reading:
        """What is known at this moment."""
        return self._flagged(self._meter.so_far)

    def feed(self, chunk: bytes) -> str:
        """Take the next encoded bytes; return the text for the reader that they completed."""
        if self._decode is None:
            return ""
        try:
            pieces = self._decode(chunk)
        except Exception:
            # Each library has its own error for broken data.
            self._decode = None
            self._flags.add("encoding_broken")
            return ""
        return "".join([self._meter.feed(piece) for piece in pieces])

    def finish(self) -> Reading:
        """The response ended: answer for good."""
        return self._flagged(self._meter.finish())

    def _flagged(self, reading: Reading) -> Reading:
        flags = self._flags.names()
        return replace(reading, flags=(*reading.flags, *flags)) if flags else reading


def decoded(meter: Meter, encoding: str | None) -> Meter:
    """A meter for a body with a content encoding: gzip, deflate, and br or zstd where a decoder is installed."""
    name = (encoding or "").strip().casefold()
    return meter if name in {"", "identity"} else DecodedMeter(meter, name)


def unpacked(body: bytes, encoding: str | None) -> bytes:
    """A body without its content encoding, as far as it is there and readable, and at most some megabytes of it."""
    name = (encoding or "").strip().casefold()
    if name in {"", "identity"}:
        return body
    decode, pieces = _decoder(name), []
    size = at = 0
    try:
        while decode is not None and at < len(body) and size < _UNPACKED_BOUND:
            pieces += decode(body[at : at + _PIECE])
            at, size = at + _PIECE, sum(map(len, pieces))
    except Exception:
        # Each library has its own error for broken data; what came before it is what there is.
        return b"".join(pieces)
    return b"".join(pieces)


@cache
def can_decode(encoding: str) -> bool:
    """Whether a body in an encoding can be metered here."""
    if encoding in LIBRARIES:
        return find_spec(LIBRARIES[encoding]) is not None
    return encoding in {"gzip", "x-gzip", "deflate", "identity"}


def _decoder(encoding: str) -> Decoder | None:
    if encoding in {"gzip", "x-gzip", "deflate"}:
        return _Inflate()
    if encoding in LIBRARIES and can_decode(encoding):
        return _foreign(import_module(LIBRARIES[encoding]))
    return None


def _foreign(library: Any) -> Decoder:
    """A decoder of an installed library; they name their step differently."""
    decoder: Any = library.Decompressor() if hasattr(library, "Decompressor") else library.ZstdDecompressor()
    if hasattr(decoder, "decompressobj"):
        decoder = decoder.decompressobj()
    step = getattr(decoder, "process", None) or decoder.decompress
    return lambda chunk: [step(chunk)]


class _Inflate:
    """gzip, zlib, and the bare deflate that some servers send under zlib's name."""

    __slots__ = ("_head", "_inflate")

    def __init__(self) -> None:
        self._inflate = zlib.decompressobj(_ZLIB_OR_GZIP)
        self._head: bytes | None = b""
        """What came before anything was decoded, in case that it has to be read in the other way."""

    def __call__(self, chunk: bytes) -> list[bytes]:
        if self._head is None:
            return self._steps(chunk)
        self._head += chunk
        try:
            pieces = self._steps(chunk)
        except zlib.error:
            self._inflate = zlib.decompressobj(-zlib.MAX_WBITS)
            pieces, self._head = self._steps(self._head), None
        if pieces:
            self._head = None
        return pieces

    def _steps(self, chunk: bytes) -> list[bytes]:
        pieces = []
        while chunk:
            piece = self._inflate.decompress(chunk, _STEP)
            chunk = self._inflate.unconsumed_tail
            if piece:
                pieces.append(piece)
            if self._inflate.eof:
                break
        return pieces
