"""CSV: a header line and one line per request; texts that a spreadsheet would take for a formula are neutralised."""

import csv
import io
from collections.abc import Iterator
from typing import Literal

from llmledger.core.export import Table
from llmledger.exporters._contract import harmless_rows, pieces

SUMMARY = "Comma-separated values, for spreadsheets."
ROWS: Literal["view", "records"] = "view"


def write(table: Table) -> Iterator[str]:
    """The text of a table, in pieces; unknown is empty."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(table.columns)
    for piece in pieces(table.rows):
        writer.writerows(harmless_rows(piece))
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()
    yield buffer.getvalue()
