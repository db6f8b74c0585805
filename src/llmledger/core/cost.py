"""What a request cost: an outcome, integer nano-USD, and the components that add up to it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from llmledger.core.money import usd_from_nanousd
from llmledger.core.usage import UNIT_BY_CODE, UNIT_BY_NAME, Quantity
from llmledger.core.words import Outcome


@dataclass(frozen=True, slots=True)
class Component:
    """One line of a cost: so many of a unit for so many nano-USD."""

    unit: str
    quantity: Quantity
    nanousd: int


@dataclass(frozen=True, slots=True)
class Cost:
    """What a usage costs by one rate. `nanousd` is None when unpriced, else the sum of its components."""

    outcome: Outcome
    nanousd: int | None
    components: tuple[Component, ...] = ()
    unpriced_units: tuple[str, ...] = ()
    rate_id: str | None = None
    """Names the rate for people: `anthropic/claude-sonnet-4-5@2025-09-29#batch`."""
    price_version: str | None = None
    rate: Mapping[str, object] | None = field(default=None, compare=False)
    """The rate verbatim (plain JSON values, prices as decimal strings), so that a ledger can keep it."""
    reason: str | None = None
    """Why it is unpriced or partial, or which rules applied; one sentence for people."""
    is_default: bool = False
    """Whether an opt-in default price stood in for a missing one."""

    @property
    def usd(self) -> Decimal | None:
        """The cost in USD, exact."""
        return None if self.nanousd is None else usd_from_nanousd(self.nanousd)


def components_json(components: tuple[Component, ...]) -> dict[str, list[int | str]]:
    """Components as they are stored: unit code to [quantity, nano-USD]; a Decimal quantity is written as text."""
    return {
        UNIT_BY_NAME[part.unit].code: [
            part.quantity if isinstance(part.quantity, int) else str(part.quantity),
            part.nanousd,
        ]
        for part in components
    }


def components_from_json(stored: Mapping[str, list[int | str]]) -> tuple[Component, ...]:
    """Read components back from their stored form."""
    return tuple(
        Component(UNIT_BY_CODE[code].name, quantity if isinstance(quantity, int) else Decimal(quantity), int(nanousd))
        for code, (quantity, nanousd) in stored.items()
    )
