"""What a report says: sums of requests per group, with unknown costs told apart from zero, and what surrounds them.

The table, the JSON and the Python API show one and the same `Report`, so they cannot disagree.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction

from llmledger.core.money import NANOUSD_PER_USD, round_half_even, usd_text
from llmledger.core.selection import Selection
from llmledger.core.stats import Sketch
from llmledger.core.usage import COLUMN_UNITS
from llmledger.core.window import Window

SCHEMA = "llmledger.report/1"

COUNTS = ("requests", "failed", "unpriced", "estimated", "untold")
_UNITS = tuple(unit.name for unit in COLUMN_UNITS)
NUMBERS = (*COUNTS, *_UNITS, "cost", "reconciled")
"""The sums that are kept per group, in the order of every vector below; money in nano-USD."""
REQUESTS, UNPRICED = NUMBERS.index("requests"), NUMBERS.index("unpriced")
COST, RECONCILED = NUMBERS.index("cost"), NUMBERS.index("reconciled")
ZEROS = (0,) * len(NUMBERS)

UNTOLD = "?"
"""Stands for tokens that nobody told."""
SHOWN_TOKENS = ("input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens", "reasoning_tokens")

Key = tuple[str | None, ...]
"""The values of one group, one per dimension; None is unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What to add up: which requests, by which dimensions."""

    window: Window
    selection: Selection = Selection()
    by: tuple[str, ...] = ()
    latencies: bool = True
    """Whether response times are wanted; they cost the most."""
    epochs: tuple[date, ...] = ()
    """Days (of the window's zone) at which sums must be cut, because an exchange rate changed there."""


@dataclass(slots=True)
class Tally:
    """The sums of one group while it is added up. Money spent and the value of plan use are never added together."""

    spent: list[int] = field(default_factory=lambda: list(ZEROS))
    plan: list[int] = field(default_factory=lambda: list(ZEROS))
    estimated_nanousd: int = 0
    """The part of the cost that rests on estimates."""
    latency: Sketch = field(default_factory=Sketch)
    first_token: Sketch = field(default_factory=Sketch)

    def add(self, numbers: Sequence[int], *, is_plan: bool, is_estimated: bool = False) -> None:
        """Add a vector of sums; `is_plan` says that a subscription paid."""
        into = self.plan if is_plan else self.spent
        into[:] = map(int.__add__, into, numbers)
        if is_estimated and not is_plan:
            self.estimated_nanousd += numbers[COST]

    def merge(self, other: "Tally") -> None:
        """Add all of another group."""
        self.spent[:] = map(int.__add__, self.spent, other.spent)
        if any(other.plan):
            self.plan[:] = map(int.__add__, self.plan, other.plan)
        self.estimated_nanousd += other.estimated_nanousd
        self.latency.merge(other.latency)
        self.first_token.merge(other.first_token)

    @property
    def is_empty(self) -> bool:
        """Whether everything cancels out, as when a request was moved elsewhere as a whole."""
        return not any(self.spent) and not any(self.plan)


@dataclass(frozen=True, slots=True)
class Cell:
    """The sums of one group within one epoch of the exchange rates."""

    key: Key
    epoch: int
    tally: Tally


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A part of the range that cannot be told at the grain that was asked for, because its detail was pruned."""

    since: datetime
    until: datetime
    needs: str
    """What would be needed to tell it: `detail rows` or `hours`."""
    requests: int
    """How many requests it holds at least."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the ledger says to a question."""

    cells: tuple[Cell, ...]
    totals: tuple[Cell, ...]
    """One per epoch. Not the sum of the cells when they overlap (`--by tag`)."""
    gaps: tuple[Gap, ...] = ()
    unpriced_models: tuple[str, ...] = ()
    """Models without a price, those with the most requests first; not looked for when every request has one."""
    price_version: str | None = None
    """Of the newest price table that priced anything in the ledger."""
    has_latencies: bool = True
    """False when response times cannot be told at this grain any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measures:
    """The sums of one group. Costs are None only if every request in them is unpriced; nothing at all costs 0."""

    requests: int = 0
    """Net of duplicates."""
    failed: int = 0
    unpriced: int = 0
    estimated: int = 0
    untold: int = 0
    """Requests whose tokens nobody told: no sum of tokens has them."""
    units: Mapping[str, int] = field(default_factory=dict)
    """Sums of every unit that has a column."""
    cost_nanousd: int | None = 0
    """Money spent."""
    plan_value_nanousd: int | None = 0
    """What the use of subscriptions would have cost."""
    charged_nanousd: int | None = 0
    """The cost, corrected by what invoices said."""
    estimated_nanousd: int = 0
    latency_p50_ms: int | None = None
    latency_p95_ms: int | None = None
    latency_p99_ms: int | None = None
    latency_mean_ms: int | None = None
    first_token_p50_ms: int | None = None
    converted: Decimal | None = None
    """The cost in the report's other currency, when one was asked for and all its rates are known."""

    @property
    def has_plan(self) -> bool:
        """Whether subscriptions were used at all."""
        return self.plan_value_nanousd is None or self.plan_value_nanousd != 0

    def tokens(self, name: str) -> int | None:
        """The sum of one unit, of those who told it; None when there are requests and none of them told anything."""
        total = self.units.get(name, 0)
        return None if total == 0 and 0 < self.requests <= self.untold else total

    def json(self) -> dict[str, object]:
        """The row keys of the report's JSON."""
        return {
            **{name: getattr(self, name) for name in COUNTS},
            **{name: self.tokens(name) for name in SHOWN_TOKENS},
            "cost_usd": usd_text(self.cost_nanousd),
            "plan_value_usd": usd_text(self.plan_value_nanousd),
            "latency_p50_ms": self.latency_p50_ms,
            "latency_p95_ms": self.latency_p95_ms,
            "latency_p99_ms": self.latency_p99_ms,
            "first_token_p50_ms": self.first_token_p50_ms,
        }


def measures_of(tally: Tally) -> Measures:
    """Read the sums of a group as measures."""
    requests, failed, unpriced, estimated, untold, *units = map(int.__add__, tally.spent, tally.plan)
    response = tally.latency.percentiles((50, 95, 99))
    cost = _known(tally.spent)
    return Measures(
        requests=requests,
        failed=failed,
        unpriced=unpriced,
        estimated=estimated,
        untold=untold,
        units=dict(zip(_UNITS, units, strict=False)),
        cost_nanousd=cost,
        plan_value_nanousd=_known(tally.plan),
        charged_nanousd=_charged(cost, tally.spent[RECONCILED]),
        estimated_nanousd=tally.estimated_nanousd,
        latency_p50_ms=response[50],
        latency_p95_ms=response[95],
        latency_p99_ms=response[99],
        latency_mean_ms=tally.latency.mean(),
        first_token_p50_ms=tally.first_token.percentile(50),
    )


def _known(numbers: Sequence[int]) -> int | None:
    cost, requests = numbers[COST], numbers[REQUESTS]
    return None if cost == 0 and requests > 0 and numbers[UNPRICED] >= requests else cost


def _charged(cost: int | None, reconciled: int) -> int | None:
    """What was charged: an invoice can know what a price table did not."""
    return None if cost is None and reconciled == 0 else (cost or 0) + reconciled


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportRow:
    """One group of a report."""

    key: Key
    measures: Measures
    previous: Measures | None = None
    """The same group in the range before, when that was asked for."""
    others: int = 0
    """How many groups this one stands for, when it is the rest below the top."""


@dataclass(frozen=True, slots=True)
class Note:
    """One thing to know about a report, and the mark that stands for it in the table."""

    mark: str
    text: str


@dataclass(frozen=True, slots=True)
class ExchangeRates:
    """How much of a currency one USD bought, from which day on; in order of their days."""

    currency: str
    rates: tuple[tuple[date, Decimal], ...]

    @property
    def days(self) -> tuple[date, ...]:
        """The days at which a rate begins to hold."""
        return tuple(day for day, _ in self.rates)

    def convert(self, nanousd_by_epoch: Mapping[int, int]) -> Decimal | None:
        """Convert sums, each by the rate of its epoch; None when an amount lies before the first rate.

        Epoch 0 is before the first rate. Rounded once, to nano-units of the currency.
        """
        exact = Fraction(0)
        for epoch, nanousd in nanousd_by_epoch.items():
            if nanousd and epoch == 0:
                return None
            if nanousd:
                exact += nanousd * Fraction(self.rates[epoch - 1][1])
        return Decimal(round_half_even(exact)) / NANOUSD_PER_USD


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A whole report: the range it covers, its rows, their total and what to know about them."""

    generated_at: datetime
    window: Window
    selection: Selection
    by: tuple[str, ...]
    rows: tuple[ReportRow, ...]
    rest: ReportRow | None
    """All groups below the top as one, when only the top was asked for."""
    totals: Measures
    previous_totals: Measures | None = None
    notes: tuple[Note, ...] = ()
    gaps: tuple[Gap, ...] = ()
    price_version: str | None = None
    currency: str | None = None
    is_charged: bool = False
    """Whether corrections by invoices are part of what is shown."""
