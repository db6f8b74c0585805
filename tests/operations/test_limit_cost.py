"""A budget for one prompt: what could cost more is not sent."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmledger.core.cost import Cost
from llmledger.core.usage import Usage
from llmledger.core.words import Outcome
from llmledger.dialects._contract import Attachment, Prompt
from llmledger.errors import AnswerIsNo, UsageError
from llmledger.operations._destination import Destination
from llmledger.operations.estimate import affordable_output, token_bounds
from llmledger.operations.limit_cost import LONGEST_ANSWER, limit_cost
from llmledger.pricebook.provider import Provider
from llmledger.tokenizers import estimate_tokens

NOW = datetime(2026, 11, 21, tzinfo=UTC)
PROMPT = Prompt(model="some-model", text="Tell me about Paris.")
INPUT_HIGH = token_bounds(estimate_tokens(PROMPT.text, provider="some", model="some-model"))[1]
TO = Destination(
    provider=Provider(name="some", title="Some"), model="some-model", dialect="openai_chat", base_url="http://x"
)


class FixedPrices:
    """So many nano-USD for a token in and a token out; None is unpriced."""

    version = "test"

    def __init__(self, per_input: int | None, per_output: int | None) -> None:
        self._per = (per_input, per_output)

    def price(
        self, provider: str, model: str, usage: Usage, *, at: datetime, context: Mapping[str, str] | None = None
    ) -> Cost:
        per_input, per_output = self._per
        if per_input is None or per_output is None:
            return Cost(Outcome.UNPRICED, None)
        return Cost(Outcome.PRICED, per_input * (usage.input_tokens or 0) + per_output * (usage.output_tokens or 0))


def test_a_free_model_needs_no_limit() -> None:
    """Nothing can cost more than nothing."""
    assert limit_cost(PROMPT, TO, 0, FixedPrices(0, 0), at=NOW) == PROMPT


def test_an_unpriced_model_cannot_be_promised() -> None:
    """Unknown is not zero."""
    with pytest.raises(AnswerIsNo, match="some/some-model has no price"):
        limit_cost(PROMPT, TO, 10**9, FixedPrices(None, None), at=NOW)


def test_the_money_that_is_left_limits_the_answer() -> None:
    """Budget 10,000: the input takes INPUT_HIGH x 10, each token of output 100."""
    limited = limit_cost(PROMPT, TO, 10_000, FixedPrices(10, 100), at=NOW)

    assert limited.max_output_tokens == (10_000 - INPUT_HIGH * 10) // 100


def test_a_large_budget_allows_what_every_model_can_do() -> None:
    """And what was asked for is kept when it is paid."""
    assert limit_cost(PROMPT, TO, 10**12, FixedPrices(10, 100), at=NOW).max_output_tokens == LONGEST_ANSWER
    asked = replace(PROMPT, max_output_tokens=9000)
    assert limit_cost(asked, TO, 10**12, FixedPrices(10, 100), at=NOW).max_output_tokens == 9000


def test_a_limit_that_could_cost_more_is_refused() -> None:
    """Also one that an option puts into the body past us, and an input that is too dear alone."""
    for prompt in (replace(PROMPT, max_output_tokens=1000), replace(PROMPT, options={"max_completion_tokens": 1000})):
        with pytest.raises(AnswerIsNo, match=r"this could cost .*, more than \$0\.00001"):
            limit_cost(prompt, TO, 10_000, FixedPrices(10, 100), at=NOW)
    with pytest.raises(AnswerIsNo):
        limit_cost(PROMPT, TO, 1, FixedPrices(10, 100), at=NOW)


def test_attachments_cannot_be_bounded() -> None:
    """Their tokens are known afterwards."""
    prompt = replace(PROMPT, attachments=(Attachment(media_type="image/png", content=b"x"),))
    with pytest.raises(UsageError, match="attachments"):
        limit_cost(prompt, TO, 10**9, FixedPrices(10, 100), at=NOW)


@given(st.integers(0, 10**6), st.integers(0, 1000), st.integers(0, 1000), st.integers(0, 5000))
def test_what_is_allowed_is_paid_and_one_more_is_not(budget: int, base: int, each: int, at_most: int) -> None:
    """The greatest number of tokens that a budget pays for."""

    def cost(tokens: int) -> int:
        return base + each * tokens

    found = affordable_output(budget, cost, at_most=at_most)

    if found is None:
        assert base > budget
    else:
        assert cost(found) <= budget
        assert found == at_most or cost(found + 1) > budget
