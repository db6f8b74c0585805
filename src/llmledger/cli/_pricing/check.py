"""`pricing check`: whether price tables can be used, and what is doubtful in them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from llmledger.cli._context import surroundings
from llmledger.cli._options import JsonOption
from llmledger.core.counted import counted

if TYPE_CHECKING:
    from llmledger.operations.check_prices import TableStatistics
    from llmledger.pricebook.checking import Problem


def command(
    paths: Annotated[
        list[Path] | None, typer.Argument(metavar="[FILE|FOLDER]...", help="What to check; all in use by default.")
    ] = None,
    stats: Annotated[bool, typer.Option("--stats", help="Count what the table holds, beside other tables.")] = False,
    disputed: Annotated[bool, typer.Option("--disputed", help="List the prices on which sources differ.")] = False,
    json: JsonOption = False,
) -> None:
    """Check price tables: syntax, keys, overlaps, gaps, magnitudes, sources, age. Exit 3 when one cannot be used."""
    from llmledger.cli import _render
    from llmledger.operations.check_prices import check_prices

    if stats or disputed:
        _count(stats=stats, disputed=disputed, json=json)
        return
    world = surroundings()
    problems = check_prices(list(paths or world.pricing_folders()), today=world.now().date())
    if json:
        rows = [{"severity": one.severity, "message": one.message, "hint": one.hint} for one in problems]
        _render.out(_render.envelope("llmledger.pricing_check/1", {"rows": rows}))
    else:
        for one in problems:
            _render.out(f"{one.severity}: {one.message}. {one.hint}".rstrip())
    _conclude(problems)


def _conclude(problems: "list[Problem]") -> None:
    from llmledger.cli import _render
    from llmledger.errors import PriceTableError
    from llmledger.pricebook.checking import Severity

    errors = sum(one.severity is Severity.ERROR for one in problems)
    if errors:
        raise PriceTableError(f"the price table has {counted(errors, 'error')}", hint="Correct the lines above.")
    _render.note(f"No errors, {counted(len(problems), 'warning')}." if problems else "No errors.")


def _count(*, stats: bool, disputed: bool, json: bool) -> None:
    from dataclasses import asdict

    from llmledger.cli import _render
    from llmledger.cli._pricing.book import open_book
    from llmledger.operations.check_prices import as_json, disputes, statistics

    book = open_book()
    sums = statistics(book) if stats else None
    found = disputes(book) if disputed else []
    if json:
        payload = {"statistics": as_json(sums)} if sums else {}
        rows = {"disputed": [asdict(one) for one in found]} if disputed else {}
        _render.out(_render.envelope("llmledger.pricing_check/1", {"prices": book.version, **payload, **rows}))
        return
    if sums:
        _show_statistics(sums, book.version)
    for one in found:
        _render.out(f"{one.rate_id}: {one.other}")
    if disputed:
        _render.note(f"{counted(len(found), 'rate')} on which the sources differ; ours is the one used.")


def _show_statistics(sums: "TableStatistics", version: str) -> None:
    from llmledger.cli import _render
    from llmledger.operations.check_prices import PEERS

    titles = ("Table", "Models", "Providers", "With history")
    columns = tuple(_render.Column(title, right=title != "Table") for title in titles)
    ours = ("this one", sums.pairs, sums.providers, sums.histories)
    rows = [ours, *((name, *counts) for name, counts in PEERS.items())]
    _render.out(_render.table(columns, [[one if isinstance(one, str) else f"{one:,}" for one in row] for row in rows]))
    _render.out()
    _render.out(f"prices         {version}")
    for name, value in (
        ("rates", f"{sums.rates:,}, {sums.sourced:,} with source and day"),
        ("exact names", f"{sums.names:,}"),
        ("context tiers", f"{sums.tiers:,} models"),
        ("modes", f"{sums.modes:,} models (batch, flex, priority, fast, region, search)"),
        ("time windows", f"{sums.windows:,} models"),
        ("free", f"{sums.free:,} models, each a stated zero"),
        ("without rate", f"{sums.without_rate:,} models, recorded unpriced"),
        ("disputed", f"{sums.disputed:,} rates: pricing check --disputed"),
    ):
        _render.out(f"{name:14} {value}")
