"""Reading the logs of one source: what is new in them as parcels of priced rows, from where the last import stopped.

It needs neither the ledger nor this machine's folders and settings, so that a process of its own can do it.
"""

from collections.abc import Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from llmledger.errors import InputFileError
from llmledger.importers import load
from llmledger.importers._contract import Checkpoint, Imported, Importer, Problem, Told
from llmledger.ledger.bulk import pack
from llmledger.ledger.imports import FileNote, FileProblem
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
from llmledger.operations._import_prices import RateBook
from llmledger.operations._import_rows import merged
from llmledger.operations._import_sheaves import Sheaves

PARCEL = 1_000
"""Records of a parcel: between two of them an import gives way to others. Of 2,500 each takes a tenth longer, since they
are no longer in the processor's cache when their rows are made.
"""
_ADVANCED = 32 << 20
"""Bytes after which a parcel is sent however little is in it, so that progress is seen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """What to read. Can be pickled."""

    source: str
    files: tuple[Path, ...]
    states: Mapping[str, Mapping[str, Any]]
    """How far each log was read, by path."""
    book: RateBook
    since: datetime | None = None
    is_quick: bool = False
    """Whether to take the quicker parser, which has to be imported."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """Some of what was read, and how far the logs are read when it is written."""

    first_heading: int
    headings: list[Imported]
    """Of each new heading one request below it; 0 as the first number forgets those before."""
    packed: bytes
    """Rows as a sheaf holds them."""
    count: int
    told: list[Imported]
    """Requests with more to them than a plain row holds."""
    notes: list[FileNote]
    problems: list[FileProblem]
    forgotten: list[str]
    files: int
    """How many were begun."""
    advanced: int
    """Bytes read."""


def read_logs(errand: Errand) -> Generator[Parcel, None, None]:
    """The parcels of an errand, in order."""
    return _Reading(errand, load(errand.source)).parcels()


def unread_bytes(errand: Errand) -> int:
    """About how many bytes are new in the logs of an errand."""
    total = 0
    for path in errand.files:
        try:
            size = path.stat().st_size
        except OSError:
            continue
        state = errand.states.get(str(path), {})
        total += max(0, size - int(state.get("size", 0)))
    return total


@dataclass(slots=True)
class _Reading:
    """One source being read: requests gather until there are enough for a parcel."""

    errand: Errand
    importer: Importer
    pending: dict[str, Told] = field(default_factory=dict)
    notes: list[FileNote] = field(default_factory=list)
    problems: list[FileProblem] = field(default_factory=list)
    forgotten: list[str] = field(default_factory=list)
    files: int = 0
    advanced: int = 0
    sheaves: Sheaves = field(init=False)

    def __post_init__(self) -> None:
        self.sheaves = Sheaves(self.errand.book)

    def parcels(self) -> Generator[Parcel, None, None]:
        positions = {path: position_from(state) for path, state in self.errand.states.items()}
        moved = {position.identity: position for position in positions.values() if position is not None}
        for path in sorted(self.errand.files, key=lambda file: (len(file.parts), file)):
            try:
                look = look_at(path)
            except OSError as error:
                self._give_up(path, error)
                continue
            before = positions.get(str(path)) or moved.get(look.identity)
            if before is None or not is_unchanged(look, before, self.errand.since):
                yield from self._read_safely(look, before)
            elif str(path) not in positions:
                self.notes.append(FileNote(str(path), before.plain()))
        if self.pending or self.notes or self.problems or self.files:
            yield self._parcel()

    def _read_safely(self, look: Look, before: Position | None) -> Iterator[Parcel]:
        try:
            yield from self._read(look, resumed(look, before, self.errand.since))
        except (OSError, EOFError, InputFileError) as error:
            self._give_up(look.path, error)

    def _give_up(self, path: Path, error: Exception) -> None:
        """A file that cannot be read is a problem of its own and of no other."""
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        self._problem(path, Problem(0, reason))

    def _read(self, look: Look, position: Position) -> Iterator[Parcel]:
        self.files += 1
        if not position.offset:
            self.forgotten.append(str(look.path))
        mark: Checkpoint | None = None
        for item in self.importer.read(log_file(look, position, is_quick=self.errand.is_quick)):
            if isinstance(item, Imported):
                self._gather((item,))
            elif isinstance(item, list):
                self._gather(item)
            elif isinstance(item, Problem):
                self._problem(look.path, item)
            else:
                self.advanced += max(0, item.offset - (mark.offset if mark else position.offset))
                mark = item
                if len(self.pending) >= PARCEL or self.advanced >= _ADVANCED:
                    yield self._parcel(FileNote(str(look.path), unread(reached(look, position, mark)).plain()))
        end = unread(position) if mark is None else reached(look, position, mark)
        self.notes.append(FileNote(str(look.path), end.plain()))

    def _gather(self, told: Iterable[Told]) -> None:
        pending, since = self.pending, self.errand.since
        for one in told:
            if since is not None and one[1] < since:
                continue
            key = one[0]
            pending[key] = merged(pending[key], one) if key in pending else one

    def _problem(self, path: Path, problem: Problem) -> None:
        self.problems.append(FileProblem(str(path), problem.place, problem.reason))

    def _parcel(self, *notes: FileNote) -> Parcel:
        self.sheaves.begin_again()
        rows, others = self.sheaves.rows(self.pending.values())
        first, headings = self.sheaves.take_headings()
        parcel = Parcel(
            first_heading=first,
            headings=headings,
            packed=pack(rows),
            count=len(rows),
            told=others,
            notes=[*self.notes, *notes],
            problems=self.problems,
            forgotten=self.forgotten,
            files=self.files,
            advanced=self.advanced,
        )
        self.pending, self.notes, self.problems, self.forgotten = {}, [], [], []
        self.files = self.advanced = 0
        return parcel
