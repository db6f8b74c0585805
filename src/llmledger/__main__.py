"""The command `llmledger`, also as `python -m llmledger`: answers the lightest at once, `llmledger.cli` the rest."""

import sys

from llmledger._version import VERSION


def main() -> None:
    """Run the command line of this process and exit with its code."""
    if sys.argv[1:] in (["--version"], ["-V"]):
        # Before anything is imported: three times a bare interpreter is all that this may take.
        sys.stdout.write(f"llmledger {VERSION}\n")
        return
    if sys.argv[1:] == ["statusline"]:
        _show_status_line()
        return
    from llmledger.cli import run

    sys.exit(run(sys.argv[1:]))


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
