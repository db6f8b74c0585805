"""Reading exported CSV by column name: any order, unknown columns ignored, bad rows reported."""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from typing import IO

from llmledger.importers._contract import Problem

_LONGEST_FIELD = 16 << 20


def rows(
    stream: IO[bytes], needed: Iterable[str], *, longest_field: int = _LONGEST_FIELD
) -> Iterator[tuple[int, Mapping[str, str]] | Problem]:
    """Each row with its number, the header being row 1; a row narrower than the header is a problem.

    A header without one of the needed columns is a problem that ends the file.
    """
    lines = io.TextIOWrapper(stream, encoding="utf-8-sig", errors="replace", newline="")
    reader = csv.reader(line.replace("\0", "") for line in lines)
    table = _long_rows(reader, longest_field)
    try:
        header = [name.strip() for name in next(table, [])]
        missing = [name for name in needed if name not in header]
        if missing:
            yield Problem(1, f"no column {missing[0]}")
            return
        for number, row in enumerate(table, start=2):
            if not row:
                continue
            if len(row) < len(header):
                yield Problem(number, f"{len(row)} columns where the header has {len(header)}")
            else:
                yield number, dict(zip(header, row, strict=False))
    except csv.Error:
        yield Problem(reader.line_num, "not CSV from here on")
    finally:
        lines.detach()


def _long_rows(reader: Iterator[list[str]], longest_field: int) -> Iterator[list[str]]:
    """The rows, fields of megabytes too; the limit is the whole process's, so it is raised for one row at a time."""
    while True:
        usual = csv.field_size_limit(longest_field)
        try:
            row = next(reader, None)
        finally:
            csv.field_size_limit(usual)
        if row is None:
            return
        yield row


def header_of(head: bytes) -> frozenset[str]:
    """The column names in the first line of a file; none when it is no text."""
    line = head.removeprefix(b"\xef\xbb\xbf").partition(b"\n")[0]
    if b"\0" in line or len(line) > 8192:
        return frozenset()
    return frozenset(name.strip() for name in next(csv.reader([line.decode("utf-8", "replace")]), []))
