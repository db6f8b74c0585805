"""Run the benchmarks: `python -m tests.benchmarks [--smoke] [NAME...]`.

Every file `bench_<name>.py` here has `measure(scratch: Path, smoke: bool)`, a generator of `Figure`: what was measured, beside
a reference from the same run, because figures of a busy machine mean nothing alone. With `--smoke` all sizes are tiny: it
shows that the benchmarks still run, not how fast anything is. Nothing here fails for being slow.

`python -m tests.benchmarks proxy --url URL --model MODEL` measures another gateway beside our proxy: see bench_proxy.py.
"""

import argparse
import importlib
import tempfile
from pathlib import Path
from typing import Any

from tests.benchmarks._figure import Figure
from tests.benchmarks.bench_proxy import Gateway

FOLDER = Path(__file__).parent


def main() -> None:
    """Measure, and print one line per figure."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks")
    parser.add_argument("--smoke", action="store_true", help="tiny sizes: only show that they run")
    parser.add_argument("names", nargs="*", help="which; all by default")
    parser.add_argument("--rows", type=int, default=1_000_000, help="of the ledger of `rollups`: 10000000 takes 3 GB")
    other = parser.add_argument_group("another gateway, measured beside our proxy")
    other.add_argument("--url", help="its OpenAI-compatible address, as http://127.0.0.1:8787/v1")
    other.add_argument("--model", default="gpt-4o", help="its name for the model")
    other.add_argument("--upstream-port", type=int, default=0, help="where it expects the provider")
    other.add_argument("--pid", type=int, default=0, help="its process, for CPU and memory")
    options = parser.parse_args()
    known = sorted(path.stem.removeprefix("bench_") for path in FOLDER.glob("bench_*.py"))
    for name in options.names or known:
        module = importlib.import_module(f"tests.benchmarks.bench_{name}")
        with tempfile.TemporaryDirectory(prefix="llmledger-bench-") as scratch:
            more: dict[str, Any] = {"gateway": _gateway(options)} if options.url and name == "proxy" else {}
            more |= {"rows": options.rows} if name == "rollups" else {}
            for figure in module.measure(Path(scratch), options.smoke, **more):
                print(_line(name, figure), flush=True)


def _gateway(options: argparse.Namespace) -> Gateway:
    return Gateway(url=options.url, model=options.model, upstream_port=options.upstream_port, pid=options.pid)


def _line(name: str, figure: Figure) -> str:
    ratio = f"{figure.value / figure.reference:8.2f}x" if figure.reference else " " * 9
    beside = f"{figure.reference:12.4g} {figure.unit} {figure.reference_name}" if figure.reference else ""
    budget = f"  (budget {figure.budget})" if figure.budget else ""
    return f"{name:12} {figure.what:48} {figure.value:12.4g} {figure.unit:8}{ratio} {beside}{budget}"


if __name__ == "__main__":
    main()
