"""What providers said a request cost, beside what the price table made of it."""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

NEWEST_ROWS = 100_000
"""As many rows are looked at: a table that is wrong is wrong in the newest ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Disagreement:
    """A model whose reported and computed costs differ, over all its requests that have both."""

    provider: str
    model: str
    requests: int
    reported_nanousd: int
    computed_nanousd: int


def disagreements(connection: sqlite3.Connection, *, tolerance: Fraction = Fraction(1, 100)) -> Iterator[Disagreement]:
    """Models whose two costs differ by more than a part of the reported one, the greatest difference first."""
    rows = connection.execute(
        """SELECT m.provider, m.model, count(*), sum(r.reported_cost_nanousd), sum(r.computed_cost_nanousd)
        FROM requests r JOIN models m ON m.id = r.model_id
        WHERE r.id > (SELECT coalesce(max(id), 0) FROM requests) - ?
          AND r.reported_cost_nanousd IS NOT NULL AND r.computed_cost_nanousd IS NOT NULL
        GROUP BY r.model_id
        ORDER BY abs(sum(r.reported_cost_nanousd) - sum(r.computed_cost_nanousd)) DESC, m.provider, m.model""",
        (NEWEST_ROWS,),
    )
    for provider, model, requests, reported, computed in rows:
        if abs(reported - computed) > tolerance * abs(reported):
            yield Disagreement(
                provider=provider,
                model=model,
                requests=requests,
                reported_nanousd=reported,
                computed_nanousd=computed,
            )
