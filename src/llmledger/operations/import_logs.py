"""Import what other tools logged: each request once, priced at its own time, from where the last import stopped."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from llmledger.core.request import Attribution
from llmledger.core.words import Billing
from llmledger.errors import InputFileError
from llmledger.importers import load
from llmledger.importers._contract import Imported, Importer, Problem
from llmledger.ledger import Ledger, RecordCounts
from llmledger.ledger.imports import PATIENCE_S, Batch, FileNote, FileProblem, import_batch, read_notes
from llmledger.operations._import_files import (
    Look,
    Position,
    is_unchanged,
    log_file,
    look_at,
    position_from,
    reached,
    resumed,
    unread,
)
from llmledger.operations._import_rows import PriceBook, Rows, merged

BATCH = 5_000
"""Records of one transaction: enough that commits cost little, few enough that no other writer waits long."""


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
    """Writes batches into a ledger: one is written while the next is read. Use as a context manager."""

    def __init__(self, ledger: Ledger, now: Callable[[], datetime]) -> None:
        self._ledger = ledger
        self._now = now
        self._thread = ThreadPoolExecutor(1, "import")
        self._writing: Future[RecordCounts] | None = None

    def notes(self, source: str) -> Mapping[str, FileNote]:
        """How far each log was read."""
        noted: dict[str, FileNote] = self._ledger.call(
            lambda books: read_notes(books.connection, source), patience_s=PATIENCE_S
        )
        return noted

    def take(self, batch: Batch) -> RecordCounts:
        """Write one batch in one transaction, after the one before it."""
        before = self.finish()
        self._writing = self._thread.submit(import_batch, self._ledger, batch, now=self._now())
        return before

    def finish(self) -> RecordCounts:
        """Wait until the last batch is durable."""
        writing, self._writing = self._writing, None
        return RecordCounts() if writing is None else writing.result()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._thread.shutdown()


def import_logs(orders: Iterable[SourceOrder], sink: Sink, means: Means) -> Iterator[SourceResult]:
    """Read each source and hand its new requests to the sink; yields what became of it. Raises StorageError."""
    for order in orders:
        yield _SourceImport(order, load(order.name), sink, means).run()


@dataclass(slots=True)
class _SourceImport:
    """One source being read: requests gather until there are enough for a transaction."""

    order: SourceOrder
    importer: Importer
    sink: Sink
    means: Means
    pending: dict[str, Imported] = field(default_factory=dict)
    notes: list[FileNote] = field(default_factory=list)
    problems: list[FileProblem] = field(default_factory=list)
    forgotten: list[str] = field(default_factory=list)
    rows: Rows = field(init=False)
    result: SourceResult = field(init=False)

    def __post_init__(self) -> None:
        self.result = SourceResult(name=self.order.name)
        self.rows = Rows(
            f"import:{self.order.name}", self.order.billing, self.means.prices, attribute=self.means.attribute
        )

    def run(self) -> SourceResult:
        positions = {path: position_from(note.state) for path, note in self.sink.notes(self.rows.source).items()}
        moved = {position.identity: position for position in positions.values() if position is not None}
        for path in sorted(self.order.files, key=lambda file: (len(file.parts), file)):
            try:
                look = look_at(path)
            except OSError as error:
                self._give_up(path, error)
                continue
            before = positions.get(str(path)) or moved.get(look.identity)
            if before is None or not is_unchanged(look, before, self.means.since):
                self._read_safely(look, before)
            elif str(path) not in positions:
                self.notes.append(FileNote(str(path), before.plain()))
        self._flush()
        self.result += self.sink.finish()
        return self.result

    def _read_safely(self, look: Look, before: Position | None) -> None:
        try:
            self._read(look, resumed(look, before, self.means.since))
        except (OSError, EOFError, InputFileError) as error:
            self._give_up(look.path, error)

    def _give_up(self, path: Path, error: Exception) -> None:
        """A file that cannot be read is a problem of its own and of no other."""
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        self._problem(path, Problem(0, reason))

    def _read(self, look: Look, position: Position) -> None:
        self.result = replace(self.result, files=self.result.files + 1)
        if not position.offset:
            self.forgotten.append(str(look.path))
        is_marked = False
        for item in self.importer.read(log_file(look, position)):
            if isinstance(item, Imported):
                self._gather(item)
            elif isinstance(item, Problem):
                self._problem(look.path, item)
            else:
                is_marked = True
                self.means.progress(max(0, item.offset - position.offset))
                position = reached(look, position, item)
                if len(self.pending) >= BATCH:
                    self._flush(FileNote(str(look.path), unread(position).plain()))
        self.notes.append(FileNote(str(look.path), (position if is_marked else unread(position)).plain()))

    def _gather(self, told: Imported) -> None:
        if self.means.since is not None and told.started_at < self.means.since:
            return
        before = self.pending.get(told.key)
        self.pending[told.key] = told if before is None else merged(before, told)
        if len(self.pending) >= 2 * BATCH:
            self._flush()

    def _problem(self, path: Path, problem: Problem) -> None:
        self.result = replace(self.result, problems=self.result.problems + 1)
        self.problems.append(FileProblem(str(path), problem.place, problem.reason))

    def _flush(self, *notes: FileNote) -> None:
        if not (self.pending or self.notes or self.problems or notes):
            return
        records = [self.rows.row(told) for told in self.pending.values()]
        batch = Batch(self.rows.source, records, [*self.notes, *notes], self.problems, self.forgotten)
        self.result += self.sink.take(batch)
        self.pending, self.notes, self.problems, self.forgotten = {}, [], [], []
