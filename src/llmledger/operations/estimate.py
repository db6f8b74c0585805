"""Estimate what a prompt would cost on several models, side by side, without asking anybody."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from math import ceil, floor

from llmledger.core.cost import Cost
from llmledger.core.usage import Usage
from llmledger.core.words import Outcome
from llmledger.operations.charge import Prices
from llmledger.operations.choose_model import ModelName
from llmledger.tokenizers import TokenEstimate, estimate_tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A prompt whose cost is asked for."""

    text: str
    max_output_tokens: int
    at: datetime
    context: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelEstimate:
    """What a prompt would be on one model: tokens with their error, and the cost from low to high."""

    name: ModelName
    tokens: TokenEstimate
    input_low: int
    input_high: int
    max_output_tokens: int
    outcome: Outcome
    low_nanousd: int | None
    """The fewest tokens in, and no answer; None when unpriced."""
    high_nanousd: int | None
    """The most tokens in, and all the output that is allowed."""
    rate_id: str | None = None
    reason: str | None = None


def estimate_prompt(question: Question, models: Sequence[ModelName], prices: Prices) -> tuple[ModelEstimate, ...]:
    """Estimate a prompt on each model, in the order given; never raises for a model without a price."""
    return tuple(_estimate(question, name, prices) for name in models)


def _estimate(question: Question, name: ModelName, prices: Prices) -> ModelEstimate:
    tokens = estimate_tokens(question.text, provider=name.provider, model=name.model)
    low, high = token_bounds(tokens)
    cost_of = _coster(question, name, prices)
    cheapest, dearest = cost_of(low, 0), cost_of(high, question.max_output_tokens)
    return ModelEstimate(
        name=name,
        tokens=tokens,
        input_low=low,
        input_high=high,
        max_output_tokens=question.max_output_tokens,
        outcome=dearest.outcome,
        low_nanousd=cheapest.nanousd,
        high_nanousd=dearest.nanousd,
        rate_id=dearest.rate_id,
        reason=dearest.reason,
    )


def token_bounds(tokens: TokenEstimate) -> tuple[int, int]:
    """The fewest and the most tokens that an estimate stands for."""
    return floor(tokens.tokens * (1 - tokens.error_fraction)), ceil(tokens.tokens * (1 + tokens.error_fraction))


def affordable_output(budget_nanousd: int, cost_nanousd: Callable[[int], int | None], *, at_most: int) -> int | None:
    """The most output tokens that a budget pays for, up to a limit; None when the input is unpriced or too dear alone.

    `cost_nanousd` gives the cost of the whole request for so many output tokens; more tokens never cost less.
    """
    alone = cost_nanousd(0)
    if alone is None or alone > budget_nanousd:
        return None
    low, high = 0, at_most
    while low < high:
        middle = (low + high + 1) // 2
        cost = cost_nanousd(middle)
        if cost is not None and cost <= budget_nanousd:
            low = middle
        else:
            high = middle - 1
    return low


def _coster(question: Question, name: ModelName, prices: Prices) -> Callable[[int, int], Cost]:
    def cost_of(input_tokens: int, output_tokens: int) -> Cost:
        usage = Usage(input_tokens=input_tokens, output_tokens=output_tokens)
        return prices.price(name.provider, name.model, usage, at=question.at, context=question.context)

    return cost_of
