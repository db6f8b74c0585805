"""`llmledger import`: bring in what other tools logged on this machine, each request once."""

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from llmledger.cli._context import surroundings
from llmledger.cli._import.schedule import Schedule
from llmledger.cli._options import JsonOption, LedgerOption
from llmledger.cli._render import note, out
from llmledger.errors import InputFileError

if TYPE_CHECKING:
    from llmledger.operations.import_plan import Source

SUMMARY = "Bring in what other tools logged: Claude Code, Codex, llm and more."


def command(
    paths: Annotated[
        list[Path] | None, typer.Argument(metavar="[PATH]...", help="Files to read; without any, what is found here.")
    ] = None,
    source: Annotated[
        str | None, typer.Option("--source", metavar="NAME", help="Only this source; PATHs are its logs.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Import without asking.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the plan, import nothing.")] = False,
    since: Annotated[str | None, typer.Option("--since", metavar="WHEN", help="Leave out what began before.")] = None,
    billing: Annotated[
        str | None, typer.Option("--billing", metavar="KIND", help="api, subscription or local; it is remembered.")
    ] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Go on reading what is appended, until Ctrl-C.")] = False,
    problems: Annotated[bool, typer.Option("--problems", help="List what could not be read.")] = False,
    print_schedule: Annotated[
        Schedule | None, typer.Option("--print-schedule", help="Print what runs this every hour.")
    ] = None,
    json: JsonOption = False,
    ledger: LedgerOption = None,
) -> None:
    """Bring in what other tools logged: Claude Code, Codex, llm and more; each request once, however often this runs.

    Shows a plan and asks. Only new lines are read. No prompt or answer is ever taken in.
    """
    if print_schedule is not None:
        from llmledger.cli._import.schedule import command_line, schedule_text

        out(schedule_text(print_schedule, command_line()))
        return
    path = surroundings().ledger_path(ledger)
    if problems:
        _list_problems(path, json=json)
        return
    if source == "llmledger" and paths:
        from llmledger.cli._import.restore import restore_files

        restore_files(path, paths, json=json)
        return
    from llmledger.cli._import.means import since_of, sources_of
    from llmledger.cli._import.task import ImportTask

    start, chosen = since_of(since), sources_of(source, paths)
    if not any(one.files for one in chosen):
        _note_nothing(chosen, source)
        return
    task = ImportTask(path, chosen, start, billing=billing, json=json)
    if not yes and not task.agreed(dry_run=dry_run):
        return
    results = task.run()
    if paths and not any(one.added + one.known + one.linked + one.snapshots for one in results):
        raise InputFileError("nothing in these files could be imported", hint="Why: llmledger import --problems")
    if watch:
        task.watch(lambda: sources_of(source, paths))


def _list_problems(path: Path, *, json: bool) -> None:
    from llmledger.cli._import.means import open_existing
    from llmledger.cli._import.show import show_problems
    from llmledger.ledger.imports import read_problems

    with ExitStack() as stack:
        reader = open_existing(stack, path)
        show_problems({} if reader is None else read_problems(reader.connection), json=json)


def _note_nothing(chosen: "tuple[Source, ...]", source: str | None) -> None:
    for one in chosen:
        for folder in one.empty:
            note(f"{one.name}: {folder} is there, but holds no logs.")
    what = f"no logs of {source}" if source else "no logs of any tool we know"
    note(f"There are {what} in their usual places. Name files: llmledger import --source NAME PATH...")
