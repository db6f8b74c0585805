"""What to know about a report's numbers: the lines below its table, and the warnings in its JSON."""

from collections.abc import Sequence

from llmledger.core.counted import counted
from llmledger.core.money import UNPRICED, money_text
from llmledger.core.report import UNTOLD, Answer, ExchangeRates, Gap, Measures, Note, Question, ReportRow
from llmledger.core.selection import ALL_TAGS

ESTIMATED = "~"
_NO_LATENCIES = (
    "Response times are kept by day and model; other groupings need the detail rows, which were pruned or are too many."
)


def notes_on(
    question: Question,
    answer: Answer,
    rows: Sequence[ReportRow],
    totals: Measures,
    *,
    rates: ExchangeRates | None,
) -> tuple[Note, ...]:
    """Everything that keeps the numbers from speaking for themselves, most important first."""
    notes = [Note("!", _gap_text(gap)) for gap in answer.gaps]
    if totals.estimated > 0:
        notes.append(Note(ESTIMATED, _estimated_text(rows, totals)))
    if totals.unpriced > 0:
        notes.append(Note(UNPRICED, _unpriced_text(totals, answer.unpriced_models)))
    if totals.untold > totals.failed or any(row.measures.tokens("input_tokens") is None for row in rows):
        notes.append(Note(UNTOLD, _untold_text(totals)))
    if ALL_TAGS in question.by:
        notes.append(
            Note(
                "*",
                "A request with several tags counts in several rows: they add up to more than the total.",
            )
        )
    if rates is not None and totals.converted is None and totals.cost_nanousd:
        notes.append(Note("!", _no_rate_text(rates)))
    if question.latencies and not answer.has_latencies and totals.requests:
        notes.append(Note("*", _NO_LATENCIES))
    return tuple(notes)


def _estimated_text(rows: Sequence[ReportRow], totals: Measures) -> str:
    among = sum(row.measures.requests for row in rows if row.measures.estimated) or totals.requests
    cost = f": {money_text(totals.estimated_nanousd)} of the cost" if totals.estimated_nanousd else ""
    return f"{totals.estimated:,} of {counted(among, 'request')} estimated (no usage sent){cost}. See: log --estimated"


def _unpriced_text(totals: Measures, models: Sequence[str]) -> str:
    fix = "See: log --unpriced"
    if models:
        others = f" (and {len(models) - 1} more: log --unpriced)" if len(models) > 1 else ""
        fix = f"Fix: pricing set {models[0]}{others}"
    return f"{counted(totals.unpriced, 'request')} unpriced, not in the total (+). {fix}"


def _untold_text(totals: Measures) -> str:
    rest = "; the sums are those of the others" if totals.untold < totals.requests else ""
    return f"{totals.untold:,} of {counted(totals.requests, 'request')} told no tokens{rest}."


def _no_rate_text(rates: ExchangeRates) -> str:
    if not rates.rates:
        return f"There is no exchange rate for {rates.currency}. Fix: config set fx.{rates.currency}"
    return (
        f"Before {rates.rates[0][0]} there is no exchange rate for {rates.currency}; those amounts are not converted."
    )


def _gap_text(gap: Gap) -> str:
    return (
        f"{gap.since:%Y-%m-%d %H:%M} .. {gap.until:%Y-%m-%d %H:%M} UTC is left out (coverage): it needs {gap.needs}, "
        f"which were pruned; {counted(gap.requests, 'request')} there."
    )
