"""What every statement reader fulfils: one file per format, recognised by content, read line by line.

A reader is a module of this folder with a `SUMMARY`, a `FORMAT`, `recognises(head)` and `read(parts)`. It matches columns by
name and never by position, accepts columns it does not know, keeps money as decimal text, drops personal columns (e-mail,
user name), and reports a kind that it does not know as `LineKind.UNKNOWN` instead of guessing.
"""

import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, BinaryIO, Protocol

from llmledger.core.statement import Format, StatementLine
from llmledger.errors import InputFileError

HEAD_BYTES = 65_536
MAX_JSON_BYTES = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Head:
    """The beginning of a file: enough to recognise its format, and no more."""

    name: str
    text: str
    """The first characters."""
    rows: tuple[tuple[str, ...], ...] = ()
    """The first rows as a table, cells stripped and in lower case; none when it is JSON."""
    keys: frozenset[str] = frozenset()
    """JSON keys seen at any depth; none when it is a table."""

    @property
    def columns(self) -> frozenset[str]:
        """The names in the first row."""
        return frozenset(self.rows[0]) if self.rows else frozenset()

    def has(self, *columns: str) -> bool:
        """Whether the first row names all of these columns (in lower case)."""
        return self.columns.issuperset(columns)


@dataclass(frozen=True, slots=True)
class Part:
    """One file of a statement, opened and decoded: a plain file, the inside of a gzip, or a member of a ZIP."""

    head: Head
    opener: Callable[[], BinaryIO]
    encoding: str = "utf-8-sig"
    rules: Mapping[str, Any] = field(default_factory=dict)
    """The user's rules file, for the generic reader."""

    @property
    def name(self) -> str:
        """The file's own name."""
        return self.head.name

    def open_text(self) -> io.TextIOWrapper:
        """Open the decoded text; line ends are kept as they are, since CSV wants to see them."""
        return io.TextIOWrapper(self.opener(), encoding=self.encoding, newline="")

    def documents(self, *, at_most: int = MAX_JSON_BYTES) -> Iterator[Any]:
        """Every JSON document of the file: one, a list of them, or one after another; numbers with a point are Decimal."""
        with self.open_text() as stream:
            text = stream.read(at_most + 1)
        if len(text) > at_most:
            raise InputFileError(
                f"{self.name} is larger than {at_most >> 20} MB of JSON", hint="Fetch a shorter period."
            )
        decoder = json.JSONDecoder(parse_float=Decimal, parse_constant=self._refuse_constant)
        position = _skip_space(text, 0)
        while position < len(text):
            document, position = self._decode(decoder, text, position)
            yield from document if isinstance(document, list) else (document,)
            position = _skip_space(text, position)

    def _decode(self, decoder: json.JSONDecoder, text: str, position: int) -> tuple[Any, int]:
        try:
            return decoder.raw_decode(text, position)
        except (ValueError, RecursionError) as reason:
            raise InputFileError(f"{self.name} is no complete JSON: {reason}", hint="Download it again.") from None

    def _refuse_constant(self, word: str) -> None:
        raise ValueError(f"{word} is not a number")


def _skip_space(text: str, position: int) -> int:
    while position < len(text) and text[position] in " \t\r\n,":
        position += 1
    return position


class Reader(Protocol):
    """A module that knows one format."""

    SUMMARY: str
    """One line: what the file is and where it comes from."""
    FORMAT: Format

    def recognises(self, head: Head) -> bool:
        """Whether a file with this beginning is of this format; says no rather than maybe."""

    def read(self, parts: Sequence[Part]) -> Iterator[StatementLine]:
        """Yield the lines of all parts; raises `InputFileError` naming file and line for what cannot be read."""
