"""A report as lines of JSON, CSV or Markdown: the same keys as its JSON, one row per group."""

import csv
import io
from collections.abc import Iterable, Iterator

from llmledger.core.report import Measures, Report, ReportRow
from llmledger.core.spreadsheet import harmless
from llmledger.reports._rows import flat_rows, row_json


def json_lines(report: Report) -> Iterator[dict[str, object]]:
    """One JSON object per group, the rest below the top as the last."""
    return flat_rows(report)


def csv_lines(report: Report) -> Iterator[str]:
    """A header line and one line per group; texts that a spreadsheet would take for a formula are neutralised."""
    rows = list(flat_rows(report))
    yield _csv_line(rows[0].keys() if rows else titles(report))
    for row in rows:
        yield _csv_line(_text(value) for value in row.values())


def markdown_lines(report: Report) -> Iterator[str]:
    """A table for Markdown; numbers are right-aligned, pipes in texts are escaped."""
    rows = list(flat_rows(report))
    names = list(rows[0]) if rows else titles(report)
    yield f"| {' | '.join(names)} |"
    yield f"| {' | '.join('---' if name in report.by else '---:' for name in names)} |"
    for row in rows:
        yield f"| {' | '.join(_markdown_text(value) for value in row.values())} |"


def titles(report: Report) -> list[str]:
    """The names of the columns, also of a report without a row."""
    return list(row_json(report, ReportRow(key=tuple(None for _ in report.by), measures=Measures())))


def _csv_line(values: Iterable[str]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="").writerow(values)
    return buffer.getvalue()


def _markdown_text(value: object) -> str:
    return "" if value is None else str(value).replace("|", "\\|").replace("\n", " ")


def _text(value: object) -> str:
    return "" if value is None else harmless(value) if isinstance(value, str) else str(value)
