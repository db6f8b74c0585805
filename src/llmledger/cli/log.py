"""`llmledger log`: the requests themselves, one per line; `log show ID` explains one."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from llmledger.cli._context import surroundings
from llmledger.cli._options import Format, JsonOption, LedgerOption, LedgersOption, chosen_format
from llmledger.cli._render import Column, envelope, json_text, note, out, table
from llmledger.cli._select import Chosen, reading, takes_selection
from llmledger.core.calm import calm
from llmledger.core.window import zone_named
from llmledger.errors import UsageError

if TYPE_CHECKING:
    from llmledger.ledger import Reader, Recorded

SUMMARY = "List single requests; `log show ID` explains one."
SCHEMA = "llmledger.log/1"

app = typer.Typer(add_completion=False, rich_markup_mode=None, no_args_is_help=False, help=SUMMARY)


@app.callback(invoke_without_command=True)
@takes_selection
def command(
    context: typer.Context,
    limit: Annotated[int, typer.Option("-n", "--limit", min=0, help="How many, newest first; 0 is all.")] = 20,
    inflight: Annotated[bool, typer.Option("--inflight", help="What has begun and not ended.")] = False,
    format: Annotated[
        Format, typer.Option("--format", metavar="table|json|jsonl", help="How the result is written.")
    ] = Format.TABLE,
    json: JsonOption = False,
    ledger: LedgersOption = None,
    *,
    chosen: Chosen,
) -> None:
    """List single requests, newest first; `log show ID` explains one: its timeline and its price."""
    if context.invoked_subcommand is not None:
        return
    wanted = _known(chosen_format(format, json))
    with reading(ledger) as reader:
        if inflight:
            _show_running(reader, wanted)
            return
        window, selection = chosen.window(reader.home_zone), chosen.selection()
        from llmledger.ledger.queries.log import find_rows

        rows = find_rows(reader.connection, window, selection, limit=limit or None)
        _show(_recorded(reader, rows), wanted, window.zone)


def _known(format: Format) -> Format:
    """One of the formats that a log has."""
    if format not in (Format.TABLE, Format.JSON, Format.JSONL):
        raise UsageError(f"log has no format {format.value}", hint="Use table, json or jsonl; `export` writes CSV.")
    return format


@app.command("show")
def show(
    request_id: Annotated[str, typer.Argument(metavar="ID", help="A request id, or enough of its start or end.")],
    json: JsonOption = False,
    ledger: LedgerOption = None,
    timezone: Annotated[str | None, typer.Option("-z", "--timezone", metavar="ZONE", help="Whose clock.")] = None,
) -> None:
    """Explain one request: how it went, what it used, and how its price came about."""
    from llmledger.cli._log_show import explain
    from llmledger.reports.request import request_json

    Chosen(timezone=timezone).check()
    with reading(ledger) as reader:
        recorded = _found(reader, request_id)
        clock = Chosen(timezone=timezone).clock(reader.home_zone)
    entries = [entry for _, entry in recorded.adjustments]
    if json:
        out(envelope("llmledger.request/1", {"request": request_json(recorded.finished, recorded.standing, entries)}))
        return
    for line in explain(recorded.finished, recorded.standing, entries, zone=clock.zone):
        out(calm(line))


def _found(reader: "Reader", text: str) -> "Recorded":
    ids = reader.find(text)
    if len(ids) > 1:
        raise UsageError(f"more than one request has {text!r}", hint="Give more digits of the id.")
    recorded = reader.request(ids[0]) if ids else None
    if recorded is None:
        pruned = " any more: its detail was pruned" if ids else ""
        raise UsageError(f"there is no request {text!r}{pruned}", hint="`llmledger log` lists them.")
    return recorded


def _recorded(reader: "Reader", rows: Iterator[int]) -> Iterator["Recorded"]:
    from llmledger.ledger.standing import recorded_row

    for row in rows:
        recorded = recorded_row(reader.connection, row)
        if recorded is not None:
            yield recorded


def _show(found: Iterator["Recorded"], format: Format, zone: str) -> None:
    from llmledger.reports.request import request_json

    if format is Format.TABLE:
        _show_table(list(found), zone)
        return
    plain = (request_json(one.finished, one.standing, [entry for _, entry in one.adjustments]) for one in found)
    _show_plain(plain, format)


def _show_plain(plain: Iterator[dict[str, Any]], format: Format) -> None:
    if format is Format.JSON:
        out(envelope(SCHEMA, {"requests": list(plain)}))
        return
    for one in plain:
        out(json_text(one, indent=None))


def _show_table(found: list["Recorded"], zone: str) -> None:
    from llmledger.cli._log_show import COLUMNS, line_of

    if not found:
        note("No requests to show.")
        return
    clock = zone_named(zone)
    out(table([Column(*column) for column in COLUMNS], [line_of(one.finished, one.standing, clock) for one in found]))


def _show_running(reader: "Reader", format: Format) -> None:
    from llmledger.cli._log_show import RUNNING_COLUMNS, running_json, running_line

    running = list(reader.running())
    now = surroundings().now()
    if format is not Format.TABLE:
        _show_plain((running_json(one, now) for one in running), format)
    elif not running:
        note("Nothing is in flight.")
    else:
        out(table([Column(*column) for column in RUNNING_COLUMNS], [running_line(one, now) for one in running]))
