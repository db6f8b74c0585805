"""`llmledger export`: requests or sums for other programs."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from llmledger.cli._context import surroundings
from llmledger.cli._options import LedgersOption
from llmledger.cli._render import note, progress
from llmledger.cli._select import Chosen, reading, takes_selection
from llmledger.core.counted import counted
from llmledger.core.selection import parse_by
from llmledger.errors import UsageError

if TYPE_CHECKING:
    from llmledger.ledger import Reader
    from llmledger.operations.export import ExportRequest

SUMMARY = "Requests or sums for other programs: csv, tsv, json, jsonl, focus."


@takes_selection
def command(
    format: Annotated[
        str | None, typer.Option("--format", metavar="NAME", help="csv, tsv, json, jsonl or focus; else by the suffix.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="Instead of stdout; .gz compresses.")
    ] = None,
    by: Annotated[list[str] | None, typer.Option("--by", metavar="LIST", help="Sums by these, as in report.")] = None,
    content: Annotated[bool, typer.Option("--content", help="With stored prompts and responses.")] = False,
    ledger: LedgersOption = None,
    *,
    chosen: Chosen,
) -> None:
    """Requests or sums for other programs.

    csv, tsv and json have each request as it stands now; jsonl has everything, with all corrections; focus is
    FOCUS 1.2 for FinOps tools. A file is written whole or not at all.
    """
    from llmledger.operations.export import ExportRequest, check_format, format_of
    from llmledger.operations.whole_file import whole_file

    named = format or (format_of(output) if output else None)
    if named is None:
        hint = "Give --format csv, tsv, json, jsonl or focus."
        raise UsageError("the export has no format" if output is None else f"{output} has no known suffix", hint=hint)
    named, grouped = named.lower(), parse_by(by or [])
    check_format(named, grouped)
    with reading(ledger) as reader:
        request = ExportRequest(
            format=named,
            window=chosen.window(reader.home_zone),
            selection=chosen.selection(),
            by=grouped,
            content=content,
        )
        if output is None:
            sys.stdout.flush()
            _write(reader, request, None)
            return
        with whole_file(output.expanduser()) as file:
            count = _write(reader, request, file)
    note(f"Wrote {counted(count, 'row')} to {output}.")


def _write(reader: "Reader", request: "ExportRequest", file: object) -> int:
    from llmledger.ledger.queries.export import count_selected
    from llmledger.operations.export import export
    from llmledger.operations.whole_file import Output

    total = None if request.by else count_selected(reader.connection, request.window, request.selection)
    count = shown = 0

    def advance(rows: int) -> None:
        nonlocal count, shown
        count += rows
        if count - shown >= 1000:
            bar.advance(count - shown)
            shown = count

    with progress("Exporting", total) as bar:
        target: Output = surroundings().stdout.buffer if file is None else file  # type: ignore[assignment]
        export(reader, request, target, now=surroundings().now(), advance=advance)
    return count
