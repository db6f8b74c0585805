"""A statement: what a provider says that it billed, as lines with exact decimal money and disjoint quantities.

Readers under `statements` make these values, `core.reconcile` compares them with the ledger. Money stays decimal text turned
`Decimal`; nothing here is rounded. Times are aware and half-open; quantities are *disjoint* (the `input_tokens` of a line are
those that were neither read from nor written to a cache), unlike a `Usage`, which is inclusive.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Context, Decimal
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple

from llmledger.core.usage import Quantity

NOTHING_TOLD: Mapping[str, Quantity] = MappingProxyType({})
NO_CONTEXT: Mapping[str, str] = MappingProxyType({})

EXACT = Context(prec=400)
"""Arithmetic on billed money.

Sums and products of what a bill can hold are exact in it (the default keeps 28 digits).
"""


class LineKind(StrEnum):
    """What a line of a statement is about."""

    USAGE = "usage"
    """Something consumed: tokens, searches, seconds, or a whole request."""
    CREDIT = "credit"
    TAX = "tax"
    DISCOUNT = "discount"
    FEE = "fee"
    """A charge that no request causes: a purchase, a minimum, a subscription."""
    ROUNDING = "rounding"
    """A row in which the provider itself settles its rounding."""
    UNKNOWN = "unknown"
    """A kind that we have never seen; reported, never guessed."""


class StatementLine(NamedTuple):
    """One billed line, as exactly as the statement tells it.

    A named tuple, since a statement may have millions: it is as unchangeable as a frozen dataclass and made in a third of the time.
    """

    number: int
    """Line of the file, or position in its JSON, counted from 1."""
    since: datetime
    until: datetime
    """Exclusive; equal to `since` for a line about a single request."""
    provider: str
    model: str = ""
    """As the statement names it: an id, a dated snapshot or a display name; empty when it names none."""
    meter: str | None = None
    """The unit that the whole line is about; None when it covers several or none."""
    quantities: Mapping[str, Quantity] = NOTHING_TOLD
    """Disjoint quantities by unit name."""
    requests: int | None = None
    amount: Decimal | None = None
    """What was billed, in `currency`; None when the statement states no money."""
    list_amount: Decimal | None = None
    """Before discounts, where the statement tells."""
    currency: str = "USD"
    kind: LineKind = LineKind.USAGE
    label: str = ""
    """The statement's own word for the kind of charge."""
    request_id: str | None = None
    key: str | None = None
    """The provider's id, name or mask of the API key; never the key."""
    project: str | None = None
    context: Mapping[str, str] = NO_CONTEXT
    """Price selectors that the line states: `processing`, `service_tier`, `inference_geo`, `speed`, `context_window`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """What is known about a kind of statement before one is read."""

    provider: str | None = None
    """Who issues it; None when each line tells."""
    rounded_to: Decimal | None = None
    """The step to which every row is rounded, if it is."""
    late_days: int = 2
    """For how many days behind the newest an export is still filled in."""
    observer: bool = False
    """Whether it is another ledger's estimate instead of a bill."""
    splits_cache: bool = True
    """Whether cached input is told apart from other input; if not, all input stands under `input_tokens`."""
    zone: str = "UTC"
    """The zone in which its days are days."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """A statement file that was recognised, before its lines are read."""

    name: str
    """The file's own name, without its folder."""
    sha256: str
    format_name: str
    format: Format
