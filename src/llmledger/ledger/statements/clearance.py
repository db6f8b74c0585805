"""What recorded statements cover: which requests are cleared, which days are not, and what came after they were settled."""

import sqlite3
from dataclasses import dataclass
from datetime import date

from llmledger.core.window import DAY_MS, day_of_number

BILLABLE = "t.billing IN ('api', 'unknown') AND t.cost_source NOT IN ('cache', 'not_billed')"
"""Which requests a provider may bill; over traits `t`."""


def covering(alias: str, time: str, known: str) -> str:
    """The SQL of the live statements (`q`) that cover a row; `known` says whether the row was there to be compared."""
    return (
        f"SELECT 1 FROM statements q JOIN models qm ON qm.id = {alias}.model_id WHERE q.undone_ms IS NULL AND {known} "
        f"AND q.provider = qm.provider AND {alias}.{time} >= q.since_ms AND {alias}.{time} < q.until_ms"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Late:
    """What came into the period of a recorded statement after it was compared."""

    statement: int
    name: str
    provider: str
    since_ms: int
    until_ms: int
    zone: str
    requests: int
    corrections: int
    cost_nanousd: int
    """Of both."""


_LATE = """SELECT s.id, s.name, s.provider, s.since_ms, s.until_ms, s.timezone,
  (SELECT count(*) {requests}), (SELECT count(*) {corrections}),
  (SELECT coalesce(sum(x.cost_nanousd), 0) {requests}) + (SELECT coalesce(sum(x.cost_nanousd), 0) {corrections})
FROM statements s WHERE s.undone_ms IS NULL ORDER BY s.id""".format(
    requests=f"""FROM requests x JOIN models m ON m.id = x.model_id JOIN traits t ON t.id = x.trait_id
    WHERE {BILLABLE} AND m.provider = s.provider AND x.started_ms >= s.since_ms AND x.started_ms < s.until_ms
      AND x.id > s.last_request""",
    corrections=f"""FROM adjustments x JOIN models m ON m.id = x.model_id JOIN traits t ON t.id = x.trait_id
    WHERE {BILLABLE} AND m.provider = s.provider AND x.effective_ms >= s.since_ms AND x.effective_ms < s.until_ms
      AND x.id > s.last_adjustment AND x.kind <> 'reconcile'""",
)


def late_arrivals(connection: sqlite3.Connection) -> list[Late]:
    """By statement, the requests and the money that came after it; corrections that move none are left out."""
    found = [
        Late(
            statement=row[0],
            name=row[1],
            provider=row[2],
            since_ms=row[3],
            until_ms=row[4],
            zone=row[5],
            requests=row[6],
            corrections=row[7],
            cost_nanousd=row[8],
        )
        for row in connection.execute(_LATE)
    ]
    return [one for one in found if one.requests or one.cost_nanousd]


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
