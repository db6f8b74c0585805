"""Reading JSON lines in bounded memory: only those that carry a marker are ever cut out, the rest is passed over."""

import re
from collections.abc import Iterator, Sequence
from typing import IO

from llmledger.importers._contract import Problem
from llmledger.importers._json import loads

BLOCK = 1 << 20
LONGEST_LINE = 8 << 20
"""A longer line is no usage record (they are pictures and file histories): passing over it keeps memory small."""


class MarkedLines:
    """The lines of a stream that carry one of some markers, with the offset where each begins.

    `end` is the offset after the last whole line seen so far; a last line without its newline is given too when it is
    whole JSON, but `end` stays before it, since its writer may not have finished. Lines that cannot be JSON objects
    are problems.
    """

    def __init__(self, stream: IO[bytes], markers: Sequence[bytes], *, offset: int = 0) -> None:
        self._stream = stream
        self._marker = re.compile(b"|".join(re.escape(marker) for marker in markers)) if len(markers) > 1 else None
        self._only = markers[0]
        self.end = offset

    def blocks(self) -> Iterator[list[tuple[int, bytes] | Problem]]:
        """The marked lines and problems, in lists of about a megabyte of file; after each, `end` is a checkpoint."""
        rest = b""
        while chunk := self._stream.read(BLOCK):
            block = rest + chunk if rest else chunk
            cut = block.rfind(b"\n") + 1
            if not cut:
                rest = block
                if len(block) > LONGEST_LINE:
                    start, rest = self.end, b""
                    yield self._passed_over(block)
                    if self.end == start:
                        return
                continue
            rest = block[cut:]
            found = self._marked(block[:cut])
            self.end += cut
            yield found
        if rest:
            yield self._last(rest)

    def _marked(self, block: bytes) -> list[tuple[int, bytes] | Problem]:
        found: list[tuple[int, bytes] | Problem] = []
        at = 0
        while (hit := self._find(block, at)) >= 0:
            start = block.rfind(b"\n", at, hit) + 1 or at
            at = block.find(b"\n", hit) + 1
            found.append((self.end + start, block[start : at - 1]))
        if block.count(b"}\n{") + 1 != block.count(b"\n") or block[:1] != b"{" or block[-2:-1] != b"}":
            found.extend(self._broken(block))
        return found

    def _find(self, block: bytes, at: int) -> int:
        if self._marker is None:
            return block.find(self._only, at)
        hit = self._marker.search(block, at)
        return hit.start() if hit else -1

    def _broken(self, block: bytes) -> Iterator[Problem]:
        """Lines without a marker that are no JSON objects; a marked one is judged when it is parsed."""
        at = self.end
        for line in block.split(b"\n"):
            bare = line.strip()
            if bare and not (bare.startswith(b"{") and bare.endswith(b"}")) and self._find(line, 0) < 0:
                yield Problem(at, "not a JSON object" if bare.strip(b"\0") else "zero bytes, as a crash leaves them")
            at += len(line) + 1

    def _last(self, rest: bytes) -> list[tuple[int, bytes] | Problem]:
        return [(self.end, rest)] if self._find(rest, 0) >= 0 and _is_whole(rest) else []

    def _passed_over(self, block: bytes) -> list[tuple[int, bytes] | Problem]:
        """Skip to the end of an overlong line; a problem only when a marker stands in it, and it is whole."""
        start, is_marked = self.end, self._find(block, 0) >= 0
        end = start + len(block)
        while chunk := self._stream.readline(BLOCK):
            end += len(chunk)
            is_marked = is_marked or self._find(chunk, 0) >= 0
            if chunk.endswith(b"\n"):
                self.end = end
                return [Problem(start, f"a line of {end - start:,} bytes, passed over")] if is_marked else []
        return []


def _is_whole(line: bytes) -> bool:
    """Whether a line that nothing has ended yet is a JSON object; a half one can end in a brace too."""
    if not line.rstrip().endswith(b"}"):
        return False
    try:
        loads(line)
    except ValueError:
        return False
    return True
