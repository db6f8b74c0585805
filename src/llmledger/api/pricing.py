"""Price a usage from Python, by the price table that the command line uses."""

from collections.abc import Mapping
from datetime import datetime

from llmledger.api.surroundings import price_book, user_paths
from llmledger.core.cost import Cost
from llmledger.core.usage import Usage


def price(
    model: str,
    usage: Usage,
    *,
    at: datetime,
    provider: str | None = None,
    context: Mapping[str, str] | None = None,
) -> Cost:
    """What a usage costs at a time. Total: an unknown model is unpriced with the reason, never an error and never 0.

    `model` is `provider/name`, or a name with `provider` beside it. `at` is when the request started; it must be aware.
    `context` holds selectors as served: `processing="batch"`, `service_tier="flex"`, `speed`, `inference_geo` ...
    Raises ValueError for a naive time.
    """
    if at.tzinfo is None:
        raise ValueError("at must be an aware datetime: a price depends on the moment, and a naive one is ambiguous")
    owner, name = split_model(model, provider)
    return price_book(user_paths()).price(owner, name, usage, at=at, context=context or {})


def split_model(model: str, provider: str | None = None) -> tuple[str, str]:
    """Take `provider/name` apart; with a provider given, the whole of `model` is the name, less that same prefix."""
    head, slash, rest = model.partition("/")
    if provider is None:
        return (head, rest) if slash else ("", model)
    return (provider, rest) if slash and head == provider else (provider, model)
