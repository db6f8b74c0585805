"""Export: requests or sums in a format, written piece by piece."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

from llmledger.core.export import Chunk, Chunked, Style, Table
from llmledger.core.selection import Selection
from llmledger.core.window import Window
from llmledger.errors import UsageError
from llmledger.exporters import load, names
from llmledger.ledger.queries.export import read_records, read_view
from llmledger.operations.build_report import ReportRequest, Source, build_report
from llmledger.operations.whole_file import Output
from llmledger.reports.flat import json_lines, titles


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportRequest:
    """What to export, and how."""

    format: str
    window: Window
    selection: Selection = Selection()
    by: tuple[str, ...] = ()
    """Sums by these instead of single requests."""
    content: bool = False
    """With the stored texts of prompts and responses."""


def format_of(path: Path) -> str | None:
    """The format that a file's name ends in, if any: `usage.csv.gz` is csv."""
    suffixes = [suffix.lstrip(".").lower() for suffix in path.suffixes if suffix.lower() != ".gz"]
    return suffixes[-1] if suffixes and suffixes[-1] in names() else None


def check_format(name: str, by: Sequence[str]) -> None:
    """Refuse a format that is not there, or that has no groups; raises UsageError."""
    load(name)
    if by and name == "focus":
        raise UsageError("focus has one row per meter of each request, and no groups", hint="Leave --by out.")


def export(
    source: Source, request: ExportRequest, output: Output, *, now: datetime, advance: Callable[[int], None]
) -> None:
    """Write an export piece by piece; memory does not grow with it. Raises UsageError for a format that cannot."""
    check_format(request.format, request.by)
    exporter = load(request.format)
    if request.by:
        table = _sums(source, request, now)
    elif exporter.ROWS == "records":
        table = read_records(source.connection, request.window, request.selection, content=request.content)
    else:
        table = read_view(source.connection, request.window, request.selection, content=request.content)
    for text in exporter.write(Table(table.columns, Chunked(partial(_counted, table, advance)))):
        output.write(text.encode("utf-8", "replace"))


def _counted(table: Table, advance: Callable[[int], None], style: Style | None) -> Iterator[Chunk]:
    for chunk in table.chunks(style):
        yield chunk
        advance(chunk.size)


def _sums(source: Source, request: ExportRequest, now: datetime) -> Table:
    asked = ReportRequest(window=request.window, selection=request.selection, by=request.by)
    report = build_report(source, asked, now=now)
    rows = list(json_lines(report))
    return Table(tuple(rows[0]) if rows else tuple(titles(report)), [tuple(row.values()) for row in rows])
