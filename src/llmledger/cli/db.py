"""`llmledger db`: the ledger file: where it is, a backup, a merge, what is in it, giving room back, checking it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from llmledger.cli._context import surroundings
from llmledger.cli._options import JsonOption, LedgerOption, YesOption
from llmledger.cli._render import Column, envelope, note, out, paint, progress, table
from llmledger.core.counted import counted
from llmledger.errors import AnswerIsNo

if TYPE_CHECKING:
    from llmledger.ledger.upkeep import LedgerStats

SUMMARY = "Find, back up, measure, shrink and verify the ledger file."

app = typer.Typer(add_completion=False, rich_markup_mode=None, help=SUMMARY)

Target = Annotated[Path, typer.Argument(metavar="FILE", help="Where the copy goes.", show_default=False)]

_MARKS = {"fine": ("ok", "green"), "note": ("--", "yellow"), "problem": ("!!", "red")}


@app.command("path")
def path(ledger: LedgerOption = None) -> None:
    """Print the path of the ledger; it need not exist."""
    out(str(surroundings().ledger_path(ledger)))


@app.command("backup")
def backup(target: Target, ledger: LedgerOption = None, yes: YesOption = False) -> None:
    """Copy the ledger into one file, whole and consistent, while others go on writing; --yes replaces an older copy."""
    from llmledger.ledger.upkeep import back_up

    copied = back_up(surroundings().ledger_path(ledger), target, replace=yes)
    note(f"{target}: {_size(copied)}")


@app.command("stats")
def stats(ledger: LedgerOption = None, json: JsonOption = False) -> None:
    """Print what is in the ledger and what takes how much room."""
    from dataclasses import asdict

    from llmledger.ledger import upkeep

    found = upkeep.stats(surroundings().ledger_path(ledger))
    if json:
        out(envelope("llmledger.db-stats/1", {**asdict(found), "path": str(found.path)}))
    else:
        _show(found)


@app.command("vacuum")
def vacuum(ledger: LedgerOption = None) -> None:
    """Give room that pruning left inside the file back to the disk; others write meanwhile."""
    from llmledger.ledger import upkeep

    world = surroundings()
    with progress("vacuum") as bar:
        done = upkeep.vacuum(world.ledger_path(ledger), now=world.now, tick=bar.advance)
    note(f"{_size(done.bytes_before)} before, {_size(done.bytes_after)} after")


@app.command("merge")
def merge(
    other: Annotated[Path, typer.Argument(metavar="FILE", help="The ledger to take in.", show_default=False)],
    ledger: LedgerOption = None,
) -> None:
    """Take another ledger in, each request once: several machines, one person."""
    from llmledger.ledger import open_ledger, open_reader
    from llmledger.operations.merge import merge as take_in

    world = surroundings()
    with (
        open_reader(other.expanduser()) as source,
        open_ledger(world.ledger_path(ledger), now=world.now, home_zone=source.home_zone) as book,
        progress("merge") as bar,
    ):
        done = take_in(book, source, advance=bar.advance)
    counts = done.restored
    out(
        f"{counts.added:,} of {counts.requests:,} requests and {counts.booked:,} of {counts.adjustments:,} "
        "corrections were new."
    )
    if done.is_partial:
        note("Its pruned requests are not part of it: import their archive with `import --source llmledger`.")
    if done.unsettled:
        note(f"Its {done.unsettled:,} corrections by invoices are not: reconcile those invoices here, with --record.")


@app.command("verify")
def verify(
    archive: Annotated[
        list[Path] | None,
        typer.Option("--archive", metavar="DIR", help="Where archives are now, if they were moved; repeatable."),
    ] = None,
    ledger: LedgerOption = None,
    json: JsonOption = False,
) -> None:
    """Check the file, what waits or was left behind, every row, sum and archive; exit code 1 if a promise is broken."""
    from dataclasses import asdict

    from llmledger.ledger.finding import Level
    from llmledger.ledger.health import examine
    from llmledger.ledger.verification import verify as verify_rows

    where = surroundings().ledger_path(ledger)
    folders = [folder.expanduser() for folder in archive or ()]
    findings = []
    for finding in (*examine(where), *verify_rows(where, folders)):
        findings.append(finding)
        if not json:
            mark, style = _MARKS[finding.level]
            out(f"{paint(mark, style)}  {finding.text}")
            for place in finding.where[1:]:
                out(f"      also {place}")
            if finding.todo:
                out(f"    {finding.todo}")
    if json:
        out(envelope("llmledger.db-verify/1", {"rows": [asdict(finding) for finding in findings]}))
    problems = sum(finding.level is Level.PROBLEM for finding in findings)
    if problems:
        raise AnswerIsNo(f"{problems} of {len(findings)} findings need you")


def _show(found: "LedgerStats") -> None:
    out(f"{found.path}: {_size(found.bytes)}, of it free {_size(found.free_bytes)}; log {_size(found.log_bytes)}")
    since = "" if found.first_at is None else f", {found.first_at:%Y-%m-%d} .. {found.last_at:%Y-%m-%d}"
    out(f"schema {found.schema_version}, home zone {found.home_zone}, {counted(found.requests, 'request')}{since}")
    columns = [Column("Table"), Column("Rows", right=True), Column("Size", right=True), Column("Bytes/row", right=True)]
    rows = [
        (
            size.name,
            f"{size.rows:,}",
            "—" if size.bytes is None else _size(size.bytes),
            f"{size.bytes / size.rows:,.0f}" if size.bytes is not None and size.rows else "—",
        )
        for size in found.tables
        if size.rows
    ]
    out(table(columns, rows))


def _size(count: int) -> str:
    if count < 1_000_000:
        return f"{count / 1000:,.0f} kB"
    return f"{count / 1_000_000:,.1f} MB"
