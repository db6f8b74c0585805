"""`llmledger check`: is it still within the limit? Exit 1 when it is not, for cron, hooks and alerts."""

from typing import Annotated

import typer

from llmledger.cli._context import surroundings
from llmledger.cli._options import JsonOption, LedgerOption
from llmledger.cli._render import envelope, note, out
from llmledger.cli._select import Chosen, reading, takes_selection
from llmledger.errors import ExitCode

SUMMARY = "Is the cost within a limit? Exit 1 when it is not: for cron and alerts."
SCHEMA = "llmledger.check/1"


@takes_selection
def command(
    max: Annotated[str, typer.Option("--max", metavar="AMOUNT", help="The limit, as 20USD or $20 or 18.50EUR.")],
    strict: Annotated[bool, typer.Option("--strict", help="Requests without a price make it fail too.")] = False,
    json: JsonOption = False,
    ledger: LedgerOption = None,
    *,
    chosen: Chosen,
) -> None:
    """Is the cost within a limit? Exit 0 when it is, 1 when it is not.

    For example: llmledger check --max 20USD --since today
    """
    from llmledger.cli.report import exchange_rates
    from llmledger.operations.check_limit import Limit, check_limit, parse_amount

    amount, currency = parse_amount(max)
    rates = exchange_rates(currency)
    with reading(ledger) as reader:
        window = chosen.window(reader.home_zone)
        limit = Limit(amount=amount, currency=currency, rates=rates, strict=strict)
        verdict = check_limit(reader, window, chosen.selection(), limit, now=surroundings().now())
    if json:
        out(envelope(SCHEMA, {"timezone": window.zone, "range": window.json(), **verdict.json()}))
    else:
        out(f"{verdict.text()} · {window.text()} {window.zone}")
        for line in verdict.warnings:
            note(line)
    if not verdict.is_within:
        raise typer.Exit(ExitCode.ANSWER_IS_NO)
