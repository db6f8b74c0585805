"""Build a report: ask the ledger, compare with the range before, and put the answer in order."""

from collections import Counter
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from llmledger.core.report import UNPRICED, Answer, Question, Report
from llmledger.core.selection import ALL_TAGS, Selection
from llmledger.core.window import Window
from llmledger.ledger.queries.aggregate import Connection, aggregate
from llmledger.ledger.rollups.upkeep import keep_up
from llmledger.reports.usage import Look, check_sort, compose


class Source(Protocol):
    """What reporting needs of an open ledger."""

    @property
    def connection(self) -> Connection:
        """The database, for reading."""

    @property
    def home_zone(self) -> str:
        """The zone in which the ledger keeps its days."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportRequest:
    """What a report is to tell, and how."""

    window: Window
    selection: Selection = Selection()
    by: tuple[str, ...] = ("model",)
    compare: bool = False
    """With the range before."""
    latencies: bool = True
    look: Look = Look()


def build_report(source: Source, request: ReportRequest, *, now: datetime) -> Report:
    """Answer one report from a ledger. Raises UsageError for an unknown order, or for comparing an open range."""
    check_sort(request.look.sort, request.by)
    keep_up(source.connection, source.home_zone)
    epochs = () if request.look.rates is None else request.look.rates.days
    question = Question(
        window=request.window,
        selection=request.selection,
        by=request.by,
        latencies=request.latencies,
        epochs=epochs,
    )
    previous = None
    if request.compare:
        previous = aggregate(source.connection, replace(question, window=request.window.previous(), latencies=False))
    answer = _with_unpriced_models(source, question, aggregate(source.connection, question))
    return compose(question, answer, look=request.look, generated_at=now, previous=previous)


def _with_unpriced_models(source: Source, question: Question, answer: Answer) -> Answer:
    """Name the models that have no price, when there are any: a note says how to give them one."""
    if not any(cell.tally.spent[UNPRICED] or cell.tally.plan[UNPRICED] for cell in answer.totals):
        return answer
    if "model" in question.by and ALL_TAGS not in question.by:
        place, cells = question.by.index("model"), answer.cells
    else:
        by_model = replace(question, by=("model",), latencies=False, epochs=())
        place, cells = 0, aggregate(source.connection, by_model).cells
    counts: Counter[str] = Counter()
    for cell in cells:
        counts[str(cell.key[place])] += cell.tally.spent[UNPRICED] + cell.tally.plan[UNPRICED]
    counted = sorted((-count, model) for model, count in counts.items())
    return replace(answer, unpriced_models=tuple(model for count, model in counted if count < 0))
