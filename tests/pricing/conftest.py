"""The packaged price table, opened once."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from llmledger.core.cost import Cost
from llmledger.core.usage import Usage
from llmledger.pricebook import PriceBook, load

SATURDAY = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.fixture(scope="session")
def table() -> PriceBook:
    """The packaged price table, and nothing of the user's."""
    return load([])


@pytest.fixture(scope="session")
def cost_of(table: PriceBook) -> Callable[..., Cost]:
    """Price a usage of `provider/model` on 2026-11-21 at noon UTC, unless told otherwise."""

    def price(name: str, *, at: datetime = SATURDAY, context: dict[str, str] | None = None, **usage: int) -> Cost:
        provider, _, model = name.partition("/")
        return table.price(provider, model, Usage(**usage), at=at, context=context or {})

    return price
