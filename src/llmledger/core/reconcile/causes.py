"""Which causes there are for a difference, and which of them can be told apart at which grain of a statement.

A difference is what was billed less what the ledger has. A cause is claimed only with its evidence; where a statement's grain
leaves the same trace for two causes, the class is `ambiguous (A or B)`. What each grain shows, and what it leaves open:

| cause                   | request            | meter                  | money (no tokens)      | day (one amount)     |
| ----------------------- | ------------------ | ---------------------- | ---------------------- | -------------------- |
| missing in ledger       | id unknown to us   | input and output above | whole model or day     | tokens above         |
| other key or host       | key never matched  | key never matched      | key never matched      | key never matched    |
| missing in statement    | id not billed      | input and output below | whole model or day     | tokens below         |
| price differs           | tokens equal       | tokens equal           | *with missing*         | tokens equal         |
| cached split            | tokens shifted     | tokens shifted         | money shifted exactly  | tokens shifted       |
| cache TTL               | -                  | tokens shifted         | money shifted exactly  | -                    |
| reasoning               | output = reasoning | output = reasoning     | *with price*           | output = reasoning   |
| tier or batch           | *with price*       | two meters, or told    | told by the line       | *with price*         |
| context tier            | large requests     | large requests         | large requests         | large requests       |
| day boundary            | -                  | one shift fits all     | one shift fits all     | one shift fits all   |
| interrupted, estimated  | the row says so    | rows say so, no input  | *with price*           | rows say so          |
| tool fees               | -                  | meter unknown to us    | meter unknown to us    | -                    |
| duplicate import        | -                  | exactly twice          | exactly twice          | exactly twice        |

*with X* means that the two leave the same trace. Where tokens are told, requests that are not billed and tries that are billed
once more are told by the sums of theirs, if one choice of them alone makes the difference (`whole_requests`). Amounts without
tokens that no cause makes exactly may be of several at once: their class is whatever nothing excludes (`money_only`). A day
boundary that too few days show is named beside what is missing on the days that it would have changed. At the grain of a total
(no model, no meter) nothing but taxes, credits, rounding and a day boundary can be shown: the rest stays unexplained. A statement
without keys cannot tell a request that the ledger lost from one that went past it from another host.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum


class Cause(StrEnum):
    """Why a statement and the ledger differ."""

    MATCHED = "matched"
    ROUNDING = "rounding"
    MISSING_IN_LEDGER = "missing in ledger"
    MISSING_IN_STATEMENT = "missing in statement"
    OTHER_KEY = "other key or host"
    PRICE = "price differs"
    CACHED_SPLIT = "cached split"
    CACHE_TTL = "cache TTL"
    REASONING = "reasoning"
    TIER = "tier or batch"
    CONTEXT_TIER = "context tier"
    DAY_BOUNDARY = "day boundary"
    INTERRUPTED = "interrupted or estimated"
    TOOL_FEES = "tool fees"
    CREDITS = "credits, tax, discount"
    DUPLICATE = "duplicate import"
    UNEXPLAINED = "unexplained"


def is_class(name: str, wanted: str) -> bool:
    """Whether a class's name holds the words that someone writes for it.

    >>> is_class("other key or host", "other_key"), is_class("credits, tax, discount", "credits-tax")
    (True, True)
    """
    return _words(wanted) in _words(name)


def _words(text: str) -> str:
    return " ".join("".join(character if character.isalnum() else " " for character in text.casefold()).split())


class Grain(StrEnum):
    """How finely a statement tells its story."""

    REQUEST = "request"
    METER = "meter"
    """Quantity and amount by period, model and meter."""
    MONEY = "money"
    """Amounts by period, model and meter, without quantities."""
    DAY = "day"
    """One amount by period and model."""
    TOTAL = "total"
    """Amounts by period alone."""


SAME_TRACE: Mapping[Grain, tuple[frozenset[Cause], ...]] = {
    Grain.REQUEST: (
        frozenset({Cause.MISSING_IN_LEDGER, Cause.OTHER_KEY, Cause.INTERRUPTED, Cause.REASONING}),
        frozenset({Cause.PRICE, Cause.TIER, Cause.CONTEXT_TIER}),
    ),
    Grain.METER: (
        frozenset(
            {
                *(Cause.MISSING_IN_LEDGER, Cause.OTHER_KEY, Cause.INTERRUPTED, Cause.REASONING),
                Cause.DAY_BOUNDARY,
            }
        ),
        frozenset({Cause.PRICE, Cause.TIER, Cause.CONTEXT_TIER}),
    ),
    Grain.MONEY: (
        frozenset(
            {
                *(Cause.MISSING_IN_LEDGER, Cause.OTHER_KEY, Cause.PRICE, Cause.INTERRUPTED, Cause.REASONING),
                *(Cause.TIER, Cause.CONTEXT_TIER, Cause.CACHED_SPLIT, Cause.CACHE_TTL, Cause.DUPLICATE),
                *(Cause.DAY_BOUNDARY, Cause.MISSING_IN_STATEMENT),
            }
        ),
    ),
    Grain.DAY: (
        frozenset(
            {
                *(Cause.MISSING_IN_LEDGER, Cause.OTHER_KEY, Cause.INTERRUPTED, Cause.REASONING),
                Cause.DAY_BOUNDARY,
            }
        ),
        frozenset({Cause.PRICE, Cause.TIER, Cause.CONTEXT_TIER, Cause.CACHE_TTL}),
    ),
    Grain.TOTAL: (),
}
"""Causes that leave the same trace at a grain. A finding names those of its group that its evidence does not exclude."""


def told_apart(grain: Grain, cause: Cause, excluded: Iterable[Cause] = ()) -> tuple[Cause, ...]:
    """The cause with those that leave its trace at this grain, less the ones that other evidence excludes.

    >>> [str(cause) for cause in told_apart(Grain.METER, Cause.PRICE)]
    ['price differs', 'tier or batch', 'context tier']
    """
    gone = frozenset(excluded)
    same = {other for group in SAME_TRACE[grain] if cause in group for other in group}
    return tuple(one for one in Cause if one is cause or (one in same and one not in gone))


def class_name(causes: tuple[Cause, ...]) -> str:
    """The class as people see it: one cause, or `ambiguous (A or B)`."""
    return str(causes[0]) if len(causes) == 1 else f"ambiguous ({' or '.join(causes)})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One part of the difference, with its class and its evidence. Amounts are USD, exact."""

    causes: tuple[Cause, ...]
    amount: Decimal
    """What it contributes to billed less ledger."""
    billed: Decimal = Decimal(0)
    ledger: Decimal = Decimal(0)
    since: datetime
    until: datetime
    provider: str = ""
    model: str = ""
    meter: str | None = None
    key: str | None = None
    quantity: Decimal | None = None
    """Billed less ledger, in the meter's unit."""
    requests: int = 0
    lines: tuple[int, ...] = ()
    """Some of the statement's lines."""
    line_count: int = 0
    request_ids: tuple[str, ...] = ()
    """Some of the ledger's requests."""
    implied: Decimal | None = None
    """USD per million of the meter, as the statement has it."""
    expected: Decimal | None = None
    """USD per million of the meter, as our table has it."""
    evidence: str = ""

    @property
    def class_name(self) -> str:
        """The class as people see it."""
        return class_name(self.causes)
