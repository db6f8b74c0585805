"""What `llmledger` shows without a command."""

from llmledger.cli._render import out


def show() -> None:
    """Print the ways in and out; creates nothing."""
    out("llmledger --help lists the commands.")
