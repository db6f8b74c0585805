"""`llmledger assign`: say afterwards for whom requests were made, and how they are paid."""

from typing import TYPE_CHECKING, Annotated

import typer

from llmledger.cli._context import surroundings
from llmledger.cli._options import JsonOption, LedgerOption, YesOption
from llmledger.cli._render import confirm_dry_run, envelope, out
from llmledger.cli._select import Chosen, reading, takes_selection
from llmledger.core.counted import counted
from llmledger.core.money import money_text, usd_text
from llmledger.core.selection import BILLINGS

if TYPE_CHECKING:
    from llmledger.operations.assign import Assignment

SUMMARY = "Say afterwards for whom requests were made, and how they are paid."
SCHEMA = "llmledger.assign/1"


def _to(name: str) -> typer.models.OptionInfo:
    option: typer.models.OptionInfo = typer.Option(
        f"--to-{name}", metavar=name.upper(), help=f'The {name} it was for; "" for none.', show_default=False
    )
    return option


@takes_selection
def command(
    to_client: Annotated[str | None, _to("client")] = None,
    to_user: Annotated[str | None, _to("user")] = None,
    to_team: Annotated[str | None, _to("team")] = None,
    to_project: Annotated[str | None, _to("project")] = None,
    to_operation: Annotated[str | None, _to("operation")] = None,
    to_app: Annotated[str | None, _to("app")] = None,
    to_host: Annotated[str | None, _to("host")] = None,
    to_billing: Annotated[
        str | None,
        typer.Option(
            "--to-billing", metavar="KIND", help=f"How it is paid: {', '.join(BILLINGS)}.", show_default=False
        ),
    ] = None,
    yes: YesOption = False,
    json: JsonOption = False,
    ledger: LedgerOption = None,
    *,
    chosen: Chosen,
) -> None:
    """Say afterwards for whom requests were made, and how they are paid; a dry run unless --yes is given.

    The usual options select the requests, --to-... says what holds for them from now on. Rows stay as they are: each
    request is moved by a pair of corrections.
    """
    from llmledger.ledger import open_ledger
    from llmledger.operations.assign import assign, check_values, plan_assignment

    given = {
        "client": to_client,
        "user": to_user,
        "team": to_team,
        "project": to_project,
        "operation": to_operation,
        "app": to_app,
        "host": to_host,
        "billing": to_billing,
    }
    values = {name: value or None for name, value in given.items() if value is not None}
    check_values(values)
    world = surroundings()
    with reading(ledger) as reader:
        found = plan_assignment(reader.connection, chosen.window(reader.home_zone), chosen.selection())
        if yes:
            with open_ledger(world.ledger_path(ledger), create=False, now=world.now) as book:
                done = assign(found, values, book=book, now=world.now())
        else:
            done = assign(found, values, book=None, now=world.now())
    _show(done, yes=yes, json=json)


def _show(done: "Assignment", *, yes: bool, json: bool) -> None:
    if json:
        out(
            envelope(
                SCHEMA,
                {
                    "dry_run": not yes,
                    "requests": done.requests,
                    "unchanged": done.unchanged,
                    "booked": done.booked,
                    "cost_usd": usd_text(done.nanousd),
                    "unpriced": done.unpriced,
                },
            )
        )
        return
    lacks = f" and {done.unpriced:,} unpriced" if done.unpriced else ""
    count = done.booked if yes else done.requests
    verb = f"{'was' if count == 1 else 'were'} assigned" if yes else "would be assigned"
    already = f"; {done.unchanged:,} already are" if done.unchanged else ""
    out(f"{counted(count, 'request')} ({money_text(done.nanousd)}{lacks}) {verb}{already}.")
    confirm_dry_run(yes, "assign them")
