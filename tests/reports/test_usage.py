"""Reports out of sums: notes, comparisons, currencies."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from llmledger.core.report import NUMBERS, Answer, Cell, ExchangeRates, Gap, Question, Tally
from llmledger.core.window import Window
from llmledger.errors import UsageError
from llmledger.reports.envelope import report_json
from llmledger.reports.usage import Look, compose

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
WINDOW = Window(datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC))


def cell(*key: str | None, epoch: int = 0, **sums: int) -> Cell:
    """One group."""
    tally = Tally()
    tally.add(tuple(sums.get(name, 0) for name in NUMBERS), is_plan=False)
    return Cell(tuple(key), epoch, tally)


def answer(
    *cells: Cell, gaps: tuple[Gap, ...] = (), has_latencies: bool = True, models: tuple[str, ...] = ()
) -> Answer:
    """An answer whose total is the sum of its cells."""
    total = Tally()
    for one in cells:
        total.merge(one.tally)
    return Answer(
        cells=cells, totals=(Cell((), 0, total),), gaps=gaps, has_latencies=has_latencies, unpriced_models=models
    )


def test_every_note_is_told_in_the_order_of_its_weight() -> None:
    """Gaps, unpriced models, overlapping tags, missing response times."""
    gap = Gap(since=NOW, until=NOW.replace(hour=13), needs="detail rows", requests=3)
    given = answer(cell("a=1", requests=2, unpriced=1, cost=5), gaps=(gap,), has_latencies=False, models=("x/y", "x/z"))

    report = compose(Question(window=WINDOW, by=("tag",)), given, look=Look(), generated_at=NOW)

    texts = [note.text for note in report.notes]
    assert [text.split()[0] for text in texts] == ["2026-11-21", "1", "A", "Response"]
    assert "Fix: pricing set x/y (and 1 more: log --unpriced)" in texts[1]
    # Not put down to pruning alone: a large ledger that never pruned has too many rows.
    assert texts[3].endswith("which were pruned or are too many.")
    assert report_json(report)["coverage"] == [
        {
            "since": "2026-11-21T12:00:00+00:00",
            "until": "2026-11-21T13:00:00+00:00",
            "needs": "detail rows",
            "requests": 3,
        }
    ]


def test_hours_are_not_compared() -> None:
    """Two hours have the same name when clocks go back."""
    with pytest.raises(UsageError, match="one bucket of day, week or month"):
        compose(Question(window=WINDOW, by=("hour",)), answer(), look=Look(), generated_at=NOW, previous=answer())


def test_a_group_that_is_gone_is_still_compared_and_an_unknown_change_is_null() -> None:
    """Yesterday's model with nothing today; a cost that was unknown makes the change unknown."""
    now = answer(cell("new", requests=1, cost=7), cell("odd", requests=1, cost=3))
    before = answer(cell("old", requests=2, cost=9), cell("odd", requests=1, unpriced=1))

    report = compose(Question(window=WINDOW, by=("model",)), now, look=Look(), generated_at=NOW, previous=before)

    rows = report_json(report)["rows"]
    assert isinstance(rows, list)
    assert {row["model"]: (row["requests"], row["previous_cost_usd"], row["cost_change_usd"]) for row in rows} == {
        "new": (1, "0", "0.000000007"),
        "odd": (1, None, None),
        "old": (0, "0.000000009", "-0.000000009"),
    }


def test_charged_costs_are_shown_and_converted() -> None:
    """$7 less a correction of $2 is $5, at 0.5."""
    rates = ExchangeRates("EUR", ((date(2026, 1, 1), Decimal("0.5")),))
    given = Answer(
        cells=(cell("m", epoch=1, requests=1, cost=7 * 10**9, reconciled=-2 * 10**9),),
        totals=(cell(epoch=1, requests=1, cost=7 * 10**9, reconciled=-2 * 10**9),),
    )
    look = Look(charged=True, rates=rates)

    report = compose(Question(window=WINDOW, by=("model",)), given, look=look, generated_at=NOW)

    totals = report_json(report)["totals"]
    assert isinstance(totals, dict)
    assert (totals["cost_usd"], totals["charged_usd"], totals["cost_eur"]) == ("7", "5", "2.5")
