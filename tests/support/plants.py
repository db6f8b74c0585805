"""The twenty root causes of mismatch, planted in a ledger or its bill.

A plant says which class must be found (or hold its cause, where two leave one trace).
"""

import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from decimal import Decimal

from tests.support.planted import DAY_MS, DAYS, FIRST, FIRST_MS, PROVIDER, Case, a_true_row, priced

from llmledger.core.reconcile.causes import Cause, Grain
from llmledger.core.statement import LineKind, StatementLine

Plant = Callable[[Case, random.Random], None]


def sown(case: Case, seed: int, plants: Iterable[Plant]) -> Case:
    """The case with these plants, each by a chance of its own, so that one is the same with and without the others."""
    for plant in plants:
        plant(case, random.Random(f"{seed} {plant.__name__}"))
    return case


def _some(case: Case, rng: random.Random, count: int = 3) -> list[int]:
    return rng.sample(range(case.size), count)


def _reprice(case: Case, position: int, **usage: int) -> None:
    row = case.rows[position]
    case.rows[position] = priced(row._replace(usage={**row.usage, **usage}))


def _cell(case: Case, rng: random.Random) -> list[int]:
    """All rows of one day and model that has several."""
    cells: dict[tuple[int, str], list[int]] = defaultdict(list)
    for position, row in enumerate(case.rows[: case.size]):
        cells[(row.started_ms - FIRST_MS) // DAY_MS, row.model].append(position)
    return rng.choice([positions for _, positions in sorted(cells.items()) if len(positions) > 1])


def day_boundary(case: Case, rng: random.Random) -> None:
    """1: the bill's days begin some hours later than it says."""
    case.offset_ms = rng.choice((-8, -3, 5, 7)) * 3_600_000


def late_export(case: Case, rng: random.Random) -> None:
    """2: the last day is not complete yet."""
    late = [row for row in case.truth if row.started_ms >= FIRST_MS + (DAYS - 1) * DAY_MS]
    case.late = {row.row for row in late[: max(1, len(late) // 2)]}


def other_key(case: Case, rng: random.Random) -> None:
    """3: another host used the account."""
    case.truth += [a_true_row(rng, 10_000 + number)._replace(key="key_b") for number in range(3)]


def cached_split(case: Case, rng: random.Random) -> None:
    """4: the ledger counted cached input as fresh."""
    for position in _some(case, rng):
        _reprice(case, position, cache_read_tokens=0)


def cache_ttl(case: Case, rng: random.Random) -> None:
    """5: the ledger took one-hour writes for five-minute ones."""
    for position in _some(case, rng):
        _reprice(case, position, cache_write_1h_tokens=0)


def reasoning(case: Case, rng: random.Random) -> None:
    """6: the ledger left reasoning out of the output of a day."""
    for position in _cell(case, rng):
        usage = case.rows[position].usage
        _reprice(case, position, output_tokens=int(usage["output_tokens"]) - int(usage["reasoning_tokens"]))


def batch(case: Case, rng: random.Random) -> None:
    """7: a day and model were billed as batch."""
    for position in _cell(case, rng):
        case.truth[position] = case.truth[position]._replace(context={"processing": "batch"})


def geography(case: Case, rng: random.Random) -> None:
    """8: a day and model were billed with the regional uplift."""
    for position in _cell(case, rng):
        case.truth[position] = case.truth[position]._replace(context={"inference_geo": "us"})


def context_tier(case: Case, rng: random.Random) -> None:
    """9: large prompts are billed at the long price."""
    for position in _some(case, rng, 2):
        for rows in (case.rows, case.truth):
            rows[position] = rows[position]._replace(usage={**rows[position].usage, "input_tokens": 250_000})
        case.rows[position] = priced(case.rows[position])
        case.truth[position] = case.truth[position]._replace(context={"context_window": "long"})


def price_change(case: Case, rng: random.Random) -> None:
    """10: the price rose on a day, and our table does not know."""
    since = FIRST_MS + rng.randrange(1, DAYS - 1) * DAY_MS
    case.factor |= {row.row: Decimal("7.31") for row in case.truth if row.started_ms >= since}


def alias(case: Case, rng: random.Random) -> None:
    """11: the bill names snapshots that our table does not know."""
    case.names = {"large": "large-preview"}


def retried(case: Case, rng: random.Random) -> None:
    """12: tries that failed for us were billed."""
    for position in _some(case, rng):
        row = case.rows[position]
        extra = case.truth[position]._replace(row=20_000 + position, provider_request_id=f"retry-{position}")
        case.rows[position] = row._replace(attempts=2)
        case.truth.append(extra)


def no_usage_chunk(case: Case, rng: random.Random) -> None:
    """13: streams without a usage chunk: our output is an estimate."""
    for position in _some(case, rng):
        tokens = int(case.rows[position].usage["output_tokens"])
        _reprice(case, position, output_tokens=tokens - rng.randrange(1, tokens // 3), reasoning_tokens=0)
        case.rows[position] = case.rows[position]._replace(quality="estimated")


def server_tools(case: Case, rng: random.Random) -> None:
    """14: searches that the ledger did not count."""
    for position in _some(case, rng):
        row = case.truth[position]
        case.truth[position] = row._replace(usage={**row.usage, "web_searches": rng.randrange(1, 9)})


def inner_iterations(case: Case, rng: random.Random) -> None:
    """15: iterations inside a request that the ledger did not sum."""
    for position in _some(case, rng):
        row = case.truth[position]
        more = {
            "input_tokens": int(row.usage["input_tokens"]) + 5_000,
            "output_tokens": int(row.usage["output_tokens"]) + 700,
        }
        case.truth[position] = row._replace(usage={**row.usage, **more})


def credit(case: Case, rng: random.Random) -> None:
    """16: a credit line."""
    case.extra.append(_a_line(LineKind.CREDIT, Decimal("-1.25"), "promotional credit"))


def tax(case: Case, rng: random.Random) -> None:
    """17: a tax line."""
    case.extra.append(_a_line(LineKind.TAX, Decimal("3.0723"), "VAT"))


def double_import(case: Case, rng: random.Random) -> None:
    """18: some requests are in the ledger twice."""
    for position in _some(case, rng):
        row = case.rows[position]
        case.rows.append(row._replace(row=30_000 + position, request_id=(30_000 + position).to_bytes(16, "big")))


def capacity(case: Case, rng: random.Random) -> None:
    """19: a day and model were paid for by the hour elsewhere."""
    for position in _cell(case, rng):
        case.factor[case.truth[position].row] = Decimal(0)


def minimums(case: Case, rng: random.Random) -> None:
    """20: audio is billed in minimum steps that the ledger does not know."""
    for position in _some(case, rng):
        row = case.truth[position]
        case.truth[position] = row._replace(usage={**row.usage, "audio_seconds": 10})


def _a_line(kind: LineKind, amount: Decimal, label: str) -> StatementLine:
    return StatementLine(
        number=9_000,
        since=FIRST,
        until=FIRST + timedelta(days=1),
        provider=PROVIDER,
        amount=amount,
        kind=kind,
        label=label,
    )


PLANTS: Mapping[Plant, tuple[Cause, frozenset[Grain]]] = {
    day_boundary: (Cause.DAY_BOUNDARY, frozenset({Grain.METER, Grain.MONEY, Grain.DAY})),
    late_export: (Cause.MISSING_IN_STATEMENT, frozenset({Grain.REQUEST, Grain.METER, Grain.MONEY, Grain.DAY})),
    other_key: (Cause.OTHER_KEY, frozenset({Grain.REQUEST, Grain.METER, Grain.MONEY, Grain.DAY})),
    cached_split: (Cause.CACHED_SPLIT, frozenset({Grain.REQUEST, Grain.METER, Grain.MONEY, Grain.DAY})),
    cache_ttl: (Cause.CACHE_TTL, frozenset({Grain.REQUEST, Grain.METER, Grain.MONEY, Grain.DAY})),
    reasoning: (Cause.REASONING, frozenset({Grain.REQUEST, Grain.METER, Grain.MONEY, Grain.DAY})),
    batch: (Cause.TIER, frozenset({Grain.REQUEST, Grain.METER, Grain.MONEY, Grain.DAY})),
    geography: (Cause.TIER, frozenset({Grain.REQUEST, Grain.METER, Grain.MONEY, Grain.DAY})),
    context_tier: (Cause.CONTEXT_TIER, frozenset({Grain.REQUEST, Grain.METER, Grain.MONEY, Grain.DAY})),
    price_change: (Cause.PRICE, frozenset({Grain.REQUEST, Grain.METER, Grain.MONEY, Grain.DAY})),
    alias: (Cause.MATCHED, frozenset({Grain.METER, Grain.DAY})),
    retried: (Cause.INTERRUPTED, frozenset({Grain.METER, Grain.MONEY, Grain.DAY})),
    no_usage_chunk: (Cause.INTERRUPTED, frozenset({Grain.REQUEST, Grain.METER, Grain.MONEY, Grain.DAY})),
    server_tools: (Cause.TOOL_FEES, frozenset({Grain.REQUEST, Grain.METER, Grain.MONEY, Grain.DAY})),
    inner_iterations: (Cause.MISSING_IN_LEDGER, frozenset({Grain.REQUEST, Grain.METER, Grain.MONEY, Grain.DAY})),
    credit: (Cause.CREDITS, frozenset(Grain)),
    tax: (Cause.CREDITS, frozenset(Grain)),
    double_import: (Cause.DUPLICATE, frozenset({Grain.REQUEST, Grain.METER, Grain.MONEY, Grain.DAY})),
    capacity: (Cause.TIER, frozenset({Grain.METER, Grain.DAY})),
    minimums: (Cause.TOOL_FEES, frozenset({Grain.REQUEST, Grain.METER, Grain.MONEY, Grain.DAY})),
}
"""Each plant with the cause it plants, and the grains at which the class found must be that cause or hold it."""

LOOKS_LIKE: Mapping[Plant, frozenset[Cause]] = {
    day_boundary: frozenset({Cause.MISSING_IN_STATEMENT, Cause.MISSING_IN_LEDGER}),
    retried: frozenset({Cause.MISSING_IN_LEDGER}),
    alias: frozenset({Cause.MISSING_IN_STATEMENT, Cause.MISSING_IN_LEDGER}),
}
"""What a plant rightly is found as at the other grains: of single requests, those beyond the edge are not on the bill."""

HIDES: Mapping[Plant, frozenset[Plant]] = {
    # Where nothing is billed, no price is told.
    capacity: frozenset({batch, geography, context_tier, price_change}),
    # The factor of a mode on a price that our table does not have is just another price.
    price_change: frozenset({batch, geography}),
}
"""What a plant leaves no trace of in a period and model that it shares with it, whatever the grain."""
