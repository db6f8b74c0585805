"""Ledgers with their true bill, and the twenty root causes of mismatch planted in one side or the other.

Everything follows from a seed. A plant says which class must be found (or hold its cause, where two leave one trace).
"""

import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from llmledger.core.reconcile.booked import CORE_METERS, Booked, Skip, never, quantities
from llmledger.core.reconcile.causes import Cause, Grain
from llmledger.core.reconcile.compare import Terms
from llmledger.core.statement import Format, LineKind, StatementLine
from llmledger.core.usage import UNIT_BY_NAME

DAY_MS = 86_400_000
FIRST = datetime(2026, 10, 1, tzinfo=UTC)
FIRST_MS = int(FIRST.timestamp()) * 1000
DAYS = 6
PROVIDER = "demo"
METERS = CORE_METERS | {"web_searches", "audio_seconds"}
PRICES: Mapping[str, Decimal] = {
    "input_tokens": Decimal("0.000003"),
    "cache_read_tokens": Decimal("0.0000003"),
    "cache_write_tokens": Decimal("0.00000375"),
    "cache_write_1h_tokens": Decimal("0.000006"),
    "output_tokens": Decimal("0.000015"),
    "web_searches": Decimal("0.01"),
    "audio_seconds": Decimal("0.0001"),
}
MODES: Mapping[tuple[str, str], Decimal] = {
    ("processing", "batch"): Decimal("0.5"),
    ("service_tier", "flex"): Decimal("0.6"),
    ("service_tier", "priority"): Decimal("1.75"),
    ("speed", "fast"): Decimal(6),
    ("inference_geo", "us"): Decimal("1.1"),
    ("context_window", "long"): Decimal(2),
}
SHARE: Mapping[str, Decimal] = {"small": Decimal("0.1"), "large": Decimal(1)}
"""What a model costs of the prices above."""


def unit_price(provider: str, model: str, meter: str, at_ms: int, context: Mapping[str, str]) -> Decimal | None:
    """The table that the ledger is priced by."""
    price = PRICES.get(meter)
    if price is None or model not in SHARE or provider != PROVIDER:
        return None
    for selector in context.items():
        price *= MODES.get(selector, Decimal(1)) if UNIT_BY_NAME[meter].name.endswith("_tokens") else Decimal(1)
    return price * SHARE[model]


def spent(row: Booked, context: Mapping[str, str], factor: Decimal = Decimal(1)) -> dict[str, Decimal]:
    """What a row costs by meter in a context, exactly."""
    found: dict[str, Decimal] = {}
    for meter, quantity in quantities(row, METERS).items():
        price = unit_price(row.provider, row.model, meter, row.started_ms, context)
        found[meter] = Decimal(quantity) * (price or Decimal(0)) * factor
    return found


def priced(row: Booked) -> Booked:
    """The row as the ledger stores it: nano-USD by component."""
    parts = {UNIT_BY_NAME[meter].code: amount for meter, amount in spent(row, row.context).items()}
    told = quantities(row, METERS)
    components = {code: (told[_name(code)], round(amount * 10**9)) for code, amount in parts.items()}
    return row._replace(components=components, cost_nanousd=sum(nano for _, nano in components.values()))


def _name(code: str) -> str:
    return next(unit.name for unit in UNIT_BY_NAME.values() if unit.code == code)


@dataclass
class Case:
    """A ledger and what the provider bills for the same requests."""

    rows: list[Booked]
    """The ledger."""
    truth: list[Booked]
    """What the provider counted; each with its own context and key."""
    factor: dict[int, Decimal] = field(default_factory=dict)
    """By row number, what the provider's price is of ours."""
    offset_ms: int = 0
    extra: list[StatementLine] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)
    """The bill's name of a model."""
    late: set[int] = field(default_factory=set)
    """Row numbers that the bill does not have yet."""

    def lines(self, grain: Grain, *, with_keys: bool) -> list[StatementLine]:
        """The bill at a grain."""
        told: dict[tuple[object, ...], dict[str, list[Decimal]]] = defaultdict(
            lambda: defaultdict(lambda: [Decimal(0)] * 2)
        )
        counts: dict[tuple[object, ...], int] = defaultdict(int)
        for row in self.truth:
            day = (row.started_ms - self.offset_ms - FIRST_MS) // DAY_MS
            if not 0 <= day < DAYS or row.row in self.late:
                continue
            where = (day, self.names.get(row.model, row.model), row.key if with_keys else None)
            if grain is Grain.REQUEST:
                where = (row.row, *where)
            counts[where] += 1
            amounts = spent(row, row.context, self.factor.get(row.row, Decimal(1)))
            for meter, quantity in quantities(row, METERS).items():
                told[where][meter][0] += Decimal(quantity)
                told[where][meter][1] += amounts[meter]
        lines = [
            line
            for number, (where, meters) in enumerate(sorted(told.items(), key=str), start=2)
            for line in self._lines(grain, where, meters, number, counts[where])
        ]
        return [*lines, *self.extra]

    def _lines(
        self, grain: Grain, where: tuple[object, ...], meters: Mapping[str, list[Decimal]], number: int, count: int
    ) -> Iterable[StatementLine]:
        day, model, key = where[-3:]
        since = FIRST + timedelta(days=int(str(day)))
        whole = StatementLine(
            number=number,
            since=since,
            until=since + timedelta(days=1),
            provider=PROVIDER,
            model=str(model),
            key=key,  # type: ignore[arg-type]
        )
        total = sum((amount for _, amount in meters.values()), Decimal(0))
        told = {meter: int(quantity) for meter, (quantity, _) in meters.items()}
        if grain in (Grain.METER, Grain.MONEY):
            for meter, (quantity, amount) in meters.items():
                given = {meter: int(quantity)} if grain is Grain.METER else {}
                yield whole._replace(meter=meter, quantities=given, amount=amount)
        elif grain is Grain.DAY:
            yield whole._replace(quantities=told, amount=total, requests=count)
        elif grain is Grain.REQUEST:
            row = next(row for row in self.truth if row.row == where[0])
            at = datetime.fromtimestamp(row.started_ms / 1000, UTC)
            identity = row.provider_request_id
            yield whole._replace(since=at, until=at, quantities=told, amount=total, requests=1, request_id=identity)
        else:
            yield whole._replace(model="", key=None, amount=total)


class Rows:
    """Ledger rows in memory, as a source."""

    def __init__(self, rows: Sequence[Booked]) -> None:
        self._rows = sorted(rows, key=lambda row: row.started_ms)

    def rows(self, since_ms: int, until_ms: int, providers: frozenset[str], skip: Skip = never) -> Iterable[Booked]:
        """Rows of a range in order of time."""
        return (
            row
            for row in self._rows
            if since_ms <= row.started_ms < until_ms and row.provider in providers and not skip(row.ledger, row.row)
        )

    def sums(self, since_ms: int, until_ms: int, providers: frozenset[str]) -> Iterable[Booked]:
        """Row by row."""
        return self.rows(since_ms, until_ms, providers)

    def find(self, provider_request_ids: Sequence[str]) -> Mapping[str, Booked]:
        """The first row of each id."""
        wanted = set(provider_request_ids)
        found: dict[str, Booked] = {}
        for row in self._rows:
            if row.provider_request_id in wanted:
                found.setdefault(row.provider_request_id or "", row)
        return found


TERMS = Terms(
    unit_price=unit_price,
    canonical=lambda provider, model: model.removesuffix("-20260901"),
    format=Format(provider=PROVIDER),
    zone=UTC,
    period=(FIRST_MS, FIRST_MS + DAYS * DAY_MS),
)


def a_case(seed: int, *, per_day: int = 8) -> Case:
    """A ledger and its bill that agree exactly."""
    rng = random.Random(seed)
    truth = [_a_row(rng, number) for number in range(DAYS * per_day)]
    return Case(rows=[priced(row) for row in truth], truth=truth)


def _a_row(rng: random.Random, number: int, key: str = "key_a") -> Booked:
    at = FIRST_MS + rng.randrange(DAYS * DAY_MS)
    usage = {"input_tokens": rng.randrange(2_000, 60_000), "output_tokens": rng.randrange(200, 9_000)}
    usage["cache_read_tokens"] = rng.randrange(0, usage["input_tokens"] // 2)
    usage["cache_write_tokens"] = rng.randrange(0, usage["input_tokens"] // 4)
    usage["cache_write_1h_tokens"] = usage["cache_write_tokens"] // 3
    usage["reasoning_tokens"] = rng.randrange(1, usage["output_tokens"] // 2)
    return Booked(
        row=number,
        ledger=0,
        request_id=number.to_bytes(16, "big"),
        provider_request_id=f"resp-{number}",
        started_ms=at,
        provider=PROVIDER,
        model=rng.choice(("small", "large")),
        served_model=None,
        key=key,
        status="completed",
        quality="exact",
        cost_nanousd=None,
        usage=usage,
        components={},
    )


Plant = Callable[[Case, random.Random], None]


def _some(case: Case, rng: random.Random, count: int = 3) -> list[int]:
    return rng.sample(range(min(len(case.rows), len(case.truth))), count)


def _reprice(case: Case, position: int, **usage: int) -> None:
    row = case.rows[position]
    case.rows[position] = priced(row._replace(usage={**row.usage, **usage}))


def _cell(case: Case, rng: random.Random) -> list[int]:
    """All rows of one day and model that has several."""
    cells: dict[tuple[int, str], list[int]] = defaultdict(list)
    for position, row in enumerate(case.rows[: len(case.truth)]):
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
    case.truth += [_a_row(rng, 10_000 + number)._replace(key="key_b") for number in range(3)]


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
    geography: (Cause.TIER, frozenset({Grain.REQUEST, Grain.METER, Grain.DAY})),
    context_tier: (Cause.CONTEXT_TIER, frozenset({Grain.REQUEST, Grain.METER, Grain.MONEY, Grain.DAY})),
    price_change: (Cause.PRICE, frozenset({Grain.REQUEST, Grain.METER, Grain.MONEY, Grain.DAY})),
    alias: (Cause.MATCHED, frozenset({Grain.METER, Grain.DAY})),
    retried: (Cause.INTERRUPTED, frozenset({Grain.METER, Grain.MONEY})),
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
