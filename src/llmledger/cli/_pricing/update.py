"""`pricing update`: newer prices into the managed table."""

from typing import TYPE_CHECKING, Annotated

import typer

from llmledger.cli._context import surroundings
from llmledger.cli._options import JsonOption

if TYPE_CHECKING:
    from pathlib import Path

    from llmledger.operations.update_prices import PriceUpdate
    from llmledger.pricebook import PriceBook

GENAI = "genai-prices"


def command(
    source: Annotated[
        str, typer.Argument(metavar="[FROM]", help="genai-prices (installed), or a price file, folder or URL of ours.")
    ] = GENAI,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the difference and write nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Also take prices that change by more than five times.")] = False,
    json: JsonOption = False,
) -> None:
    """Bring the managed price table up to date; nothing is overwritten, a new price opens a new period."""
    import tempfile
    from pathlib import Path

    from llmledger.cli import _render
    from llmledger.errors import AnswerIsNo
    from llmledger.operations.update_prices import plan_update, write_update
    from llmledger.pricebook import load, packaged_folder

    world = surroundings()
    managed = world.paths.managed_pricing
    with tempfile.TemporaryDirectory() as scratch:
        theirs, name = _table(source, Path(scratch))
        ours = load([packaged_folder(), managed])
        update = plan_update(ours, theirs, managed, now=world.now(), source=name)
    _show(update, json=json, written=not dry_run and (yes or not update.insane))
    if dry_run:
        return
    if update.insane and not yes:
        raise AnswerIsNo(
            f"{len(update.insane)} prices change by more than five times; nothing was written",
            hint="Look at them above; --yes takes them all the same.",
        )
    write_update(update)
    if update.files:
        _render.note(
            f"Wrote {len(update.files)} files to {managed}. Recorded rows keep their price; see: llmledger reprice"
        )


def _table(source: str, scratch: "Path") -> "tuple[PriceBook, str]":
    """The other table, and what the sources of ours begin with that it may correct."""
    from pathlib import Path

    from llmledger.cli._context import surroundings
    from llmledger.errors import UsageError
    from llmledger.pricebook import load

    if source == GENAI:
        from llmledger.pricebook.genai import write_installed

        write_installed(scratch, checked=surroundings().now().date())
        return load([scratch]), GENAI
    if source.startswith(("https://", "http://")):
        from llmledger.operations.fetch_prices import fetch_prices

        return load([fetch_prices(source, scratch, now=surroundings().now)]), ""
    path = Path(source).expanduser()
    if not path.exists():
        raise UsageError(f"{source} is neither genai-prices nor a price file", hint="Give a file, a folder or a URL.")
    return load([path]), ""


def _show(update: "PriceUpdate", *, json: bool, written: bool) -> None:
    from llmledger.cli import _render
    from llmledger.cli._pricing.diff import lines, row

    if json:
        payload = {
            "written": written,
            "rows": [row(one) for one in update.changes],
            "kept": [row(one) for one in update.kept],
        }
        _render.out(_render.envelope("llmledger.pricing_update/1", payload))
        return
    for line in lines(update.changes):
        _render.out(line)
    for line in lines(update.kept):
        _render.note(f"kept ours, from better evidence: {line.removeprefix('~ ')}")
    if not update.changes:
        _render.out("The price table is up to date.")
