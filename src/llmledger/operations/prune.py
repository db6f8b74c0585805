"""Prune: let old detail go. First rolled up, then archived if asked for, then removed; every total stays."""

from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from llmledger.core.money import usd_text
from llmledger.core.window import from_unix_ms, unix_ms, zone_named
from llmledger.errors import AnswerIsNo
from llmledger.ledger.connection import open_for_writing, storage_errors
from llmledger.ledger.retention import Cut, begin_pruning, cut_for, end_pruning, measure, remove
from llmledger.ledger.rollups.catch_up import catch_up
from llmledger.ledger.rollups.upkeep import ChunkLock
from llmledger.ledger.statements.clearance import uncleared
from llmledger.ledger.upkeep import vacuum
from llmledger.operations.archive import Archive, Named, archive
from llmledger.operations.build_report import Source

ARCHIVED = ("content", "detail")
"""The tiers that an archive holds; roll-ups are the sums of requests that were archived when they went."""


PATIENCE_S = 30.0
"""How long a prune waits for its turn among busy writers before it gives up; it can be run again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PruneRequest:
    """What may go: for each tier everything that is older than a moment."""

    older_than: Mapping[str, datetime]
    """By tier: `content`, `detail`, `rollups`."""
    archive: Path | None = None
    """A folder into which texts and detail are written first."""
    require_cleared: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What one tier lost, and what stays."""

    tier: str
    before: datetime
    removed: int
    nanousd: int
    archive: str | None = None
    archive_sha256: str | None = None

    def json(self) -> dict[str, object]:
        """The receipt as plain JSON values."""
        return {
            "tier": self.tier,
            "before": self.before.isoformat(),
            "removed": self.removed,
            "cost_usd": usd_text(self.nanousd),
            "archive": self.archive,
            "archive_sha256": self.archive_sha256,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruned:
    """What a prune came to."""

    receipts: tuple[Receipt, ...]
    bytes_before: int
    bytes_after: int


def plan_prune(source: Source, request: PruneRequest) -> tuple[Cut, ...]:
    """What a prune would remove, tier by tier, counted exactly. Raises AnswerIsNo for what no invoice has cleared."""
    home = zone_named(source.home_zone)
    cuts = [
        measure(source.connection, tier, cut_for(tier, moment, home)) for tier, moment in request.older_than.items()
    ]
    if request.require_cleared:
        _require_cleared(source, max(cut.before_ms for cut in cuts))
    return tuple(cuts)


def _require_cleared(source: Source, before_ms: int) -> None:
    missing = uncleared(source.connection, before_ms)
    if missing:
        first = missing[0]
        raise AnswerIsNo(
            f"{first.provider} has costs from {first.day} that no recorded statement covers",
            hint=f"Reconcile and --record it first ({len(missing)} days of a provider are uncleared).",
        )


def prune(
    source: Named,
    path: Path,
    request: PruneRequest,
    *,
    now: Callable[[], datetime],
    advance: Callable[[int], None] = lambda _: None,
) -> Pruned:
    """Remove what may go while others go on writing, and give the room back to the disk.

    Raises AnswerIsNo for what is not cleared, InputFileError when the archive cannot be written, StorageError.
    """
    cuts = plan_prune(source, request)
    home = zone_named(source.home_zone)
    before = path.stat().st_size
    receipts = []
    with (
        storage_errors(path),
        closing(open_for_writing(path)) as writing,
        closing(ChunkLock(path, writing, patience_s=PATIENCE_S)) as lock,
    ):
        catch_up(writing, source.home_zone, hold=lock.hold, size=lock.size)
        for cut in cuts:
            kept = None
            if cut.tier in ARCHIVED and request.archive is not None and cut.count:
                kept = archive(source, cut, request.archive)
            named = None if kept is None else (kept.path, kept.sha256)
            number = begin_pruning(writing, cut, now_ms=unix_ms(now()), archive=named, hold=lock.hold)
            removed = remove(
                writing,
                cut,
                pruning=number,
                home=home,
                hold=lock.hold,
                advance=advance,
                size=lock.size,
            )
            receipt = _receipt(cut, removed, kept)
            end_pruning(writing, number, receipt.json(), hold=lock.hold)
            receipts.append(receipt)
    after = vacuum(path, now=now).bytes_after
    return Pruned(receipts=tuple(receipts), bytes_before=before, bytes_after=after)


def _receipt(cut: Cut, removed: int, kept: Archive | None) -> Receipt:
    return Receipt(
        tier=cut.tier,
        before=from_unix_ms(cut.before_ms),
        removed=removed,
        nanousd=cut.nanousd,
        archive=None if kept is None else kept.path.name,
        archive_sha256=None if kept is None else kept.sha256,
    )
