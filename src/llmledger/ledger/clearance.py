"""Which days' costs no recorded statement covers yet."""

import sqlite3
from dataclasses import dataclass
from datetime import date

from llmledger.core.window import DAY_MS, day_of_number


@dataclass(frozen=True, slots=True, kw_only=True)
class Uncleared:
    """A day on which a provider cost something, and that no statement covers."""

    provider: str
    day: date


def uncleared(connection: sqlite3.Connection, before_ms: int) -> list[Uncleared]:
    """The UTC days before a moment with money spent at a provider that no recorded statement of it covers."""
    covered: dict[str, list[tuple[int, int]]] = {}
    for provider, since, until in connection.execute(
        "SELECT provider, since_ms, until_ms FROM statements WHERE undone_ms IS NULL"
    ):
        covered.setdefault(provider, []).append((since, until))
    days = connection.execute(
        f"SELECT m.provider, r.started_ms / {DAY_MS} FROM requests r JOIN models m ON m.id = r.model_id "
        "JOIN traits t ON t.id = r.trait_id WHERE r.started_ms < ? AND r.cost_nanousd <> 0 "
        "AND t.billing IN ('api', 'unknown') GROUP BY 1, 2 ORDER BY 2, 1",
        (before_ms,),
    )
    return [
        Uncleared(provider=provider, day=day_of_number(number))
        for provider, number in days
        if not any(
            since <= number * DAY_MS and (number + 1) * DAY_MS <= until for since, until in covered.get(provider, [])
        )
    ]
