"""`import --source llmledger`: our own complete exports and archives, read back."""

from pathlib import Path

from llmledger.cli._context import surroundings
from llmledger.cli._render import envelope, out, progress


def restore_files(ledger: Path, paths: list[Path], *, json: bool) -> None:
    """Restore files into a ledger, and say what was new."""
    from llmledger.ledger import open_ledger
    from llmledger.operations.restore import open_lines, restore

    world = surroundings()
    done = []
    with open_ledger(ledger, now=world.now) as book, progress("Restoring") as bar:
        for path in paths:
            with open_lines(path.expanduser()) as lines:
                done.append((path, restore(book, lines, name=path.name, advance=bar.advance)))
    if json:
        files = [
            {
                "file": str(path),
                "requests": one.requests,
                "added": one.added,
                "adjustments": one.adjustments,
                "booked": one.booked,
            }
            for path, one in done
        ]
        out(envelope("llmledger.restore/1", {"files": files}))
        return
    for path, one in done:
        out(
            f"{path}: {one.added:,} of {one.requests:,} requests and {one.booked:,} of {one.adjustments:,} "
            "corrections were new."
        )
