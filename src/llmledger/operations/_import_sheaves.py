"""The plain rows that an import's requests become, by the thousand: priced, and numbered by what they have in common.

Works without the ledger and the machine's folders, so that a process of its own can do it.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from llmledger.core.request import request_id_at
from llmledger.core.window import EPOCH, HOUR_MS, MS
from llmledger.core.words import Status
from llmledger.importers._contract import (
    LARGEST_IN_BRIEF,
    NOTHING_RARE,
    RARE,
    SHARED,
    Brief,
    Common,
    Imported,
    Told,
    whole,
)
from llmledger.ledger.bulk import RowValues, is_plain, is_storable
from llmledger.ledger.dictionaries import source_digest
from llmledger.ledger.rows import USAGE_COLUMNS
from llmledger.ledger.storable import LARGEST_NANOUSD
from llmledger.operations._import_prices import Plan, Plans, RateBook

_REMEMBERED = 4_000


@dataclass(slots=True)
class _Open:
    """What holds for the briefs of one likeness in one hour."""

    hour: int
    plan: Plan
    most: int
    """Input up to which the plan holds."""
    number: int | None = None
    """Of their heading, from the first row on."""


class Sheaves:
    """Turns what logs tell into plain rows below numbered headings."""

    def __init__(self, book: RateBook, *, remembered: int = _REMEMBERED) -> None:
        """`remembered`: the likenesses and headings from which on they are forgotten between two parcels."""
        self._plans = Plans(book)
        self._remembered = remembered
        self._numbers: dict[tuple[object, ...], int] = {}
        self._last: tuple[object, Plan | None, int] = ((), None, 0)
        self._open: dict[Common, _Open] = {}
        self.headings: list[Imported] = []
        """Of each heading that is new since they were taken, one request below it."""
        self.first = 0
        """The number of the first of them."""

    def rows(self, told: Iterable[Told]) -> tuple[list[RowValues], list[Imported]]:
        """The plain rows of some requests, and the requests that have more to them than a plain row holds."""
        rows: list[RowValues] = []
        others: list[Imported] = []
        for one in told:
            row = None if isinstance(one, Imported) else self._brief_row(one)
            if row is None:
                row = self._row(whole(one))
            if row is None:
                others.append(whole(one))
            else:
                rows.append(row)
        return rows, others

    def take_headings(self) -> tuple[int, list[Imported]]:
        """The new headings and the number of the first; numbers begin again when there are many."""
        first, new = self.first, self.headings
        self.first, self.headings = first + len(new), []
        return first, new

    def begin_again(self) -> None:
        """Forget the headings when there are too many to be remembered; between two parcels."""
        if len(self._open) >= self._remembered:
            self._open.clear()
        if len(self._numbers) >= self._remembered:
            self._open.clear()
            self._numbers.clear()
            self._last = ((), None, 0)
            self.first = 0

    def _row(self, told: Imported) -> RowValues | None:
        """The values of a request's plain row; None when there is more to it."""
        if told[RARE] != NOTHING_RARE or not told.counts or told.status is not Status.COMPLETED:
            return None
        key, started_at, counts, provider, model = told[:5]
        started_ms = (started_at - EPOCH) // MS
        columns = tuple(map(counts.get, USAGE_COLUMNS))
        plan = self._plans.find(provider, model, started_ms, counts)
        charge = plan.charge(columns) if plan is not None else None
        own = (told.provider_request_id, told.latency_ms, told.first_token_ms)
        if plan is None or charge is None or not is_storable(own, counts, charge[0]):
            return None
        digest = source_digest(key)
        # The heading first, the key and its digest, then the values as the row has them.
        head = (self._number(told, plan), key, digest, request_id_at(max(0, started_ms), digest), started_ms)
        return head + own + columns + charge

    def _brief_row(self, told: Brief) -> RowValues | None:
        """The same of a request in brief; None when it has to be looked at whole."""
        key, started_at, counts, common, provider_id, _ = told
        started_ms = (started_at - EPOCH) // MS
        found = self._open.get(common)
        if found is None or found.hour != started_ms // HOUR_MS:
            found = self._opened(common, started_ms)
            if found is None:
                return None
        charge = found.plan.charge(counts)
        if charge is None or charge[0] > LARGEST_NANOUSD or (counts[0] or 0) > found.most or not is_plain(provider_id):
            return None
        if found.number is None:
            found.number = self._number(whole(told), found.plan)
        digest = source_digest(key)
        head = (found.number, key, digest, request_id_at(started_ms, digest), started_ms, provider_id, None, None)
        return head + counts + charge

    def _opened(self, common: Common, started_ms: int) -> _Open | None:
        """What holds from now on for the briefs of a likeness; None when they have no plain price."""
        pattern = common.pattern
        plan = self._plans.find(pattern.provider, pattern.model, started_ms, dict.fromkeys(pattern.counts, 0))
        if plan is None or started_ms < 0:
            return None
        most = min((tier.threshold - tier.inclusive for tier in plan.rate.tiers), default=LARGEST_IN_BRIEF)
        found = self._open[common] = _Open(started_ms // HOUR_MS, plan, most)
        return found

    def _number(self, told: Imported, plan: Plan) -> int:
        shared = told[SHARED]
        if shared == self._last[0] and plan is self._last[1]:
            return self._last[2]
        key = (shared, plan.rate.id, plan.suffix)
        found = self._numbers.get(key)
        if found is None:
            found = self._numbers[key] = self.first + len(self.headings)
            self.headings.append(told)
        self._last = (shared, plan, found)
        return found
