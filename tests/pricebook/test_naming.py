"""Names as people write them, over the packaged table."""

import pytest

from llmledger.errors import UsageError
from llmledger.pricebook import PriceBook, load
from llmledger.pricebook.naming import near_models, split_model


@pytest.fixture(scope="module")
def book() -> PriceBook:
    """The packaged table."""
    return load([])


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("anthropic/claude-sonnet-4-5", ("anthropic", "claude-sonnet-4-5")),
        ("openrouter/openai/gpt-4o-mini", ("openrouter", "openai/gpt-4o-mini")),
        ("google/gemini-2.5-pro", ("gemini", "gemini-2.5-pro")),
        ("together_ai/Qwen/Qwen2.5-7B-Instruct-Turbo", ("together", "Qwen/Qwen2.5-7B-Instruct-Turbo")),
        ("claude-sonnet-4-5", ("anthropic", "claude-sonnet-4-5")),
        ("gpt-4o-mini", ("openai", "gpt-4o-mini")),
        ("local/smollm2", ("local", "smollm2")),
    ],
)
def test_a_name_says_who_bills(book: PriceBook, text: str, found: tuple[str, str]) -> None:
    """By the part before the slash, else by its maker."""
    assert split_model(book, text) == found


def test_the_provider_can_be_given_apart(book: PriceBook) -> None:
    """As the Python API takes it."""
    assert split_model(book, "gpt-4o", provider="azure") == ("azure", "gpt-4o")
    with pytest.raises(UsageError) as caught:
        split_model(book, "gpt-4o", provider="opanai")
    assert caught.value.hint == "Did you mean openai?"
    with pytest.raises(UsageError) as caught:
        split_model(book, "gpt-4o", provider="zzzzzz")
    assert caught.value.hint == "See: llmledger pricing list"


@pytest.mark.parametrize(
    ("text", "hint"), [("claude-sonet-4-5", "anthropic/claude-sonnet-4-5"), ("qqqqqqq", "pricing list --search")]
)
def test_an_unknown_name_is_asked_about(book: PriceBook, text: str, hint: str) -> None:
    """Did you mean; never taken for the nearest."""
    with pytest.raises(UsageError) as caught:
        split_model(book, text)

    assert caught.value.hint is not None
    assert hint in caught.value.hint


def test_a_name_that_several_sell_must_say_which(book: PriceBook) -> None:
    """No maker among them: nobody is chosen."""
    with pytest.raises(UsageError, match="is sold by") as caught:
        split_model(book, "deepseek-v4.1-flash")

    assert caught.value.hint is not None
    assert caught.value.hint.startswith("Name one: ")


def test_near_models_are_for_asking(book: PriceBook) -> None:
    """At most three, of the same provider."""
    assert "openai/gpt-4o-mini" in near_models(book, "openai", "gpt-4o-mimi")
    assert near_models(book, "openai", "§") == []
