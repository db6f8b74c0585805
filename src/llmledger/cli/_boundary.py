"""The one place where errors become a line on stderr and an exit code.

It sits in the `main` of the root command, not in its `invoke`, because Typer parses the root's own options before it
invokes anything; tests and the real command both go through it. What is no LedgerError is a bug and shows a traceback
without the values of local variables, which may hold keys and prompts.
"""

import sys
from collections.abc import Sequence
from typing import Any

from typer import Abort
from typer._click.exceptions import ClickException  # Typer has no public name for it in all versions allowed
from typer.core import TyperGroup

from llmledger.core.calm import calm_lines
from llmledger.errors import ExitCode, LedgerError


class BoundedGroup(TyperGroup):
    """A root command whose errors end in one line and the right exit code."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> Any:
        """Run a command line and exit with its code, or return the code when not `standalone_mode`."""
        code = self._run(args, prog_name, complete_var, extra)
        if standalone_mode:
            sys.exit(code)
        return code

    def _run(
        self, args: Sequence[str] | None, prog_name: str | None, complete_var: str | None, extra: dict[str, Any]
    ) -> int:
        try:
            result = super().main(args, prog_name, complete_var, standalone_mode=False, **extra)
            sys.stdout.flush()
        except BrokenPipeError:
            return _leave_quietly()
        except SystemExit as leaving:
            # Typer turns a broken pipe into this.
            return _leave_quietly() if isinstance(leaving.__context__, BrokenPipeError) else _code(leaving)
        except (Abort, KeyboardInterrupt):
            return _say("interrupted", None, ExitCode.INTERRUPTED)
        except LedgerError as problem:
            return _say(problem.message, problem.hint, problem.exit_code)
        except ClickException as problem:
            return _say(*_usage_lines(problem), ExitCode.USAGE)
        return result if isinstance(result, int) else ExitCode.OK


def _say(message: str, hint: str | None, code: ExitCode) -> int:
    """Tell what happened and what to do next; the data written so far goes out first."""
    try:
        sys.stdout.flush()
        sys.stderr.write(f"Error: {calm_lines(message)}\n")
        if hint:
            sys.stderr.write(f"{calm_lines(hint)}\n")
        sys.stderr.flush()
    except BrokenPipeError:
        return _leave_quietly()
    return code


def _usage_lines(problem: ClickException) -> tuple[str, str | None]:
    """Typer's complaint about a command line in our words: the line, and what was probably meant or where help is."""
    context = getattr(problem, "ctx", None)
    help_hint = f"See: {context.command_path} --help" if context is not None else None
    close = getattr(problem, "possibilities", None)
    if close:
        return problem.message, f"Did you mean {' or '.join(sorted(close))}?"
    return _one_line(problem.format_message()), getattr(problem, "hint", None) or help_hint


def _code(leaving: SystemExit) -> int:
    return leaving.code if isinstance(leaving.code, int) else ExitCode.OK


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _leave_quietly() -> int:
    """The reader of our output went away (`| head`): no message, and nothing left for the interpreter to flush."""
    import os

    sink = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        try:
            os.dup2(sink, stream.fileno())
        except (OSError, ValueError):
            continue
    return ExitCode.OK
