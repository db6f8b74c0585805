"""Ledgers with their true bill, at every grain; everything follows from a seed. What is planted in them stands in `plants`."""

import random
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from llmledger.core.reconcile.booked import CORE_METERS, Booked, Skip, Wanted, never, quantities
from llmledger.core.reconcile.causes import Grain
from llmledger.core.reconcile.compare import Terms
from llmledger.core.statement import Format, StatementLine
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
    """The ledger; those of the first so many places as the truth had at the beginning are of the same requests as there."""
    truth: list[Booked]
    """What the provider counted; each with its own context and key."""
    factor: dict[int, Decimal] = field(default_factory=dict)
    """By row number, what the provider's price is of ours."""
    offset_ms: int = 0
    extra: list[StatementLine] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)
    """The bill's name of a model."""
    size: int = 0
    """How many requests there were before anything was planted."""
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

    pruned_before_ms = 0
    months_before_ms = 0

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

    def find(self, wanted: Sequence[Wanted]) -> Mapping[str, Booked]:
        """The first row of each id."""
        ids = {identity for identity, _, _ in wanted}
        found: dict[str, Booked] = {}
        for row in self._rows:
            if row.provider_request_id in ids:
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
    truth = [a_true_row(rng, number) for number in range(DAYS * per_day)]
    return Case(rows=[priced(row) for row in truth], truth=truth, size=len(truth))


def a_true_row(rng: random.Random, number: int, key: str = "key_a") -> Booked:
    """A request as the provider counts it, not priced by us yet."""
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
