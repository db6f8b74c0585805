"""The commands there are: their names, order and summaries, read from their files without importing them."""

from collections.abc import Iterator
from pathlib import Path

from llmledger.errors import ExitCode

SECTIONS = {
    "Get data in": ("run", "proxy", "with", "connect", "import"),
    "Get answers": ("report", "log", "check", "statusline", "estimate", "reconcile", "export"),
    "Models and prices": ("models", "pricing", "reprice"),
    "Keep house": ("config", "doctor", "assign", "db", "prune"),
}
"""The order of the commands in the help; those not named here follow under "More"."""

EXIT_CODES = {
    ExitCode.OK: "fine",
    ExitCode.ANSWER_IS_NO: "it ran, and the answer is no",
    ExitCode.USAGE: "usage",
    ExitCode.CONFIG: "bad config or file",
    ExitCode.CREDENTIALS: "credentials",
    ExitCode.UPSTREAM: "provider or network",
    ExitCode.LEDGER: "ledger",
    ExitCode.INTERRUPTED: "interrupted",
}


def command_names() -> list[str]:
    """Every command, in the order of the help."""
    found = {path.stem.rstrip("_") for path in Path(__file__).parent.glob("*.py") if not path.stem.startswith("_")}
    ordered = [name for names in SECTIONS.values() for name in names if name in found]
    return ordered + sorted(found.difference(ordered))


def summary(name: str) -> str:
    """The line that says what a command does, read from its file without importing it."""
    for line in file_of(name).read_text(encoding="utf-8").splitlines():
        if line.startswith("SUMMARY"):
            return line.partition("=")[2].strip().strip('"')
    return ""


def file_of(name: str) -> Path:
    """The file of a command; a name that is a keyword of Python has an underscore behind it."""
    folder = Path(__file__).parent
    keyword = folder / f"{name}_.py"
    return keyword if keyword.exists() else folder / f"{name}.py"


def sections() -> Iterator[tuple[str, list[str]]]:
    """The commands that exist, as the help groups them."""
    names = command_names()
    for title, members in SECTIONS.items():
        present = [name for name in members if name in names]
        if present:
            yield title, present
    rest = [name for name in names if not any(name in members for members in SECTIONS.values())]
    if rest:
        yield "More", rest
