"""Erase a person: in the ledger, in what waits beside it, and in the archives that are pointed at."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from llmledger.core.erasure import Eraser
from llmledger.ledger.connection import open_for_reading, open_for_writing, storage_errors
from llmledger.ledger.erasure import apply_traces, find_traces, leftovers, rebuild
from llmledger.ledger.rollups.upkeep import ChunkLock
from llmledger.ledger.spool import forget_in_unreadable, spools_with
from llmledger.operations._erase_archives import Rewritten, erase_archives

ROUNDS = 3
"""Others write meanwhile: it is looked for again until there is nothing more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Erased:
    """Where a name stood, what still has it, and what the archives that were rewritten hash to now."""

    rows: dict[str, int]
    """How many rows of each table."""
    archives: tuple[Rewritten, ...] = ()
    kept: tuple[str, ...] = ()
    """Values of other people, and models, that have the name in them: they stay."""
    unfinished: tuple[str, ...] = ()
    """Where the name may still stand because somebody uses the ledger now, and what to do."""

    @property
    def places(self) -> int:
        """In how many places it stood."""
        return sum(self.rows.values()) + sum(archive.places for archive in self.archives)


def plan_erase(path: Path, name: str, archives: Sequence[Path] = ()) -> Erased:
    """What erasing would change, counted exactly; nothing is changed. Raises StorageError, InputFileError."""
    eraser = Eraser(name)
    with storage_errors(path), closing(open_for_reading(path)) as reading:
        rows: dict[str, int] = {}
        for trace in find_traces(reading, eraser):
            rows[trace.table] = rows.get(trace.table, 0) + 1
        found = erase_archives(reading, eraser, archives, write=None)
        return Erased(rows=rows, archives=found, kept=tuple(leftovers(reading, eraser)))


def erase(path: Path, name: str, archives: Sequence[Path] = ()) -> Erased:
    """Take a person's name out of a ledger, its spools and archives; every total stays. Raises StorageError, InputFileError.

    It can be run again when it died, or when others wrote the name meanwhile.
    """
    eraser = Eraser(name)
    with (
        storage_errors(path),
        closing(open_for_reading(path)) as reading,
        closing(open_for_writing(path)) as writing,
        closing(ChunkLock(path, writing)) as lock,
    ):
        # Archives first: whose texts they hold is told by the attributions of the ledger.
        rewritten = erase_archives(reading, eraser, archives, write=(writing, lock.hold))
        rows: dict[str, int] = {}
        for _ in range(ROUNDS):
            found = apply_traces(writing, find_traces(reading, eraser), hold=lock.hold)
            for table, count in found.items():
                rows[table] = rows.get(table, 0) + count
            if not found:
                break
        kept = tuple(leftovers(reading, eraser))
        reading.close()
        is_clean = rebuild(writing, hold=lock.hold)
    forget_in_unreadable(path, eraser)
    unfinished = chain(_spools(path, eraser), [] if is_clean else [_LOG])
    return Erased(rows=rows, archives=rewritten, kept=kept, unfinished=tuple(unfinished))


_LOG = "The ledger's log may still have the name: somebody reads the ledger. Close it, then: llmledger db vacuum"


def _spools(path: Path, eraser: Eraser) -> Iterator[str]:
    for spool in spools_with(path, eraser):
        yield f"{spool} has the name: a running process will write it to the ledger. Then run this again."
