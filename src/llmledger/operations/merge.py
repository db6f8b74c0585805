"""Merge: take another ledger in, each request and each correction once, however often it is done."""

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, cast

from llmledger.core.adjustment import Kind
from llmledger.core.selection import Selection
from llmledger.core.window import Window
from llmledger.ledger import open_ledger, open_reader
from llmledger.ledger.merging import count_of_reconciled, has_pruned_detail
from llmledger.ledger.queries.export import read_records
from llmledger.operations.restore import Restored, of_plain, take_in

if TYPE_CHECKING:
    from llmledger.ledger import Ledger, Reader


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged:
    """What another ledger held, what of it was new, and whether a part of it could not be taken over."""

    restored: Restored
    is_partial: bool
    """Its pruned requests live on in its roll-ups only; their archive can be imported."""
    unsettled: int = 0
    """Its corrections by invoices: they were the difference to its requests alone, so they are not taken over."""


def merge(book: "Ledger", other: "Reader", *, advance: Callable[[int], None] = lambda _: None) -> Merged:
    """Take all requests, corrections, texts and importers' keys of another ledger in. Raises StorageError."""
    restored = take_in(book, _records(other), advance)
    unsettled = count_of_reconciled(other.connection)
    return Merged(restored=restored, is_partial=has_pruned_detail(other.connection), unsettled=unsettled)


def _records(other: "Reader") -> Iterator[tuple[str, Any]]:
    records = read_records(other.connection, Window(), Selection(), content=True).rows
    for kind, value in cast("Iterable[tuple[str, Any]]", records):
        plain = json.loads(value) if kind == "request" else value
        if kind != "adjustment" or plain["kind"] != Kind.RECONCILE:
            yield kind, of_plain(kind, plain)


@contextmanager
def as_one(paths: list[Path], *, now: Callable[[], datetime], warn: Callable[[str], None]) -> Iterator["Reader"]:
    """Read several ledgers as one, which is gone afterwards; its home zone is the first one's. Raises StorageError."""
    with TemporaryDirectory(prefix="llmledger-") as folder:
        path = Path(folder) / "ledger.db"
        with open_reader(paths[0]) as first:
            home_zone = first.home_zone
        with open_ledger(path, now=now, home_zone=home_zone) as book:
            for other in paths:
                with open_reader(other) as reader:
                    done = merge(book, reader)
                    if done.is_partial:
                        warn(f"{other}: its pruned requests are not part of this; several ledgers are joined by rows.")
                    if done.unsettled:
                        warn(f"{other}: its {done.unsettled:,} corrections by invoices are not part of this.")
        with open_reader(path) as joined:
            yield joined
