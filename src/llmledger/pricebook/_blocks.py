"""A price file cut into its models, so that one model can be read without parsing a thousand.

In TOML a line `[[model]]` starts a new table wherever it stands, but inside a multi-line string. So a file without
such strings can be cut at these lines, and each piece parsed alone. The pieces that may claim a name are those that
contain it in quotes.
"""

import re
import tomllib
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Any

from llmledger.errors import PriceTableError

_MODEL_LINE = re.compile(r"^[ \t]*\[\[[ \t]*model[ \t]*\]\][ \t]*(?:#[^\n]*)?$", re.MULTILINE)
_OPEN_LINE = re.compile(r"^[ \t]*[\"']?(?:prefix|regex|any)[\"']?[ \t]*=", re.MULTILINE)
_ID_LINE = re.compile(r"^[ \t]*id[ \t]*=[ \t]*([\"'])(.*?)\1", re.MULTILINE)
_AT_LINE = re.compile(r"\(at line (\d+), column (\d+)\)")
_UNCUTTABLE = ('"""', "'''", "\\u", "\\U")
"""With these a line could lie inside a string, or a name be spelled so that it is not found as it reads."""


@dataclass
class BlockText:
    """The text of one price file, its models parsed one by one on demand."""

    where: str
    """The file, for messages."""
    text: str

    @cached_property
    def starts(self) -> list[int]:
        """Offsets of the `[[model]]` lines."""
        return [found.start() for found in _MODEL_LINE.finditer(self.text)]

    @cached_property
    def header(self) -> dict[str, Any]:
        """The tables before the first model."""
        return self._parse(self.text[: self.starts[0]] if self.starts else self.text, 0)

    def model(self, index: int) -> dict[str, Any]:
        """The table of one model. Raises `PriceTableError` with the line that cannot be read."""
        end = self.starts[index + 1] if index + 1 < len(self.starts) else len(self.text)
        table = self._parse(self.text[self.starts[index] : end], self.starts[index])
        stray = [key for key in table if key != "model"]
        if stray:
            raise PriceTableError(
                f"{self.place(index)}: `{stray[0]}` stands after the models",
                hint="Tables of the provider belong above the first [[model]].",
            )
        found: dict[str, Any] = table["model"][0]
        return found

    def place(self, index: int) -> str:
        """The file and line of a model, for messages."""
        return f"{self.where}, line {self.text.count(chr(10), 0, self.starts[index]) + 1}"

    def line(self, index: int, key: str) -> str:
        """The file and line of a key in a model, or of the model itself where the key does not start a line."""
        end = self.starts[index + 1] if index + 1 < len(self.starts) else len(self.text)
        found = re.compile(rf"^[ \t]*[\"']?{re.escape(key)}[\"']?[ \t]*=", re.MULTILINE).search(
            self.text, self.starts[index], end
        )
        if found is None:
            return self.place(index)
        return f"{self.where}, line {self.text.count(chr(10), 0, found.start()) + 1}"

    def claiming(self, names: Iterable[str]) -> list[int]:
        """Indexes of the models whose text has one of the names in quotes, in the file's order, whatever their case."""
        if not self._can_be_searched:
            return list(range(len(self.starts)))
        folded = self._folded
        found = set()
        for name in names:
            at = folded.find(name)
            while at >= 0:
                if folded[at - 1] in "\"'" and folded[at + len(name) : at + len(name) + 1] == folded[at - 1]:
                    found.add(bisect_right(self.starts, at) - 1)
                at = folded.find(name, at + 1)
        return sorted(index for index in found if index >= 0)

    def open_ended(self) -> list[int]:
        """Indexes of the models that claim names by prefix, pattern or altogether."""
        if not self._can_be_searched:
            return list(range(len(self.starts)))
        found = {bisect_right(self.starts, one.start()) - 1 for one in _OPEN_LINE.finditer(self.text)}
        return sorted(index for index in found if index >= 0)

    def ids(self) -> list[str]:
        """The ids of all models, in the file's order."""
        if not self._can_be_searched or len(found := _ID_LINE.findall(self.text)) != len(self.starts):
            return [str(self.model(index).get("id")) for index in range(len(self.starts))]
        return [name for _, name in found]

    @cached_property
    def _folded(self) -> str:
        return self.text.lower()

    @cached_property
    def _can_be_searched(self) -> bool:
        return len(self._folded) == len(self.text) and not any(mark in self.text for mark in _UNCUTTABLE)

    def _parse(self, piece: str, offset: int) -> dict[str, Any]:
        try:
            return tomllib.loads(piece, parse_float=Decimal)
        except tomllib.TOMLDecodeError as error:
            raise PriceTableError(self._syntax_message(str(error), offset), hint=_syntax_hint(piece)) from error

    def _syntax_message(self, message: str, offset: int) -> str:
        found = _AT_LINE.search(message)
        above = self.text.count("\n", 0, offset)
        line = above + int(found[1]) if found else self.text.count("\n") + 1
        what = message[: found.start()].strip() if found else message.removesuffix("(at end of document)").strip()
        return f"{self.where}, line {line}: this is not TOML: {what[:1].lower()}{what[1:]}"


def _syntax_hint(piece: str) -> str:
    if re.search(r"=[ \t]*\$", piece):
        return 'Write prices as plain numbers of USD: input = 3, not "$3".'
    return 'Write one `key = value` a line, text in quotes: input = 3, source = "https://..."'
