"""An environment for interpreters whose imports are counted: coverage starts itself in every child, but not there."""

import os


def unmeasured(**changes: str) -> dict[str, str]:
    """The environment of this process without coverage's hooks, and with these changes."""
    return {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")} | changes
