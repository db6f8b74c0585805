"""Nine tenths of a ledger pruned while another process writes on; the reference is how long that one waits when it is alone."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from tests.benchmarks._figure import Figure
from tests.benchmarks.big_ledger import DAYS, END, make

from llmledger.core.report import NUMBERS, Question
from llmledger.core.window import Window
from llmledger.ledger import open_ledger, open_reader
from llmledger.ledger.queries.aggregate import aggregate
from llmledger.ledger.rollups.upkeep import keep_up
from llmledger.operations.prune import PruneRequest, prune

RATE = 500


def measure(scratch: Path, smoke: bool) -> Iterator[Figure]:
    """Of a million requests (2,000 in a smoke run) 900,000 go."""
    path = scratch / "pruned.db"
    make(path, 2_000 if smoke else 1_000_000)
    with open_ledger(path, now=lambda: END), open_reader(path) as reader:
        keep_up(reader.connection, "Europe/Berlin", patience_s=None, worth_it=1)
    with _writing(path, "alone") as alone:
        time.sleep(0.3 if smoke else 5.0)
    before, size = _sums(path), path.stat().st_size
    with _writing(path, "beside") as beside:
        command = [sys.executable, "-m", "tests.benchmarks.bench_prune", str(path)]
        said = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    took, cpu, memory = (float(word) for word in said.split())
    if beside[1] or beside[2] or _lost(before, _sums(path), beside[0]):
        raise AssertionError(f"a request or a sum was lost; the writer's figures are {beside}")
    yield Figure("prune 900,000 of 1 M: time", took, "s", budget="30 s")
    yield Figure("prune: its CPU", cpu, "s")
    yield Figure("prune: memory", memory, "MB", budget="100 MB")
    yield Figure("prune: longest wait of a writer, 500/s", beside[3], "ms", alone[3], "alone", "100 ms")
    yield Figure("prune: 99 of 100 waits", beside[4], "ms", alone[4], "alone")
    yield Figure("prune: file", path.stat().st_size / 1e6, "MB", size / 1e6, "before")


@contextmanager
def _writing(path: Path, name: str) -> Iterator[list[float]]:
    """A writer beside it; its figures are there in the end."""
    command = [sys.executable, "-m", "tests.benchmarks.steady_writer", str(path), str(RATE), name]
    figures: list[float] = []
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        if process.stdout is not None:
            process.stdout.readline()
        yield figures
    finally:
        said, _ = process.communicate("")
        figures += [float(word) for word in said.split()]


def _sums(path: Path) -> list[int]:
    with open_reader(path) as reader:
        [cell] = aggregate(reader.connection, Question(window=Window(), latencies=False)).totals
    return cell.tally.spent


def _lost(before: list[int], after: list[int], written: float) -> bool:
    """Whether anything went that the writer had not added: request n costs 100 + n nano-USD, for 100 tokens and 10."""
    count = int(written)
    added = dict.fromkeys(NUMBERS, 0) | {
        "requests": count,
        "input_tokens": 100 * count,
        "output_tokens": 10 * count,
        "cost": 100 * count + count * (count - 1) // 2,
    }
    return after != [old + added[name] for old, name in zip(before, NUMBERS, strict=True)]


def main() -> None:
    """Prune the ledger that is named, as the command does, and tell the seconds, those of CPU, and the most memory in MB."""
    path, began = Path(sys.argv[1]), time.perf_counter()
    with open_reader(path) as reader:
        asked = PruneRequest(older_than={"detail": END - timedelta(days=DAYS / 10)})
        prune(reader, path, asked, now=lambda: END)
    took, cpu = time.perf_counter() - began, time.process_time()
    # What `getrusage` tells would count the memory of the process that started this one.
    status = Path("/proc/self/status")
    memory = next((line for line in status.read_text().splitlines() if "VmHWM" in line), "") if status.exists() else ""
    print(took, cpu, int(memory.split()[1]) / 1024 if memory else 0.0)


if __name__ == "__main__":
    main()
