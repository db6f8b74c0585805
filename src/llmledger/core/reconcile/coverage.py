"""How much of what was billed the ledger saw: requests and tokens, by key of the statement."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction

from llmledger.core.reconcile.booked import tokens
from llmledger.core.reconcile.cells import Cell


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """How much of what one key was billed for the ledger saw."""

    key: str
    billed_tokens: int
    seen_tokens: int
    billed_requests: int | None = None
    """None where the statement does not count requests."""
    seen_requests: int | None = None
    is_shared: bool = False
    """Whether some of its periods lack something that several keys share: its part of that is in proportion, not known."""


@dataclass(slots=True)
class _Sums:
    billed_tokens: int = 0
    billed_requests: int = 0
    tokens: Fraction = Fraction(0)
    """Seen ones."""
    requests: Fraction = Fraction(0)
    counts_requests: bool = True
    is_shared: bool = False


@dataclass(slots=True)
class Coverages:
    """Sums by key while cells go by: first what is billed, then, when the unseen keys are taken away, what the ledger saw."""

    _keys: dict[str, _Sums] = field(default_factory=dict)

    def bill(self, cells: Iterable[Cell]) -> None:
        """Count what each key is billed."""
        for cell in cells:
            for key, side in cell.billed.keys.items():
                sums = self._keys.setdefault(key, _Sums())
                sums.billed_tokens += tokens(side.quantity)
                sums.billed_requests += side.requests
                sums.counts_requests = sums.counts_requests and cell.billed.counts_requests

    def see(self, cells: Iterable[Cell]) -> None:
        """Count what the ledger has of it: all of a period where it has as much, else its part."""
        for cell in cells:
            of_tokens = _part(tokens(cell.ledger.quantity), tokens(cell.billed.quantity))
            of_requests = _part(cell.ledger.requests, cell.billed.requests)
            for key, side in cell.billed.keys.items():
                sums = self._keys[key]
                sums.tokens += tokens(side.quantity) * of_tokens
                sums.requests += side.requests * of_requests
                sums.is_shared = sums.is_shared or (len(cell.billed.keys) > 1 and 0 < of_tokens < 1)

    def rows(self) -> tuple[Coverage, ...]:
        """One row for every key, in order of name."""
        return tuple(
            Coverage(
                key=key,
                billed_tokens=sums.billed_tokens,
                seen_tokens=int(sums.tokens),
                billed_requests=sums.billed_requests if sums.counts_requests else None,
                seen_requests=int(sums.requests) if sums.counts_requests else None,
                is_shared=sums.is_shared,
            )
            for key, sums in sorted(self._keys.items())
        )


def together(*parts: tuple[Coverage, ...]) -> tuple[Coverage, ...]:
    """Rows about parts of a statement as one row for every key."""
    found: dict[str, Coverage] = {}
    for one in (row for part in parts for row in part):
        other = found.get(one.key)
        found[one.key] = one if other is None else _sum(one, other)
    return tuple(found[key] for key in sorted(found))


def _sum(one: Coverage, other: Coverage) -> Coverage:
    counts = one.billed_requests is not None and other.billed_requests is not None
    return Coverage(
        key=one.key,
        billed_tokens=one.billed_tokens + other.billed_tokens,
        seen_tokens=one.seen_tokens + other.seen_tokens,
        billed_requests=(one.billed_requests or 0) + (other.billed_requests or 0) if counts else None,
        seen_requests=(one.seen_requests or 0) + (other.seen_requests or 0) if counts else None,
        is_shared=one.is_shared or other.is_shared,
    )


def _part(seen: int, billed: int) -> Fraction:
    return Fraction(min(seen, billed), billed) if billed > 0 else Fraction(0)
