"""How long a price takes: cold from the files, remembered, and worked out; beside parsing the same file whole."""

import time
import tomllib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from tests.benchmarks._figure import Figure

from llmledger.core.usage import Usage
from llmledger.pricebook import load, packaged_folder

AT = datetime(2026, 11, 21, 12, tzinfo=UTC)
USAGE = Usage(input_tokens=2006, cache_read_tokens=1920, output_tokens=300)


def measure(scratch: Path, smoke: bool) -> Iterator[Figure]:
    """The largest file of the table is the worst case of one lookup."""
    largest = max(packaged_folder().glob("*.toml"), key=lambda path: path.stat().st_size)
    rounds, many = (1, 10) if smoke else (15, 100_000)
    model = load([]).models(largest.stem)[-1]
    whole = _median(lambda: tomllib.loads(largest.read_text(encoding="utf-8"), parse_float=Decimal), rounds)
    cold = _median(lambda: load([]).rate(largest.stem, model, at=AT), rounds)
    yield Figure("one model of the largest file, cold", cold * 1e3, "ms", whole * 1e3, "parsing it whole", "15 ms")
    unknown = _median(lambda: load([]).rate(largest.stem, "no-such-model", at=AT), rounds)
    yield Figure("a model that is not there, cold", unknown * 1e3, "ms", whole * 1e3, "parsing it whole", "15 ms")
    version = _median(lambda: load([]).version, rounds)
    yield Figure("version of the whole table", version * 1e3, "ms")
    every = _median(_read_all, 1)
    yield Figure("every model of every provider", every * 1e3, "ms")
    book = load([])
    book.price("anthropic", "claude-sonnet-4-5", USAGE, at=AT)
    warm = _each(lambda: book.rate("anthropic", "claude-sonnet-4-5", at=AT), many)
    yield Figure("a rate that is remembered", warm * 1e6, "us", budget="2 us")
    priced = _each(lambda: book.price("anthropic", "claude-sonnet-4-5", USAGE, at=AT), many)
    yield Figure("a request priced", priced * 1e6, "us", _each(USAGE.told, many) * 1e6, "listing its usage", "20 us")


def _read_all() -> int:
    book = load([])
    return sum(1 for name in book.provider_names() for _ in book.entries(name))


def _median(work: Callable[[], object], rounds: int) -> float:
    times = []
    for _ in range(rounds):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return sorted(times)[len(times) // 2]


def _each(work: Callable[[], object], times: int) -> float:
    began = time.perf_counter()
    for _ in range(times):
        work()
    return (time.perf_counter() - began) / times
