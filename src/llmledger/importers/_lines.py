"""Reading JSON lines in bounded memory: only those that carry a marker are ever cut out, the rest is passed over."""

import re
from collections.abc import Iterable, Iterator, Sequence
from io import BytesIO
from typing import IO

from llmledger.importers._contract import Problem
from llmledger.importers._json import loads

BLOCK = 1 << 17
"""What is read at once and made of it stay in a processor's cache together."""
LONGEST_LINE = 8 << 20
"""A longer line is no usage record (they are pictures and file histories): passing over it keeps memory small."""
_BEGIN, _END = b"{}"


class MarkedLines:
    """The lines of a stream that carry one of some markers, newlines included, with the offset where each begins.

    `end` is the offset after the last whole line seen so far; a last line without its newline is given too when it is
    whole JSON, but `end` stays before it, since its writer may not have finished. Lines that cannot be JSON objects
    are problems. `block`: the bytes read at once; `longest`: those of a line from which on it is passed over.
    """

    def __init__(
        self,
        stream: IO[bytes],
        markers: Sequence[bytes],
        *,
        offset: int = 0,
        block: int = BLOCK,
        longest: int = LONGEST_LINE,
    ) -> None:
        self._stream = stream
        self._block, self._longest = block, longest
        self._marker = re.compile(b"|".join(re.escape(marker) for marker in markers)) if len(markers) > 1 else None
        self._only = markers[0]
        self.end = offset

    def blocks(self) -> Iterator[list[tuple[int, bytes] | Problem]]:
        """The marked lines and problems, block by block; after each, `end` is a checkpoint."""
        rest = b""
        while chunk := self._stream.read(self._block):
            lines = BytesIO(chunk).readlines()
            lines[0] = rest + lines[0]
            rest = b"" if lines[-1].endswith(b"\n") else lines.pop()
            if lines:
                yield self._marked(lines)
            elif len(rest) > self._longest:
                start, block, rest = self.end, rest, b""
                yield self._passed_over(block)
                if self.end == start:
                    return
        if rest:
            yield self._last(rest)

    def _marked(self, lines: Iterable[bytes]) -> list[tuple[int, bytes] | Problem]:
        """The lines with a marker, and problems: lines without one that are no objects. A marked one is judged when it
        is parsed.
        """
        found: list[tuple[int, bytes] | Problem] = []
        at, only = self.end, self._only
        for line in lines:
            # From its end: what tools write of usage stands behind the text that was answered.
            if line.rfind(only) >= 0 if self._marker is None else self._marker.search(line):
                found.append((at, line))
            elif line[0] != _BEGIN or line[-2] != _END:
                found.extend(_broken(at, line))
            at += len(line)
        self.end = at
        return found

    def _last(self, rest: bytes) -> list[tuple[int, bytes] | Problem]:
        return [(self.end, rest)] if self._is_marked(rest) and _is_whole(rest) else []

    def _is_marked(self, text: bytes) -> bool:
        return self._only in text if self._marker is None else self._marker.search(text) is not None

    def _passed_over(self, block: bytes) -> list[tuple[int, bytes] | Problem]:
        """Skip to the end of an overlong line; a problem only when a marker stands in it, and it is whole."""
        start, is_marked = self.end, self._is_marked(block)
        end = start + len(block)
        while chunk := self._stream.readline(self._block):
            end += len(chunk)
            is_marked = is_marked or self._is_marked(chunk)
            if chunk.endswith(b"\n"):
                self.end = end
                return [Problem(start, f"a line of {end - start:,} bytes, passed over")] if is_marked else []
        return []


def _broken(at: int, line: bytes) -> Iterator[Problem]:
    """The problem of a line that is neither empty nor a JSON object, by its ends."""
    bare = line.strip()
    if bare and not (bare.startswith(b"{") and bare.endswith(b"}")):
        yield Problem(at, "not a JSON object" if bare.strip(b"\0") else "zero bytes, as a crash leaves them")


def _is_whole(line: bytes) -> bool:
    """Whether a line that nothing has ended yet is a JSON object; a half one can end in a brace too."""
    if not line.rstrip().endswith(b"}"):
        return False
    try:
        loads(line)
    except ValueError:
        return False
    return True
