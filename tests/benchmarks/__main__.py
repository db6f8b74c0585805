"""Run the benchmarks: `python -m tests.benchmarks [--smoke] [NAME...]`.

Every file `bench_<name>.py` here has `measure(scratch: Path, smoke: bool)`, a generator of `Figure`: what was measured, beside
a reference from the same run, because figures of a busy machine mean nothing alone. With `--smoke` all sizes are tiny: it
shows that the benchmarks still run, not how fast anything is. Nothing here fails for being slow.
"""

import argparse
import importlib
import tempfile
from pathlib import Path

from tests.benchmarks._figure import Figure

FOLDER = Path(__file__).parent


def main() -> None:
    """Measure, and print one line per figure."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks")
    parser.add_argument("--smoke", action="store_true", help="tiny sizes: only show that they run")
    parser.add_argument("names", nargs="*", help="which; all by default")
    options = parser.parse_args()
    known = sorted(path.stem.removeprefix("bench_") for path in FOLDER.glob("bench_*.py"))
    for name in options.names or known:
        module = importlib.import_module(f"tests.benchmarks.bench_{name}")
        with tempfile.TemporaryDirectory(prefix="llmledger-bench-") as scratch:
            for figure in module.measure(Path(scratch), options.smoke):
                print(_line(name, figure), flush=True)


def _line(name: str, figure: Figure) -> str:
    ratio = f"{figure.value / figure.reference:8.2f}x" if figure.reference else " " * 9
    beside = f"{figure.reference:12.4g} {figure.unit} {figure.reference_name}" if figure.reference else ""
    budget = f"  (budget {figure.budget})" if figure.budget else ""
    return f"{name:12} {figure.what:44} {figure.value:12.4g} {figure.unit:8}{ratio} {beside}{budget}"


if __name__ == "__main__":
    main()
