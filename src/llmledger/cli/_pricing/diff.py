"""`pricing diff`: what two price tables have differently."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from llmledger.cli._options import JsonOption
from llmledger.core.counted import counted

if TYPE_CHECKING:
    from collections.abc import Iterable

    from llmledger.operations.compare_prices import Change


def command(
    old: Annotated[Path, typer.Argument(metavar="OLD", help="A price file or folder.", show_default=False)],
    new: Annotated[
        Path | None, typer.Argument(metavar="[NEW]", help="Another; the tables in use by default.", show_default=False)
    ] = None,
    at: Annotated[str | None, typer.Option("--at", metavar="TIME", help="Prices of that time.")] = None,
    json: JsonOption = False,
) -> None:
    """Compare two price tables: models added and removed, prices changed, with the change in per cent."""
    from llmledger.cli import _render
    from llmledger.cli._pricing.book import instant, open_book
    from llmledger.errors import UsageError
    from llmledger.operations.compare_prices import compare_prices
    from llmledger.pricebook import load

    for path in (old, new):
        if path is not None and not path.exists():
            raise UsageError(f"{path} does not exist", hint="Give a price file or a folder of them.")
    other = open_book() if new is None else load([new])
    changes = compare_prices(load([old]), other, at=instant(at))
    if json:
        _render.out(_render.envelope("llmledger.pricing_diff/1", {"rows": [row(one) for one in changes]}))
        return
    for line in lines(changes):
        _render.out(line)
    _render.note(f"{counted(len(changes), 'difference')}." if changes else "No differences.")


def lines(changes: "Iterable[Change]") -> "Iterable[str]":
    """One line a change: + added, - removed, ~ changed."""
    from llmledger.cli._pricing.text import price_label, usd
    from llmledger.operations.compare_prices import ChangeKind

    signs = {ChangeKind.ADDED: "+", ChangeKind.REMOVED: "-", ChangeKind.CHANGED: "~"}
    for one in changes:
        line = f"{signs[one.kind]} {one.provider}/{one.model}"
        if one.unit is not None:
            percent = f" ({(one.factor - 1) * 100:+.0f}%)" if one.factor is not None else ""
            line += f": {price_label(one.unit)} {usd(one.before)} → {usd(one.after)}{percent}"
        yield line


def row(one: "Change") -> dict[str, object]:
    """A change as JSON."""
    return {
        "kind": one.kind,
        "provider": one.provider,
        "model": one.model,
        "unit": one.unit,
        "before_usd": one.before,
        "after_usd": one.after,
    }
