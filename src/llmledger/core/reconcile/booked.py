"""A ledger row as reconciling sees it: disjoint quantities and exact money by meter, at one grain with a statement's lines."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple, Protocol, TypeAlias

from llmledger.core.statement import NO_CONTEXT
from llmledger.core.usage import UNIT_BY_CODE, UNIT_BY_NAME, Quantity

ZERO = Decimal(0)
NANO = Decimal("1e-9")
QUARTER_MS = 900_000
"""Every zone on earth is whole quarters of an hour from UTC."""

CORE_METERS = frozenset(
    {
        "input_tokens",
        "cache_read_tokens",
        "cache_write_tokens",
        "cache_write_1h_tokens",
        "output_tokens",
    }
)
"""Meters that count for themselves on every bill; parts of theirs do only where the statement bills them apart."""


TOKENS = frozenset(name for name in UNIT_BY_NAME if name.endswith("_tokens"))
"""The meters that count tokens."""


def tokens(told: Mapping[str, Quantity]) -> int:
    """All tokens of disjoint quantities."""
    count = 0
    for meter, quantity in told.items():
        if meter in TOKENS:
            count += int(quantity)
    return count


class Booked(NamedTuple):
    """One request of the ledger with its corrections applied, one correction that stands alone, or a sum of requests."""

    row: int
    """Position in its ledger; together with `ledger` it names the row."""
    ledger: int
    request_id: bytes | None
    provider_request_id: str | None
    started_ms: int
    provider: str
    model: str
    served_model: str | None
    key: str | None
    status: str
    quality: str
    cost_nanousd: int | None
    usage: Mapping[str, Quantity]
    """Inclusive, as stored; only what was told."""
    components: Mapping[str, tuple[Quantity, int]]
    """By unit code, as stored."""
    requests: int = 1
    attempts: int = 1
    context: Mapping[str, str] = NO_CONTEXT

    @property
    def is_uncertain(self) -> bool:
        """Whether what was billed for it is not exactly known: broken off, estimated, or tried more than once."""
        return self.is_estimated or self.attempts > 1

    @property
    def is_estimated(self) -> bool:
        """Whether its own usage is not exactly known."""
        return self.quality != "exact" or self.status != "completed"

    @property
    def cost(self) -> Decimal:
        """USD, 0 when unpriced."""
        return (self.cost_nanousd or 0) * NANO

    @property
    def input_size(self) -> int:
        """All input tokens of the request, of a sum those of one on average: what context tiers look at."""
        return int(self.usage.get("input_tokens", 0)) // max(self.requests, 1)


def together(*rows: Booked) -> Booked:
    """Rows as one with their sums; as sure as the least sure of them."""
    usage: dict[str, Quantity] = {}
    for row in rows:
        for name, quantity in row.usage.items():
            usage[name] = usage.get(name, 0) + quantity
    unsure = next((row for row in rows if row.is_estimated), rows[0])
    return unsure._replace(
        usage=usage,
        components={},
        requests=sum(row.requests for row in rows),
        cost_nanousd=sum(row.cost_nanousd or 0 for row in rows),
    )


Skip = Callable[[int, int], bool]


def never(_ledger: int, _row: int) -> bool:
    """Skip nothing."""
    return False


Wanted: TypeAlias = tuple[str, int, int]
"""An id of the provider, and between which Unix milliseconds its request should lie."""


class LedgerSource(Protocol):
    """Where rows come from; one or several ledgers read as one."""

    @property
    def pruned_before_ms(self) -> int:
        """Before when requests were pruned, in Unix milliseconds; 0 when none were."""

    @property
    def months_before_ms(self) -> int:
        """Before when only sums of whole months are left, in Unix milliseconds; 0 when days are everywhere."""

    def rows(self, since_ms: int, until_ms: int, providers: frozenset[str], skip: Skip = never) -> Iterable[Booked]:
        """Every billable request of some providers that started in a range, in order of time; each id once.

        Those that `skip` (asked with ledger and row) names are passed over before they are read in full.
        """

    def sums(self, since_ms: int, until_ms: int, providers: frozenset[str]) -> Iterable[Booked]:
        """The same requests, those of one model within a quarter of an hour (of UTC) as one or as several; in any order.

        Of pruned ones the sums that are left, without what their money is made of; those of a month only when it lies within.
        """

    def find(self, wanted: Sequence[Wanted]) -> Mapping[str, Booked]:
        """The requests with these ids of the provider that began on one of the wanted days, the one before or after."""


UnitPrice = Callable[[str, str, str, int, Mapping[str, str]], Decimal | None]
"""(provider, model, meter, Unix ms, context) to USD per unit by our price table; None when it has no price."""


def meter_of(unit: str, meters: frozenset[str]) -> str:
    """The meter that a unit counts in: itself, its nearest counted ancestor, or itself when it has none."""
    at: str | None = unit
    while at is not None and at not in meters:
        at = UNIT_BY_NAME[at].parent
    return at or unit


def quantities(row: Booked, meters: frozenset[str]) -> dict[str, Quantity]:
    """Disjoint quantities of a row by meter: every unit less the counted parts inside it."""
    counted = {name: quantity for name, quantity in row.usage.items() if quantity and meter_of(name, meters) == name}
    rest = dict(counted)
    for name, quantity in counted.items():
        parent = UNIT_BY_NAME[name].parent
        whole = meter_of(parent, meters) if parent else None
        if whole in rest:
            rest[whole] -= quantity
    return {name: quantity for name, quantity in rest.items() if quantity}


def money(row: Booked, meters: frozenset[str]) -> dict[str, Decimal]:
    """Exact USD of a row by meter; the whole under "" when the row does not say what its cost is made of."""
    found: dict[str, Decimal] = {}
    for code, (_, nanousd) in row.components.items():
        meter = meter_of(UNIT_BY_CODE[code].name, meters)
        found[meter] = found.get(meter, ZERO) + nanousd * NANO
    rest = row.cost - sum(found.values(), ZERO)
    if rest:
        found[""] = rest
    return found
