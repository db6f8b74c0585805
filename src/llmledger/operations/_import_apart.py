"""Reading logs in a process of its own, while this one writes: two kinds of work that would wait for each other in one.

The other process is a plain `python -m` of this file: it is told its errand on stdin, and answers with pickled parcels
on stdout. When this process dies, its next write finds nobody and it ends; when it dies, what it sent stays written.
"""

import gc
import pickle
import signal
import subprocess
import sys
from collections.abc import Generator
from dataclasses import replace
from typing import IO

from llmledger.errors import LogReaderDied
from llmledger.operations._import_reading import Errand, Parcel, read_logs


def read_apart(errand: Errand) -> Generator[Parcel, None, None]:
    """The same parcels as `read_logs`, from another process. Raises LogReaderDied."""
    command = [sys.executable, "-P", "-m", __name__]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        if process.stdin is None or process.stdout is None:
            raise AssertionError("both are pipes")
        try:
            with process.stdin:
                pickle.dump(replace(errand, is_quick=True), process.stdin)
            while (parcel := pickle.load(process.stdout)) is not None:  # noqa: S301 - our own child
                yield parcel
        except (EOFError, pickle.UnpicklingError, BrokenPipeError) as error:
            hint = "What was read is in the ledger; import again for the rest."
            raise LogReaderDied(
                f"The process that reads the logs ended early ({process.wait()}).", hint=hint
            ) from error
        finally:
            # Whoever stops listening lets it end at its next write.
            process.stdout.close()


def _serve(told: IO[bytes], answer: IO[bytes]) -> None:
    for parcel in read_logs(pickle.load(told)):  # noqa: S301 - our own parent
        pickle.dump(parcel, answer, protocol=pickle.HIGHEST_PROTOCOL)
        answer.flush()
    pickle.dump(None, answer)
    answer.flush()


if __name__ == "__main__":
    # Nothing here is in a cycle, and looking for cycles among thousands of records takes a tenth of the time.
    gc.disable()
    # Ctrl-C reaches both; the one that writes decides when to stop.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "SIGPIPE"):
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    _serve(sys.stdin.buffer, sys.stdout.buffer)
