"""What older issues of a list had: prices that changed between two issues become dated periods."""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from pricing._generate.litellm_list import LitellmModel

FIRST_HAND = frozenset(
    {
        "amazon_nova",
        "anthropic",
        "azure",
        "azure_ai",
        "bedrock",
        "bedrock_mantle",
        "gemini",
        "mistral",
        "openai",
        "watsonx",
    }
    | {"vertex_ai", "xai"}
)
"""Vendors with one price for everybody: where two issues of the list differ, the list was corrected, not the price.
At resellers of open models prices do move."""

NEWS = Decimal("0.01")
"""A change by less than this part is a rounding."""
SLIP = 5
"""A change by more than this factor is a correction of a slip."""


@dataclass(frozen=True, slots=True)
class Issue:
    """One issue of the broad list: the day by which it was out, and one provider's models in it by key."""

    day: date
    version: str
    models: Mapping[str, LitellmModel]


def with_past(one: LitellmModel, periods: list[dict[str, Any]], issues: Sequence[Issue]) -> list[dict[str, Any]]:
    """The periods of a model with those before it: each change is dated by the issue in which it was first seen."""
    if len(periods) != 1 or one.provider in FIRST_HAND:
        return periods
    found = periods
    for issue, before in zip(reversed(issues), reversed(issues[:-1]), strict=False):
        old = before.models.get(one.key)
        if old is None or not old.table or old.table.get("free"):
            break
        if _moved(old.table, found[0]):
            found[0] = {"from": issue.day, "observed": True, **found[0]}
            past = deepcopy(old.table)
            evidence = {key: found[0][key] for key in ("checked", "evidence")}
            source = f"{before.version}, which read {old.url}" if old.url else before.version
            found.insert(0, {"until": issue.day, **past, "source": source, **evidence})
    return found


def _moved(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    pairs = [(old.get(key), new.get(key)) for key in ("input", "output")]
    if not all(before and after for before, after in pairs):
        return False
    factors = [after / before for before, after in pairs]
    return any(abs(one - 1) > NEWS for one in factors) and all(1 <= one * SLIP <= SLIP**2 for one in factors)
