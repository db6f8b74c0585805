"""The command `llmledger`, also as `python -m llmledger`: answers `--version` at once, hands the rest to `llmledger.cli`."""

import sys

from llmledger._version import VERSION


def main() -> None:
    """Run the command line of this process and exit with its code."""
    if sys.argv[1:] in (["--version"], ["-V"]):
        # Before anything is imported: three times a bare interpreter is all that this may take.
        sys.stdout.write(f"llmledger {VERSION}\n")
        return
    from llmledger.cli import run

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
