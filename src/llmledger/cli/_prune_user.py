"""`prune --user`: a person is forgotten; what is left to do, and what stays, is said."""

from pathlib import Path
from typing import TYPE_CHECKING

from llmledger.cli._render import confirm_dry_run, envelope, note, out, warn
from llmledger.cli._select import reading
from llmledger.errors import InputFileError, UsageError

if TYPE_CHECKING:
    from llmledger.operations.erase import Erased

SCHEMA = "llmledger.erase/1"
WORDS = {
    "attributions": "attributions",
    "sessions": "sessions, branches and tags",
    "outcomes": "kinds of errors",
    "requests": "error messages and client ids",
    "adjustments": "corrections",
    "contents": "prompts and responses",
    "inflight": "requests in flight",
    "statements": "invoices",
    "statement_lines": "lines of invoices",
    "prunings": "receipts",
    "import_files": "import positions",
    "import_problems": "import problems",
}


def forget(path: Path, user: str, archive: Path | None, *, yes: bool, json: bool) -> None:
    """Show what would change, or change it; raises UsageError, InputFileError, StorageError."""
    from llmledger.operations.erase import erase, plan_erase

    if not user.strip():
        raise UsageError("--user is empty", hint="Name the person to forget.")
    archives = _archives(archive)
    # Whoever reads closes what dead processes left in spools, so that the name is all in the ledger.
    with reading(path):
        pass
    done = erase(path, user, archives) if yes else plan_erase(path, user, archives)
    if json:
        out(envelope(SCHEMA, {"dry_run": not yes, **_plain(done)}))
    else:
        _show(done, yes=yes)
    for text in done.unfinished:
        warn(text)
    if not json and done.places:
        confirm_dry_run(yes, f"forget {user}")


def _show(done: "Erased", *, yes: bool) -> None:
    for table, count in done.rows.items():
        out(f"{count:,} {WORDS[table]}")
    for archive in done.archives:
        digest = "" if archive.sha256 is None else f", sha256 {archive.sha256}"
        out(f"{archive.places:,} records in {archive.path}{digest}")
    if not done.places:
        out("The name stands nowhere.")
    elif yes:
        out("The name is gone from all of these; requests and costs stay, for nobody in particular.")
    else:
        out("would lose the name; requests and costs would stay, for nobody in particular.")
    if done.kept:
        note(f"It stays where it names something else: {', '.join(done.kept)}")


def _plain(done: "Erased") -> dict[str, object]:
    archives = [{"file": one.path, "records": one.places, "sha256": one.sha256} for one in done.archives]
    return {"rows": done.rows, "archives": archives, "kept": done.kept, "unfinished": done.unfinished}


def _archives(place: Path | None) -> list[Path]:
    """The archives that are pointed at: a file, or all in a folder."""
    from llmledger.operations.archive import PATTERN

    if place is None:
        return []
    place = place.expanduser()
    found = [place] if place.is_file() else sorted(place.glob(PATTERN))
    if not found:
        raise InputFileError(f"there is no archive in {place}", hint=f"Name a file, or a folder with {PATTERN}.")
    return found
