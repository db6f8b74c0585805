"""What an import would bring: the logs on this machine, what is new in them, what it is worth. Nothing is written."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from llmledger.core.words import Billing
from llmledger.errors import UsageError
from llmledger.importers import load, names, recognise
from llmledger.importers._compression import read_head
from llmledger.ledger import Reader, RecordCounts
from llmledger.ledger.bulk import COST, DIGEST, STARTED
from llmledger.ledger.dictionaries import source_digest
from llmledger.ledger.imports import Batch, FileNote, last_imported, read_notes, remembered_billing, seen_digests
from llmledger.ledger.rows import ms_of, time_of
from llmledger.operations.import_logs import Means, SourceOrder, import_logs

_DELETION_NEAR = timedelta(days=5)


@dataclass(frozen=True, slots=True)
class Source:
    """A log source of this machine."""

    name: str
    summary: str
    files: tuple[Path, ...]
    empty: tuple[Path, ...] = ()
    """Folders that exist and hold no log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourcePlan:
    """What one source would bring."""

    name: str
    files: int
    size: int
    """Bytes of all its files."""
    requests: int
    """New ones."""
    since: datetime | None
    until: datetime | None
    """Start of the last one."""
    billing: Mapping[str, int]
    """New requests by how they are paid."""
    cost_nanousd: int | None
    """Money spent: all that is no subscription; None when nothing of it has a price."""
    plan_value_nanousd: int | None
    """What subscription use would have cost; no money spent."""
    unpriced: int
    problems: int


def find_sources(home: Path, environ: Mapping[str, str]) -> tuple[Source, ...]:
    """Every log source that has a folder on this machine, with its files."""
    found = []
    for name in names():
        importer = load(name)
        places = [location for location in importer.find(home, environ) if location.root.is_dir()]
        holdings = {place.root: _files(place.root, place.patterns) for place in places}
        if holdings:
            files = dict.fromkeys(path for paths in holdings.values() for path in paths)
            empty = tuple(root for root, paths in holdings.items() if not paths)
            found.append(Source(name, importer.SUMMARY, tuple(files), empty))
    return tuple(found)


def _files(root: Path, patterns: tuple[str, ...]) -> list[Path]:
    return sorted({path for pattern in patterns for path in root.glob(pattern) if path.is_file()})


def named_source(name: str, paths: Iterable[Path]) -> Source:
    """A source that the user named, with the files given; a folder stands for the logs in it. Raises UsageError."""
    try:
        importer = load(name)
    except KeyError as error:
        raise UsageError(f"no log source {name!r}", hint=f"There are {', '.join(names())}.") from error
    files: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = [file for file in sorted(path.rglob("*")) if file.is_file()]
            files.extend(file for file in inside if _is_recognised(name, file))
        elif path.exists():
            files.append(path)
        else:
            raise UsageError(f"{path}: no such file")
    return Source(name, importer.SUMMARY, tuple(files))


def recognised_sources(paths: Iterable[Path]) -> tuple[Source, ...]:
    """The sources that some files belong to, by what they begin with. Raises UsageError and InputFileError."""
    files: dict[str, list[Path]] = {}
    for path in paths:
        if not path.is_file():
            hint = "Name its source too: import --source NAME FOLDER." if path.is_dir() else None
            raise UsageError(f"{path}: {'is a folder' if hint else 'no such file'}", hint=hint)
        files.setdefault(recognise(path, read_head(path)), []).append(path)
    return tuple(Source(name, load(name).SUMMARY, tuple(found)) for name, found in files.items())


def _is_recognised(name: str, path: Path) -> bool:
    try:
        return load(name).recognises(read_head(path))
    except OSError:
        return False


def billing_of(
    source: Source,
    *,
    home: Path,
    environ: Mapping[str, str],
    told: Mapping[str, str],
    reader: Reader | None,
) -> Billing:
    """How a source is paid: the user's word (`told`, by flag or setting), else what was said once, else its config."""
    remembered = remembered_billing(reader.connection) if reader is not None else {}
    tag = f"import:{source.name}"
    said = told.get(source.name) or told.get(tag) or remembered.get(tag)
    return Billing(said) if said else load(source.name).billing(home, environ) or Billing.UNKNOWN


@dataclass(slots=True)
class _PlanSink:
    """Counts what a ledger would take. Keys are kept as 8-byte digests, so that a million of them stay small."""

    reader: Reader | None
    new: dict[int, int] = field(default_factory=dict)
    """Of each new request its cost in nano-USD; -1 is unpriced."""
    paid: dict[int, Billing] = field(default_factory=dict)
    since_ms: int | None = None
    until_ms: int | None = None

    def notes(self, source: str) -> Mapping[str, FileNote]:
        """How far each log was read."""
        return {} if self.reader is None else read_notes(self.reader.connection, source)

    def take(self, batch: Batch) -> RecordCounts:
        """Count a batch."""
        before = len(self.new)
        plain = [
            (row[DIGEST], row[COST], row[STARTED], sheaf.headings[row[0]].template.begun.billing)
            for sheaf in batch.sheaves
            for row in sheaf.rows()
        ]
        whole = [
            (
                source_digest(one.source_key or ""),
                one.charged.cost_nanousd,
                ms_of(one.begun.started_at),
                one.begun.billing,
            )
            for one in batch.records
        ]
        rows = [*plain, *whole]
        seen = set() if self.reader is None else seen_digests(self.reader.connection, [row[0] for row in rows])
        for digest, cost, started_ms, billing in rows:
            if digest not in seen:
                self._count(digest, cost, started_ms, billing)
        return RecordCounts(added=len(self.new) - before, known=len(seen))

    def finish(self) -> RecordCounts:
        """Nothing is left to do."""
        return RecordCounts()

    def _count(self, digest: bytes, cost: int | None, started_ms: int, billing: Billing) -> None:
        key = int.from_bytes(digest[:8])
        self.new[key] = max(self.new.get(key, -1), -1 if cost is None else cost)
        self.paid[key] = billing
        self.since_ms = started_ms if self.since_ms is None else min(self.since_ms, started_ms)
        self.until_ms = started_ms if self.until_ms is None else max(self.until_ms, started_ms)


def plan_import(orders: Iterable[SourceOrder], means: Means, *, reader: Reader | None) -> Iterator[SourcePlan]:
    """Read what is new in each source as an import would, and add it up; `reader` is the ledger's, if any."""
    for order in orders:
        sink = _PlanSink(reader)
        (result,) = import_logs([order], sink, means)
        plans = {key for key, billing in sink.paid.items() if billing is Billing.SUBSCRIPTION}
        yield SourcePlan(
            name=order.name,
            files=len(order.files),
            size=sum(path.stat().st_size for path in order.files if path.exists()),
            requests=len(sink.new),
            since=None if sink.since_ms is None else time_of(sink.since_ms),
            until=None if sink.until_ms is None else time_of(sink.until_ms),
            billing=_by_billing(sink.paid),
            cost_nanousd=_total(cost for key, cost in sink.new.items() if key not in plans),
            plan_value_nanousd=_total(sink.new[key] for key in plans),
            unpriced=sum(cost < 0 for cost in sink.new.values()),
            problems=result.problems,
        )


def _by_billing(paid: Mapping[int, Billing]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for billing in paid.values():
        counts[billing.value] = counts.get(billing.value, 0) + 1
    return counts


def _total(costs: Iterable[int]) -> int | None:
    """The sum of what is known; None when there was something and all of it is unpriced."""
    told = list(costs)
    known = [cost for cost in told if cost >= 0]
    return sum(known) if known or not told else None


@dataclass(frozen=True, slots=True)
class Expiring:
    """A source that deletes its logs, and has some that no import has read for long."""

    name: str
    days: int
    """After how many the tool deletes."""
    last_imported: datetime | None
    oldest: datetime
    """When its oldest log was last written."""


def expiring_sources(
    home: Path, environ: Mapping[str, str], *, reader: Reader | None, now: datetime
) -> tuple[Expiring, ...]:
    """Sources whose oldest logs are deleted within days, or could be before the next import, unless one runs now."""
    found = []
    for source in find_sources(home, environ):
        days = load(source.name).RETENTION_DAYS
        if days is None or not source.files:
            continue
        imported = last_imported(reader.connection, f"import:{source.name}") if reader is not None else None
        waiting = [at for at in map(_written_at, source.files) if imported is None or at > imported]
        if waiting and now - min(waiting) > timedelta(days=days) - _DELETION_NEAR:
            found.append(Expiring(source.name, days, imported, min(waiting)))
    return tuple(found)


def _written_at(path: Path) -> datetime:
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)
