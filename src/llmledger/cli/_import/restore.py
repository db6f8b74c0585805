"""`import --source llmledger`: our own complete exports and archives, read back."""

from pathlib import Path

from llmledger.cli._render import envelope, out, progress
from llmledger.cli._writing import writing


def restore_files(ledger: Path, paths: list[Path], *, json: bool) -> None:
    """Restore files into a ledger, and say what was new."""
    from llmledger.operations.restore import open_lines, restore

    done = []
    with writing(ledger) as book, progress("Restoring") as bar:
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
