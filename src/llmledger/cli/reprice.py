"""`llmledger reprice`: price recorded requests again, by the table of now, of another day, or of another folder."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from llmledger.cli._context import surroundings
from llmledger.cli._options import JsonOption, LedgerOption, YesOption
from llmledger.cli._select import Chosen, reading, takes_selection
from llmledger.core.counted import counted

if TYPE_CHECKING:
    from llmledger.operations.reprice import Repricing
    from llmledger.pricebook import PriceBook

SUMMARY = "Price recorded requests again; the differences are appended."
SCHEMA = "llmledger.reprice/1"


@takes_selection
def command(
    as_of: Annotated[
        str | None, typer.Option("--as-of", metavar="DAY", help="By the prices of that day, not of each request's own.")
    ] = None,
    table: Annotated[
        Path | None, typer.Option("--table", metavar="FOLDER", help="By the price files there, above all others.")
    ] = None,
    yes: YesOption = False,
    json: JsonOption = False,
    ledger: LedgerOption = None,
    *,
    chosen: Chosen,
) -> None:
    """Price recorded requests again and show the difference by model; a dry run unless --yes is given.

    The usual options select the requests, as --unpriced or --since 2026-10. Rows stay as they are: each difference is
    a pair of corrections. Costs that the provider reported stay.
    """
    from llmledger.cli._pricing.book import instant, open_book
    from llmledger.ledger import open_ledger
    from llmledger.operations.reprice import reprice, selected

    prices: PriceBook = open_book([table] if table is not None else [])
    at = None if as_of is None else instant(as_of, option="--as-of")
    world = surroundings()
    with reading(ledger) as reader:
        found = selected(reader.connection, chosen.window(reader.home_zone), chosen.selection())
        if yes:
            with open_ledger(world.ledger_path(ledger), create=False, now=world.now) as book:
                done = reprice(found, prices, book=book, now=world.now(), as_of=at)
        else:
            done = reprice(found, prices, book=None, now=world.now(), as_of=at)
    _show(done, yes=yes, json=json)


def _show(done: "Repricing", *, yes: bool, json: bool) -> None:
    from dataclasses import asdict

    from llmledger.cli import _render

    rows = sorted(done.models.values(), key=lambda one: -abs(one.after_nanousd - one.before_nanousd))
    if json:
        counts = {"requests": done.requests, "same": done.same, "kept": done.kept, "booked": done.booked}
        payload = {"dry_run": not yes, "prices": done.version, **counts, "rows": [asdict(one) for one in rows]}
        _render.out(_render.envelope(SCHEMA, payload))
        return
    if rows:
        _render.out(_table(done))
    count = done.booked if yes else done.requests
    verb = f"{'was' if count == 1 else 'were'} priced again" if yes else "would be priced again"
    _render.out(
        f"{counted(count, 'request')} {verb}; {done.same:,} cost the same, {done.kept:,} keep what the provider said."
    )
    if rows:
        _render.confirm_dry_run(yes, "append the differences")


def _table(done: "Repricing") -> str:
    from llmledger.cli import _render
    from llmledger.core.money import money_text

    columns = (
        _render.Column("Model", shrinks=True),
        _render.Column("Requests", right=True),
        _render.Column("Before", right=True),
        _render.Column("After", right=True),
        _render.Column("Difference", right=True),
        _render.Column("Unpriced", right=True, priority=1),
    )
    rows = []
    for one in sorted(done.models.values(), key=lambda one: -abs(one.after_nanousd - one.before_nanousd)):
        difference = one.after_nanousd - one.before_nanousd
        before = None if one.unpriced_before == one.requests else one.before_nanousd
        after = None if one.unpriced_after == one.requests else one.after_nanousd
        signed = f"{'+' if difference > 0 else ''}{money_text(difference)}"
        unpriced = f"{one.unpriced_before:,} → {one.unpriced_after:,}"
        rows.append([one.model, f"{one.requests:,}", money_text(before), money_text(after), signed, unpriced])
    return _render.table(columns, rows)
