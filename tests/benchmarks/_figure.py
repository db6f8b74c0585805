"""One measured figure and what it is compared with."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """A value with its unit, beside a reference of the same run and the budget in words."""

    what: str
    value: float
    unit: str
    reference: float = 0.0
    reference_name: str = ""
    budget: str = ""
