"""`llmledger connect`: point the tools you use at the proxy by their own settings, and take that back."""

from typing import TYPE_CHECKING, Annotated

import typer

from llmledger.cli._context import Surroundings, surroundings
from llmledger.cli._options import JsonOption
from llmledger.cli._render import Column, confirm_dry_run, envelope, note, out, table, wrapped
from llmledger.errors import AnswerIsNo, LedgerError, UsageError

if TYPE_CHECKING:
    from llmledger.cli._connect.task import Done
    from llmledger.cli._connect.tools import Tool
    from llmledger.clients._contract import Proxy

SUMMARY = "Point Claude Code, Codex, Zed, aider and others at the proxy; --undo takes it back."


def command(
    named: Annotated[
        list[str] | None, typer.Argument(metavar="[TOOL]...", help="Which; without any, what is found here is listed.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Every tool that is found here.")] = False,
    undo: Annotated[bool, typer.Option("--undo", help="Put the settings back as they were.")] = False,
    project: Annotated[
        str | None, typer.Option("--project", metavar="NAME", help="Attribute what the tool sends to a project.")
    ] = None,
    url: Annotated[str | None, typer.Option("--url", metavar="URL", help="The proxy; yours by default.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Write it; without this the change is only shown.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show the change, also with --yes.")] = False,
    json: JsonOption = False,
) -> None:
    """Point the tools you use at the proxy by their own settings; comments and everything else in them stay.

    The change is shown first, as a diff, and written with --yes. What was there before is kept; --undo puts it back,
    byte for byte, or takes only our values out of a file that you have edited since.
    """
    from llmledger.cli._connect.task import connected, undone
    from llmledger.cli._connect.tools import proxy_of, tool

    world = surroundings()
    proxy = proxy_of(world, url, project)
    if not named and not every:
        if undo:
            raise UsageError("--undo needs the name of a tool, or --all")
        _list(world, proxy, json=json)
        return
    is_meant = yes and not dry_run
    chosen = [tool(world, name) for name in named or ()] if named else _all(world, undo=undo)
    done: list[Done] = []
    problems: list[LedgerError] = []
    for one in chosen:
        try:
            done.append(
                undone(world, one, is_meant=is_meant) if undo else connected(world, one, proxy, is_meant=is_meant)
            )
        except LedgerError as problem:
            if len(chosen) == 1:
                raise
            problems.append(problem)
            note(f"{one.name}: {problem.message}", style_name="yellow")
            note(f"  {problem.hint}" if problem.hint else "", end="\n" if problem.hint else "")
        else:
            if not json:
                _tell(done[-1], undo=undo)
    if json:
        out(envelope("llmledger.connect/1", {"proxy": proxy.url, "rows": [one.row() for one in done]}))
    _close(done, problems, proxy, undo=undo, is_meant=is_meant)


def _all(world: Surroundings, *, undo: bool) -> "list[Tool]":
    """Every tool that is here and has settings to change, or that was connected from here."""
    from llmledger.cli._connect.task import records
    from llmledger.cli._connect.tools import tool, tools
    from llmledger.operations.connection_store import names_kept

    if undo:
        found = [tool(world, name) for name in names_kept(records(world))]
    else:
        found = [one for one in tools(world) if one.is_found and not one.client.is_of_a_folder]
    if not found:
        raise AnswerIsNo("there is no such tool here", hint="See: llmledger connect")
    return found


def _list(world: Surroundings, proxy: "Proxy", *, json: bool) -> None:
    from dataclasses import asdict

    from llmledger.cli._connect.tools import addresses_of_providers, standing, tools
    from llmledger.cli._machine import shown_path

    address_of = addresses_of_providers(world)
    rows = [standing(one, proxy, address_of) for one in tools(world)]
    if json:
        out(envelope("llmledger.connect-list/1", {"proxy": proxy.url, "rows": [asdict(row) for row in rows]}))
        return
    here = [row for row in rows if row.is_found]
    if here:
        columns = [Column("Tool"), Column("State"), Column("Settings", priority=1, shrinks=True)]
        cells = [(row.tool, str(row.state), shown_path(world, row.file) if row.file else "—") for row in here]
        out(table(columns, cells))
    else:
        out("None of the tools that can be connected was found here.")
    for row in here:
        if row.reason:
            note(wrapped(row.reason))
    note(wrapped(f"Known too: {', '.join(row.tool for row in rows if not row.is_found)}."))
    note(wrapped(f"Connect one to {proxy.url}: llmledger connect TOOL"))


def _tell(done: "Done", *, undo: bool) -> None:
    """The change on stdout, and what its user should know on stderr."""
    from llmledger.operations.connect import State

    if done.change is not None and not done.change.is_nothing:
        out(done.change.diff())
    elif done.change is not None:
        note(f"{done.tool.client.title}: nothing to change")
    for line in done.notes:
        is_clear = line.startswith((" ", done.tool.client.title))
        note(line if line.startswith(" ") else wrapped(line if is_clear else f"{done.tool.client.title}: {line}"))
    if done.kept_at is not None:
        undoing = f"llmledger connect {done.tool.name} --undo --yes"
        note(wrapped(f"{done.tool.client.title} is connected. Take it back: {undoing}"))
    elif undo and done.state == State.OPEN:
        note(f"{done.tool.client.title} is as it was.")


def _close(done: "list[Done]", problems: list[LedgerError], proxy: "Proxy", *, undo: bool, is_meant: bool) -> None:
    from llmledger.cli._proxy.text import ACCESS_KEY_VARIABLE
    from llmledger.cli._start import listens
    from llmledger.operations.connect import State

    if any(one.state == "would change" for one in done):
        confirm_dry_run(is_meant, "write it")
    elif not undo and any(one.state == State.CONNECTED for one in done) and not listens(proxy.url):
        note(wrapped(f"Nobody listens at {proxy.url} yet: llmledger proxy; to have it always: llmledger proxy install"))
    if not undo and surroundings().environ.get(ACCESS_KEY_VARIABLE):
        note(wrapped(f"{ACCESS_KEY_VARIABLE} is set: the proxy refuses tools that do not send it in x-llmledger-key."))
    if problems:
        raise AnswerIsNo(f"{len(problems)} of {len(done) + len(problems)} could not be changed")
    if any(one.state == State.UNREACHABLE for one in done):
        raise AnswerIsNo("what cannot reach this machine cannot be connected")
