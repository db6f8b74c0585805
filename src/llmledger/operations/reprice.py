"""Reprice: price recorded requests again, by another table or day. Rows stay; differences are appended."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Protocol

from llmledger.core.adjustment import Adjustment, Answer, Kind, answer_of, move
from llmledger.core.cost import Cost
from llmledger.core.request import id_text
from llmledger.core.selection import Selection
from llmledger.core.window import Window
from llmledger.core.words import CostSource, is_estimated
from llmledger.ledger.queries.aggregate import Connection
from llmledger.ledger.queries.log import find_rows
from llmledger.ledger.standing import Recorded, recorded_row
from llmledger.operations.charge import Prices, by_served_model, sum_costs

KEPT = frozenset({CostSource.REPORTED, CostSource.CACHE, CostSource.NOT_BILLED})
"""What no table decides: the provider's own word, answers of our cache, and what was never billed."""


class Book(Protocol):
    """What repricing needs of a ledger that is open for writing."""

    def adjust(self, *entries: Adjustment) -> bool:
        """Append entries together; False when they were booked before, or the request has changed meanwhile."""


@dataclass(slots=True, kw_only=True)
class ModelDifference:
    """What another price changes for one model."""

    model: str
    requests: int = 0
    before_nanousd: int = 0
    after_nanousd: int = 0
    unpriced_before: int = 0
    unpriced_after: int = 0


@dataclass(slots=True, kw_only=True)
class Repricing:
    """What would change, or did, by model; and how many requests keep their cost, and why."""

    version: str
    models: dict[str, ModelDifference] = field(default_factory=dict)
    same: int = 0
    """Requests whose cost is the same by the other table."""
    kept: int = 0
    """Requests whose cost no table decides."""
    booked: int = 0

    @property
    def requests(self) -> int:
        """Requests whose cost changes."""
        return sum(one.requests for one in self.models.values())


def reprice(
    found: Iterator[Recorded], prices: Prices, *, book: Book | None, now: datetime, as_of: datetime | None = None
) -> Repricing:
    """Price requests again and append the differences; without a book nothing is written.

    A request is priced at its own start, or at `as_of`. Running it twice books nothing the second time, for then every
    request stands as the table says.
    """
    done = Repricing(version=prices.version)
    for recorded in found:
        source = recorded.standing.place.cost_source
        if source in KEPT or _is_of_unknown_parts(recorded):
            done.kept += 1
            continue
        cost = _priced_again(recorded, prices, as_of)
        measures = recorded.standing.measures
        if (cost.nanousd or 0, int(cost.nanousd is None)) == (measures.cost_nanousd, measures.unpriced):
            done.same += 1
            continue
        _count(done, recorded, cost)
        if book is not None:
            done.booked += book.adjust(*_entries(recorded, cost, now))
    return done


def selected(connection: Connection, window: Window, selection: Selection) -> Iterator[Recorded]:
    """The selected requests as they stand now."""
    for row in find_rows(connection, window, selection):
        recorded = recorded_row(connection, row)
        if recorded is not None:
            yield recorded


def _priced_again(recorded: Recorded, prices: Prices, as_of: datetime | None) -> Cost:
    finished, usage, answer = recorded.finished, recorded.standing.measures.usage, _answer(recorded)
    begun = replace(finished.begun, model=recorded.standing.place.model, started_at=as_of or finished.begun.started_at)
    context = {**begun.price_context, **finished.price_context, **answer.price_context}
    if finished.parts and usage == finished.usage:
        costs = [
            prices.price(part.provider, part.model, part.usage, at=begun.started_at, context=context)
            for part in finished.parts
        ]
        return sum_costs(finished.parts, costs)
    return by_served_model(begun, answer.served_model, usage, context=context, prices=prices)[0]


def _answer(recorded: Recorded) -> Answer:
    """What the response said of itself, by its row or by what came later."""
    answers = [entry.answer for _, entry in recorded.adjustments if entry.answer is not None]
    return answers[-1] if answers else answer_of(recorded.finished)


def _is_of_unknown_parts(recorded: Recorded) -> bool:
    """Whether a later answer was billed for several models, of which a correction keeps only the sum."""
    is_corrected = recorded.standing.measures.usage != recorded.finished.usage
    return is_corrected and "several_models" in _answer(recorded).flags


def _count(done: Repricing, recorded: Recorded, cost: Cost) -> None:
    place, measures = recorded.standing.place, recorded.standing.measures
    name = f"{place.provider}/{place.model}"
    one = done.models.setdefault(name, ModelDifference(model=name))
    one.requests += 1
    one.before_nanousd += measures.cost_nanousd
    one.after_nanousd += cost.nanousd or 0
    one.unpriced_before += measures.unpriced
    one.unpriced_after += cost.nanousd is None


def _entries(recorded: Recorded, cost: Cost, now: datetime) -> tuple[Adjustment, Adjustment]:
    standing = recorded.standing
    source = CostSource.NONE if cost.nanousd is None else CostSource.COMPUTED
    source = CostSource.DEFAULT if cost.is_default and cost.nanousd is not None else source
    measures = replace(
        standing.measures,
        cost_nanousd=cost.nanousd or 0,
        unpriced=int(cost.nanousd is None),
        estimated=int(is_estimated(standing.place.usage_quality, source)),
        components=cost.components,
    )
    answers = [entry.answer for _, entry in recorded.adjustments if entry.answer is not None]
    new = Adjustment(
        kind=Kind.REPRICE,
        cause=f"reprice:{id_text(standing.request_id)}:{standing.last_adjustment}:{cost.price_version}",
        effective_at=standing.started_at,
        booked_at=now,
        reason=f"priced again by {cost.rate_id or 'no rate'}, prices {cost.price_version}",
        place=replace(standing.place, cost_source=source),
        measures=measures,
        request_id=standing.request_id,
        answer=replace(answers[-1], unpriced_units=cost.unpriced_units) if answers else None,
        price_version=cost.price_version,
        rate_id=cost.rate_id,
        rate=cost.rate,
    )
    return move(standing, new)
