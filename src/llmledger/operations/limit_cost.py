"""Limit what a prompt may cost: refuse it when it could cost more, or let it answer only as long as the money lasts."""

from dataclasses import replace
from datetime import datetime

from llmledger.core.money import money_text
from llmledger.core.usage import Usage
from llmledger.dialects import load
from llmledger.dialects._contract import Prompt, RequestFacts
from llmledger.errors import AnswerIsNo, UsageError
from llmledger.operations._destination import Destination
from llmledger.operations.charge import Prices
from llmledger.operations.estimate import affordable_output, token_bounds
from llmledger.operations.run_prompt import all_text
from llmledger.tokenizers import estimate_tokens

LONGEST_ANSWER = 4096
"""Where nobody names a limit, the most output tokens that are allowed: every chat model can do as many."""

HINT = "Raise --max-cost, or lower --max-tokens."


def limit_cost(prompt: Prompt, to: Destination, budget_nanousd: int, prices: Prices, *, at: datetime) -> Prompt:
    """The prompt, its output limited so that it cannot cost more than a budget; as it is when the model is free.

    The input counts with the highest count that its estimate allows. Raises AnswerIsNo when the limit that was asked
    for could cost more, or when there is no price; UsageError for attachments, whose tokens nobody knows beforehand.
    """
    facts = _facts(prompt, to)
    _, most = token_bounds(estimate_tokens(all_text(prompt), provider=to.provider.name, model=to.model))

    def cost(output_tokens: int) -> int | None:
        usage = Usage(input_tokens=most, output_tokens=output_tokens)
        return prices.price(to.provider.name, to.model, usage, at=at, context=facts.price_context).nanousd

    if cost(LONGEST_ANSWER) == 0:
        return prompt
    if prompt.attachments:
        raise UsageError("--max-cost cannot be kept with attachments: nobody knows their tokens beforehand")
    if cost(0) is None:
        raise AnswerIsNo(
            f"{to.name} has no price, so nobody can promise that it costs at most {money_text(budget_nanousd)}",
            hint=f"Set one: llmledger pricing set {to.name} --input USD --output USD",
        )
    wanted = prompt.max_output_tokens
    paid = affordable_output(budget_nanousd, cost, at_most=wanted or LONGEST_ANSWER) or 0
    limited = replace(prompt, max_output_tokens=paid)
    # An option such as -o max_tokens=9999 stands in the body as it is, whatever limit is put beside it.
    allowed = _facts(limited, to).max_output_tokens or paid
    if not paid or allowed > paid or (wanted or 0) > paid:
        dearest = cost(max(wanted or 1, allowed))
        raise AnswerIsNo(
            f"this could cost {money_text(dearest)}, more than {money_text(budget_nanousd)}: nothing was sent",
            hint=HINT,
        )
    return limited


def _facts(prompt: Prompt, to: Destination) -> RequestFacts:
    dialect = load(to.dialect)
    built = dialect.build_request(prompt)
    return dialect.read_request(built.body, path=built.path)
