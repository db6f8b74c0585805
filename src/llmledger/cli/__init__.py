"""The command line: one file per command in this folder, found by listing it, imported only when it is invoked."""

from collections.abc import Sequence

from llmledger.cli._context import Surroundings, inside, surroundings


def run(args: Sequence[str], world: Surroundings | None = None) -> int:
    """Run one command line in a world (the real one by default) and return its exit code."""
    from llmledger.cli._root import root

    with inside(world or surroundings()):
        code = root().main(list(args), prog_name="llmledger", standalone_mode=False)
    return int(code)
