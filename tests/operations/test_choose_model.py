"""Which model a prompt goes to when nobody, or somebody, says so."""

from datetime import UTC, datetime

import pytest

from llmledger.errors import UsageError
from llmledger.operations.backends import Backend
from llmledger.operations.choose_model import Choice, ModelName, Wishes, choose_model, read_name
from llmledger.pricebook import PriceBook, load, packaged_folder

NOW = datetime(2026, 11, 21, tzinfo=UTC)


@pytest.fixture(scope="module")
def book() -> PriceBook:
    """The packaged price table."""
    return load([packaged_folder()])


def ollama(book: PriceBook, *models: str, loaded: tuple[str, ...] = ()) -> Backend:
    """A running Ollama with these models, the newest first."""
    provider = book.provider("ollama")
    assert provider is not None
    return Backend(provider=provider, base_url="http://127.0.0.1:1", answers=True, models=models, loaded=loaded)


def test_the_strongest_wish_wins(book: PriceBook) -> None:
    """Flag, conversation, variable, settings; only the flag needs no word about it."""
    wishes = {"flag": "openai/a", "earlier": "openai/b", "variable": "openai/c", "configured": "openai/d"}
    chosen = []
    for name in list(wishes):
        chosen.append(choose_model(Wishes(**wishes), book, ollama=lambda: None, embedded=lambda: ["x"]))
        del wishes[name]

    assert [str(choice.name) for choice in chosen] == ["openai/a", "openai/b", "openai/c", "openai/d"]
    assert [choice.reason for choice in chosen] == [
        None,
        "as in the conversation so far",
        "from LLMLEDGER_MODEL",
        "from the config",
    ]


def test_a_running_ollama_comes_before_the_embedded_model(book: PriceBook) -> None:
    """The loaded model, else the newest; embedding models answer no prompts, and those in the cloud are paid for."""
    found = ollama(book, "nomic-embed-text", "new:1b", loaded=("all-bert", "gpt-oss:120b-cloud", "old:1b"))
    assert choose_model(Wishes(), book, ollama=lambda: found, embedded=lambda: ["x"]) == Choice(
        ModelName("ollama", "old:1b"), "loaded in Ollama"
    )
    found = ollama(book, "kimi-k2:cloud", "nomic-embed-text", "new:1b")
    assert choose_model(Wishes(), book, ollama=lambda: found, embedded=lambda: ["x"]) == Choice(
        ModelName("ollama", "new:1b"), "the newest in Ollama"
    )
    assert choose_model(Wishes(), book, ollama=lambda: ollama(book), embedded=lambda: ["x"]) == Choice(
        ModelName("local", "x"), "the embedded model"
    )


def test_without_any_model_the_ways_on_are_listed(book: PriceBook) -> None:
    """A paid model is never chosen by itself."""
    with pytest.raises(UsageError) as caught:
        choose_model(Wishes(), book, ollama=lambda: None, embedded=list)
    assert "local/smollm2" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("text", "provider", "model"),
    [
        ("openai/gpt-5", "openai", "gpt-5"),
        ("openrouter/openai/gpt-4o-mini", "openrouter", "openai/gpt-4o-mini"),
        ("./models/tiny.gguf", "local", "./models/tiny.gguf"),
        ("local/tiny.gguf", "local", "tiny.gguf"),
        ("gpt-5-mini", "openai", "gpt-5-mini"),
        ("deepseek-chat", "deepseek", "deepseek-chat"),
        (" openai/gpt-5 ", "openai", "gpt-5"),
    ],
)
def test_a_name_means_a_provider_and_a_model(book: PriceBook, text: str, provider: str, model: str) -> None:
    """A bare name counts when one of the best known providers has exactly this model."""
    assert read_name(text, book) == ModelName(provider, model)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("opnai/gpt-5", "Did you mean openai/gpt-5?"),
        ("gpt-5-mimi", "Did you mean openai/gpt-5-mini"),
        ("completely-else", "Write it as provider/model"),
    ],
)
def test_a_name_that_means_nothing_gets_the_nearest(book: PriceBook, text: str, hint: str) -> None:
    """Never a model that merely resembles it."""
    with pytest.raises(UsageError) as caught:
        read_name(text, book)
    assert hint in str(caught.value.hint)


def test_a_model_of_several_providers_is_not_guessed(book: PriceBook) -> None:
    """They are listed instead."""
    with pytest.raises(UsageError, match="several providers have a model 'claude-haiku-4-5'") as caught:
        read_name("claude-haiku-4-5", book)
    assert str(caught.value.hint).startswith("Say which one: anthropic/claude-haiku-4-5, gemini/claude-haiku-4-5")
