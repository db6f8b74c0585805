"""How a command speaks: data on stdout, everything else on stderr, colour and width as the terminal wants them."""

import json
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from typing import Any, TextIO

from llmledger.cli._context import surroundings
from llmledger.core.calm import calm, calm_lines

_STYLES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}
PIPED_WIDTH = 100
"""Columns of a table that goes into a file or a pipe, unless COLUMNS says otherwise."""


def out(text: str = "", *, end: str = "\n") -> None:
    """Write data to stdout."""
    surroundings().stdout.write(_encodable(text + end, surroundings().stdout))


def note(text: str = "", *, end: str = "\n", style_name: str | None = None) -> None:
    """Write what is no data to stderr; `style_name` colours it when stderr is coloured."""
    stream = surroundings().stderr
    written = paint(calm_lines(text), style_name, stream) if style_name else calm_lines(text)
    stream.write(_encodable(written + end, stream))
    stream.flush()


def warn(text: str) -> None:
    """Write a warning line to stderr."""
    note(f"warning: {text}", style_name="yellow")


def paint(text: str, style_name: str, stream: TextIO | None = None) -> str:
    """The text in a style (`bold dim red green yellow cyan`) where its stream (stdout by default) is coloured."""
    if not has_color(stream if stream is not None else surroundings().stdout):
        return text
    codes = ";".join(_STYLES[name] for name in style_name.split())
    return f"\x1b[{codes}m{text}\x1b[0m"


def has_color(stream: TextIO) -> bool:
    """Whether a stream shows colours: `--color`, NO_COLOR, FORCE_COLOR, TERM=dumb, or whether it is a terminal."""
    choice = surroundings().color
    if choice != "auto":
        return choice == "always"
    environ = surroundings().environ
    if environ.get("NO_COLOR"):
        return False
    if environ.get("FORCE_COLOR", "0") not in ("", "0"):
        return True
    return stream.isatty() and environ.get("TERM") != "dumb"


def width() -> int:
    """How many columns stdout has: COLUMNS, else the terminal, else 100."""
    columns = surroundings().environ.get("COLUMNS", "")
    if columns.isdigit() and int(columns) > 0:
        return int(columns)
    if surroundings().stdout.isatty():
        return shutil.get_terminal_size((PIPED_WIDTH, 24)).columns
    return PIPED_WIDTH


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a small table."""

    title: str
    right: bool = False
    """Numbers stand on the right."""
    priority: int = 0
    """When the table is too wide, the column with the highest priority number is left out first; 0 always stays."""
    shrinks: bool = False
    """Whether a long text may be cut in the middle; never for numbers."""


def table(columns: Sequence[Column], rows: Iterable[Sequence[str]], *, limit: int | None = None) -> str:
    """A plain table as text: titles, a rule, the rows; columns go by priority, and only then long texts are cut.

    Cells may hold text of strangers: nothing in them drives a terminal.
    """
    limit = width() if limit is None else limit
    shown = [[calm(cell) for cell in row] for row in rows]
    kept = list(range(len(columns)))
    while _total(columns, shown, kept) > limit and any(columns[index].priority for index in kept):
        kept.remove(max(kept, key=lambda index: columns[index].priority))
    widths = _widths(columns, shown, kept)
    excess = sum(widths.values()) + 2 * (len(kept) - 1) - limit
    for index in kept:
        if excess > 0 and columns[index].shrinks:
            narrower = max(widths[index] - excess, 12)
            excess -= widths[index] - narrower
            widths[index] = narrower
    head = paint(_line(columns, [column.title for column in columns], kept, widths), "bold")
    rule = paint("─" * (sum(widths.values()) + 2 * (len(kept) - 1)), "dim")
    return "\n".join([head, rule, *(_line(columns, row, kept, widths) for row in shown)])


def _line(columns: Sequence[Column], cells: Sequence[str], kept: Sequence[int], widths: Mapping[int, int]) -> str:
    parts = []
    for index in kept:
        text = shorten(cells[index], widths[index]) if columns[index].shrinks else cells[index]
        padding = " " * (widths[index] - cells_of(text))
        parts.append(padding + text if columns[index].right else text + padding)
    return "  ".join(parts).rstrip()


def _widths(columns: Sequence[Column], rows: Sequence[Sequence[str]], kept: Sequence[int]) -> dict[int, int]:
    return {index: max([cells_of(columns[index].title), *(cells_of(row[index]) for row in rows)]) for index in kept}


def _total(columns: Sequence[Column], rows: Sequence[Sequence[str]], kept: Sequence[int]) -> int:
    return sum(_widths(columns, rows, kept).values()) + 2 * (len(kept) - 1)


def wrapped(text: str, *, indent: int = 0) -> str:
    """A sentence in as many lines as the terminal needs, all but the first indented; paths, addresses and words stay whole."""
    from textwrap import fill

    room = max(width(), indent + 30)
    return fill(text, room, subsequent_indent=" " * indent, break_long_words=False, break_on_hyphens=False)


def cells_of(text: str) -> int:
    """How many terminal columns a text takes."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def shorten(text: str, cells: int) -> str:
    """Cut a text in its middle so that it takes at most so many columns."""
    if cells_of(text) <= cells:
        return text
    half = (cells - 1) // 2
    return f"{text[: cells - 1 - half]}…{text[len(text) - half :]}"


def envelope(schema: str, payload: Mapping[str, Any]) -> str:
    """One JSON object that names its schema (as `llmledger.report/1`) and when it was made, then holds the payload."""
    head = {"schema": schema, "generated_at": surroundings().now().astimezone(UTC)}
    return json_text({**head, **payload})


def json_text(value: Any, *, indent: int | None = 2) -> str:
    """JSON for machines: times as ISO 8601, exact decimals and paths as strings, enums as their values; never NaN."""
    return json.dumps(value, indent=indent, ensure_ascii=False, allow_nan=False, default=_plain)


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        text = value.isoformat()
        return text.removesuffix("+00:00") + "Z" if text.endswith("+00:00") else text
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, PurePath):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


@contextmanager
def progress(label: str, total: int | None = None, *, is_bytes: bool = False) -> "Iterator[Progress]":
    """Show how far long work has come, on stderr and only on a terminal; the line is wiped at the end.

    Of work that is counted in bytes, the rate and the time left are shown too.
    """
    bar = Progress(label, total, is_bytes=is_bytes)
    try:
        yield bar
    finally:
        bar.close()


class Progress:
    """A line on stderr that is rewritten as work goes on; silent without a terminal."""

    def __init__(self, label: str, total: int | None, *, is_bytes: bool = False) -> None:
        self._label = label
        self._total = total
        self._is_bytes = is_bytes
        self._began = surroundings().now()
        self._done = 0
        self._shown = ""
        self._stream = surroundings().stderr
        self._live = self._stream.isatty() and surroundings().environ.get("TERM") != "dumb"

    def advance(self, amount: int = 1) -> None:
        """Say that so much more is done."""
        self._done += amount
        if self._live:
            self._show()

    def _show(self) -> None:
        if self._total:
            filled = min(20, 20 * self._done // self._total)
            text = f"{self._label} {'█' * filled}{'░' * (20 - filled)} {100 * self._done // self._total}%{self._pace()}"
        else:
            text = f"{self._label} {self._done:,}"
        if text != self._shown:
            self._stream.write(f"\r\x1b[K{text}")
            self._stream.flush()
            self._shown = text

    def _pace(self) -> str:
        seconds = (surroundings().now() - self._began).total_seconds()
        if not self._is_bytes or seconds < 1 or not self._done or not self._total:
            return ""
        left = max(0, round(seconds * (self._total - self._done) / self._done))
        return f" {self._done / seconds / 1e6:,.0f} MB/s, {left // 60}:{left % 60:02} left"

    def close(self) -> None:
        """Wipe the line."""
        if self._shown:
            self._stream.write("\r\x1b[K")
            self._stream.flush()


def confirm_dry_run(yes: bool, what: str) -> bool:
    """Whether to go ahead; without `--yes` it is told that nothing was changed."""
    if not yes:
        note(f"Nothing was changed: this is a dry run. Give --yes to {what}.")
    return yes


def _encodable(text: str, stream: TextIO) -> str:
    """The text as far as the stream's encoding has it, so that an odd locale costs a character and not the command."""
    encoding = getattr(stream, "encoding", None) or sys.getdefaultencoding()
    if encoding.lower().replace("-", "") == "utf8":
        return text.encode("utf-8", "replace").decode() if _has_surrogate(text) else text
    return text.encode(encoding, "replace").decode(encoding)


def _has_surrogate(text: str) -> bool:
    return not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text)
