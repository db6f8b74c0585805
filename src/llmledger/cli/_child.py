"""Running somebody else's program: its environment, its signals, its exit code."""

import contextlib
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from types import FrameType

from llmledger.errors import UsageError

FORWARDED = ("SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGWINCH")
"""Signals that are meant for the program. Ctrl-C reaches it from the terminal, without our help."""


def run_child(command: Sequence[str], environ: Mapping[str, str]) -> int:
    """Run a program in the same terminal; answers with its exit code, 128 and the number when a signal ended it.

    Raises UsageError when there is no such program.
    """
    with _deaf_to_interrupts():
        try:
            child = subprocess.Popen(list(command), env=dict(environ))
        except OSError as error:
            reason = error.strerror or "it cannot be started"
            raise UsageError(f"cannot run {command[0]!r}: {reason}", hint="Is it installed, and on the PATH?") from None
        with _forwarding(child):
            code = child.wait()
    return 128 - code if code < 0 else code


@contextlib.contextmanager
def _deaf_to_interrupts() -> Iterator[None]:
    """Let the program decide what Ctrl-C means."""
    try:
        # Not SIG_IGN: that would be handed down, and the program could not be interrupted at all.
        before = signal.signal(signal.SIGINT, lambda *_: None)
    except ValueError:
        # Not in the main thread: signals are somebody else's business.
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextlib.contextmanager
def _forwarding(child: "subprocess.Popen[bytes]") -> Iterator[None]:
    def forward(number: int, _frame: FrameType | None) -> None:
        with contextlib.suppress(ProcessLookupError):
            child.send_signal(number)

    before = {}
    with contextlib.suppress(ValueError):
        for name in FORWARDED:
            if (number := getattr(signal, name, None)) is not None:
                before[number] = signal.signal(number, forward)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
