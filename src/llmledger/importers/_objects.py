"""Reading a dump of JSON objects in bounded memory: one per line, an array, or an object around such an array."""

import codecs
import json
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import IO, Any

from llmledger.importers._contract import Problem

_BLOCK = 1 << 20
_LONGEST_OBJECT = 16 << 20
_BETWEEN = " \t\r\n,"
_DECODER = json.JSONDecoder(parse_float=Decimal)


def objects(
    stream: IO[bytes], *, block: int = _BLOCK, longest: int = _LONGEST_OBJECT
) -> Iterator[tuple[int, Mapping[str, Any]] | Problem]:
    """Each object with its number from 1; fractions are Decimal. What is no object, or broken off, is a problem."""
    text = _Text(stream, block, longest)
    if text.peek() == "{" and text.is_wrapped():
        text.skip_to("[")
    is_array = text.peek() == "["
    if is_array:
        text.drop(1)
    number = 0
    while text.peek() and not (is_array and text.peek() == "]"):
        number += 1
        value = text.take()
        if isinstance(value, dict):
            yield number, value
        else:
            yield Problem(number, "broken off" if value is None else "not a JSON object")
            if value is None and not text.skip_line():
                return


class _Text:
    """Decoded text of a stream, taken value by value."""

    def __init__(self, stream: IO[bytes], block: int, longest: int) -> None:
        self._stream = stream
        self._block, self._longest = block, longest
        self._decode = codecs.getincrementaldecoder("utf-8-sig")("replace").decode
        self._buffer = ""
        self._at = 0

    def _more(self) -> bool:
        chunk = self._stream.read(self._block)
        self._buffer = self._buffer[self._at :] + self._decode(chunk, not chunk)
        self._at = 0
        return bool(chunk)

    def peek(self) -> str:
        """The next character that is no white space or comma; empty at the end."""
        while True:
            while self._at < len(self._buffer):
                if self._buffer[self._at] not in _BETWEEN:
                    return self._buffer[self._at]
                self._at += 1
            if not self._more():
                return ""

    def drop(self, count: int) -> None:
        """Pass over characters that were peeked at."""
        self._at += count

    def is_wrapped(self) -> bool:
        """Whether an object's first member is an array: `{"data": [...`."""
        head = self._buffer[self._at : self._at + 200]
        key, colon, value = head[1:].partition(":")
        return bool(colon) and key.strip() in {'"data"', '"rows"', '"logs"'} and value.lstrip().startswith("[")

    def skip_to(self, mark: str) -> None:
        """Go on to a character of the buffer."""
        self._at = self._buffer.index(mark, self._at)

    def skip_line(self) -> bool:
        """Go on after the next line break; False at the end."""
        while (at := self._buffer.find("\n", self._at)) < 0:
            self._at = len(self._buffer)
            if not self._more():
                return False
        self._at = at + 1
        return True

    def take(self) -> Any:
        """The next value; None when it is broken or longer than any record can be."""
        while True:
            try:
                value, self._at = _DECODER.raw_decode(self._buffer, self._at)
            except ValueError:
                line_end = self._buffer.find("\n", self._at)
                is_line = line_end >= 0 and self._buffer[line_end + 1 : line_end + 2] == "{"
                if is_line or len(self._buffer) - self._at > self._longest or not self._more():
                    return None
            else:
                return value
