"""Rows on their way out: what every export format is given."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Table:
    """Named columns and rows of plain JSON values; the rows are read once, one at a time."""

    columns: tuple[str, ...]
    rows: Iterable[Sequence[object]]
