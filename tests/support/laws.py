"""How many examples prove a law: some dozens in the gate of every change, ten times as many under `thorough`."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import settings


def law(examples: int) -> Callable[[Any], Any]:
    """A law whose examples cost seconds: `pytest -m law --hypothesis-profile=thorough` tries ten times as many."""
    return lambda test: pytest.mark.law(settings(max_examples=examples_now(examples))(test))


def examples_now(examples: int) -> int:
    """So many, or ten times as many."""
    return examples * (10 if settings.get_current_profile_name() == "thorough" else 1)
