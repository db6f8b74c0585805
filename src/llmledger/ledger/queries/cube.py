"""Sums and response times out of the roll-ups: the day cube, the sums by model, the sketches."""

from llmledger.core.window import DAY_MS, Bucket, stretches
from llmledger.ledger.queries.filter import BILLING_IDS, Conditions
from llmledger.ledger.queries.plan import From, Piece, is_by_model
from llmledger.ledger.queries.reading import Reading
from llmledger.ledger.rollups.catch_up import HOME_DAY, HOUR, QUARTER, UTC_DAY, UTC_DAYS, sums_columns

MANY_CELLS = 5_000
"""From so many cells of the day cube on, the sums by model are read instead, where they are enough."""


def add_days(reading: Reading, piece: Piece) -> None:
    """Add whole days."""
    first, after = _day_numbers(reading, piece)
    if is_by_model(reading.shape.question) and _cells(reading, piece, first, after) > MANY_CELLS:
        grain = UTC_DAY if piece.calendar == UTC_DAYS else HOME_DAY
        _add_slots(reading, grain, first, after, "q.slot" if reading.shape.slot else "0", 0)
        return
    columns, _ = reading.shape.columns("d", "day", None)
    columns[0] = "d.day" if reading.shape.slot else "0"
    conditions = Conditions()
    conditions.add("d.zone = ?", piece.calendar)
    conditions.add("d.day >= ? AND d.day < ?", first, after)
    reading.allowed.apply(conditions, "d.")
    sql = f"SELECT {', '.join(columns)}, {sums_columns('d')} FROM rollup_days d {conditions.sql} GROUP BY 1, 2, 3, 4"
    for row in reading.connection.execute(sql, conditions.params):
        trait = reading.dictionaries.traits[row[3]]
        tally = reading.groups.tally(row[:4], 0)
        tally.add(row[4:], is_plan=trait.is_plan, is_estimated=trait.is_estimated)


def _day_numbers(reading: Reading, piece: Piece) -> tuple[int, int]:
    """The days of a piece, numbered since 1970 in its calendar."""
    if piece.calendar == UTC_DAYS:
        return piece.since_ms // DAY_MS, piece.until_ms // DAY_MS
    ends = [
        next(stretches(ms, ms + 1, reading.facts.home)).slot(Bucket.DAY, ms)
        for ms in (piece.since_ms, piece.until_ms - 1)
    ]
    return ends[0], ends[1] + 1


def _cells(reading: Reading, piece: Piece, first: int, after: int) -> int:
    found = reading.connection.execute(
        "SELECT count(*) FROM (SELECT 1 FROM rollup_days WHERE zone = ? AND day >= ? AND day < ? LIMIT ?)",
        (piece.calendar, first, after, MANY_CELLS + 1),
    ).fetchone()
    return int(found[0])


def add_slots(reading: Reading, piece: Piece) -> None:
    """Add whole hours or quarter-hours."""
    grain = HOUR if piece.source is From.HOURS else QUARTER
    size = grain * 1000
    if reading.shape.slot is None:
        _add_slots(reading, grain, piece.since_ms // size, piece.until_ms // size, "0", 0)
        return
    bucket = 3_600_000 if reading.shape.slot is Bucket.HOUR else DAY_MS
    for part in stretches(piece.since_ms, piece.until_ms, reading.shape.tz):
        slot = f"(q.slot * {size} + {part.offset_ms}) / {bucket}"
        _add_slots(reading, grain, part.since_ms // size, part.until_ms // size, slot, part.offset_ms)


def _add_slots(reading: Reading, grain: int, first: int, after: int, slot: str, offset_ms: int) -> None:
    conditions = Conditions()
    conditions.add("q.grain = ?", grain)
    conditions.add("q.slot >= ? AND q.slot < ?", first, after)
    conditions.ids("q.model_id", reading.allowed.models)
    billings = reading.shape.question.selection.billing
    if billings:
        conditions.add(f"q.billing IN ({', '.join('?' for _ in billings)})", *billings)
    model = "q.model_id" if reading.shape.uses_model else "0"
    sql = (
        f"SELECT {slot}, {model}, q.billing, {sums_columns('q')} FROM rollup_quarters q {conditions.sql} "
        "GROUP BY 1, 2, 3"
    )
    for number, model_id, billing, *sums in reading.connection.execute(sql, conditions.params):
        tally = reading.groups.tally((number, model_id, 0, BILLING_IDS[billing]), offset_ms)
        tally.add(sums, is_plan=billing == "subscription")


def add_sketches(reading: Reading, piece: Piece) -> None:
    """Add the response times of whole days."""
    first, after = _day_numbers(reading, piece)
    conditions = Conditions()
    conditions.add("k.zone = ?", piece.calendar)
    conditions.add("k.day >= ? AND k.day < ?", first, after)
    conditions.ids("k.model_id", reading.allowed.models)
    day = "k.day" if reading.shape.slot else "0"
    model = "k.model_id" if reading.shape.uses_model else "0"
    sql = f"SELECT {day}, {model}, k.latency, k.first_token FROM rollup_sketches k {conditions.sql}"
    for number, model_id, latency, first_token in reading.connection.execute(sql, conditions.params):
        tally = reading.groups.tally((number, model_id, 0, 0), 0)
        tally.latency.add_bytes(latency)
        tally.first_token.add_bytes(first_token)
