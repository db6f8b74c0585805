"""The command `llmledger`, also as `python -m llmledger`: answers the lightest at once, `llmledger.cli` the rest."""

import gc
import sys

from llmledger._version import VERSION

FEW_COLLECTIONS = 50_000
"""New objects between two runs of the garbage collector. At the interpreter's 700 it runs a hundred times while the modules
of a command are loaded, all of which stay: one twelfth of the time that a report takes."""


def main() -> None:
    """Run the command line of this process and exit with its code."""
    if sys.argv[1:] in (["--version"], ["-V"]):
        # Before anything is imported: three times a bare interpreter is all that this may take.
        sys.stdout.write(f"llmledger {VERSION}\n")
        return
    if sys.argv[1:] == ["statusline"]:
        _show_status_line()
        return
    gc.set_threshold(FEW_COLLECTIONS)
    from llmledger.cli import run

    code = run(sys.argv[1:])
    gc.freeze()  # what is alive now goes with the process: looking through it once more takes 10 ms
    sys.exit(code)


def _show_status_line() -> None:
    """Answer a prompt that asks many times a minute; six times a bare interpreter is all that this may take."""
    import os
    from datetime import UTC, datetime

    from llmledger.operations.status_line import status_line
    from llmledger.paths import find_paths

    hook = "" if sys.stdin is None or sys.stdin.isatty() else sys.stdin.buffer.read().decode(errors="replace")
    path = find_paths(os.environ).ledger
    line = status_line(str(path), now=datetime.now(UTC), zone=os.environ.get("LLMLEDGER_TZ"), hook=hook)
    sys.stdout.buffer.write(f"{line}\n".encode())


if __name__ == "__main__":
    main()
