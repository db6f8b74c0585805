"""Import what other tools logged: each request once, priced at its own time, from where the last import stopped."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from llmledger.core.request import Attribution
from llmledger.core.words import Billing
from llmledger.ledger import Ledger, RecordCounts, open_reader
from llmledger.ledger.bulk import Heading, Sheaf
from llmledger.ledger.imports import PATIENCE_S, Batch, FileNote, Pace, import_batch, read_notes
from llmledger.ledger.rollups.upkeep import keep_up
from llmledger.operations._import_apart import read_apart
from llmledger.operations._import_reading import Errand, Parcel, read_logs, unread_bytes
from llmledger.operations._import_rows import PriceBook, Rows

GATHERED, MOST_GATHERED = 20_000, 30_000
"""Records of one transaction when nobody else wants to write: each page of an index is then written for many of them. At
least so many, and at most, when they are read faster than they are written."""
MUCH = 24 << 20
"""From so many bytes on it pays to read in a process of its own, which takes a quarter of a second to start."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceOrder:
    """What to import from one source, and how its use is paid where the log does not say."""

    name: str
    files: tuple[Path, ...]
    billing: Billing = Billing.UNKNOWN


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What an import works with."""

    prices: PriceBook
    attribute: Callable[[Path | None, str | None], Attribution]
    now: Callable[[], datetime]
    since: datetime | None = None
    """Leave out what started before."""
    progress: Callable[[int], None] = lambda _: None
    """Told of every so many bytes that were read."""
    much: int = MUCH
    """How many bytes to read are worth a process of their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceResult:
    """What became of one source."""

    name: str
    files: int = 0
    """How many were read; the rest had nothing new."""
    added: int = 0
    known: int = 0
    linked: int = 0
    snapshots: int = 0
    problems: int = 0

    def __add__(self, counts: RecordCounts) -> "SourceResult":
        """With another batch counted in."""
        return replace(
            self,
            added=self.added + counts.added,
            known=self.known + counts.known,
            linked=self.linked + counts.linked,
            snapshots=self.snapshots + counts.snapshots,
        )


class Sink(Protocol):
    """Where an import's batches go: the ledger, or a plan of it."""

    def notes(self, source: str) -> Mapping[str, FileNote]:
        """How far each log was read, by path."""

    def take(self, batch: Batch) -> RecordCounts:
        """Take a batch; say what became of those that are done."""

    def finish(self) -> RecordCounts:
        """Wait for the batches that are not done; say what became of them."""


class LedgerSink:
    """Writes into a ledger what has gathered, while more is read. Use as a context manager."""

    def __init__(self, ledger: Ledger, now: Callable[[], datetime]) -> None:
        self._ledger = ledger
        self._now = now
        self._thread = ThreadPoolExecutor(1, "import")
        self._pace = Pace()
        self._writing: Future[RecordCounts] | None = None
        self._gathered: Batch | None = None

    def notes(self, source: str) -> Mapping[str, FileNote]:
        """How far each log was read."""
        noted: dict[str, FileNote] = self._ledger.call(
            lambda books: read_notes(books.connection, source), patience_s=PATIENCE_S
        )
        return noted

    def take(self, batch: Batch) -> RecordCounts:
        """Take one batch; write what has gathered when it is enough, and what was written before is done or it is much."""
        self._gathered = batch if self._gathered is None else self._gathered + batch
        is_free = self._writing is None or self._writing.done()
        return self._write() if self._gathered.size >= (GATHERED if is_free else MOST_GATHERED) else RecordCounts()

    def finish(self) -> RecordCounts:
        """Wait until all is durable."""
        return self._write() + self._wait()

    def _write(self) -> RecordCounts:
        gathered, self._gathered = self._gathered, None
        before = self._wait()
        if gathered is not None:
            self._writing = self._thread.submit(import_batch, self._ledger, gathered, now=self._now(), pace=self._pace)
            self._thread.submit(self._catch_up)
        return before

    def _wait(self) -> RecordCounts:
        writing, self._writing = self._writing, None
        return RecordCounts() if writing is None else writing.result()

    def _catch_up(self) -> None:
        """Roll up what was written, while more is read."""
        with open_reader(self._ledger.path) as reader:
            keep_up(reader.connection, reader.home_zone, patience_s=None)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._thread.shutdown()


def import_logs(orders: Iterable[SourceOrder], sink: Sink, means: Means) -> Iterator[SourceResult]:
    """Read each source and hand its new requests to the sink; yields what became of it. Raises StorageError."""
    for order in orders:
        yield _SourceImport(order, sink, means).run()


@dataclass(slots=True)
class _SourceImport:
    """One source: what is read of its logs becomes rows with all that only this machine and its settings tell."""

    order: SourceOrder
    sink: Sink
    means: Means
    headings: list[Heading] = field(default_factory=list)
    rows: Rows = field(init=False)

    def __post_init__(self) -> None:
        means = self.means
        self.rows = Rows(f"import:{self.order.name}", self.order.billing, means.prices, attribute=means.attribute)

    def run(self) -> SourceResult:
        result = SourceResult(name=self.order.name)
        notes = self.sink.notes(self.rows.source)
        errand = Errand(
            source=self.order.name,
            files=self.order.files,
            states={path: note.state for path, note in notes.items()},
            book=self.means.prices,
            since=self.means.since,
        )
        is_much = unread_bytes(errand) >= self.means.much
        with closing(read_apart(errand) if is_much else read_logs(errand)) as parcels:
            for parcel in parcels:
                self.means.progress(parcel.advanced)
                result = replace(
                    result, files=result.files + parcel.files, problems=result.problems + len(parcel.problems)
                )
                result += self.sink.take(self._batch(parcel))
        return result + self.sink.finish()

    def _batch(self, parcel: Parcel) -> Batch:
        if parcel.first_heading == 0:
            self.headings = []
        self.headings.extend(Heading(self.rows.whole(told)) for told in parcel.headings)
        sheaf = Sheaf(self.rows.source, self.headings, parcel.packed, parcel.count)
        return Batch(
            self.rows.source,
            (sheaf,) if parcel.count else (),
            [self.rows.whole(told) for told in parcel.told],
            parcel.notes,
            parcel.problems,
            parcel.forgotten,
        )
