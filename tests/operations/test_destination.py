"""Where a built request goes, at every provider that `run` can use."""

from dataclasses import replace

import pytest

from llmledger.dialects import load as load_dialect
from llmledger.dialects._contract import Prompt
from llmledger.operations._destination import Destination, key_hint, request_url
from llmledger.pricebook import load, packaged_folder
from llmledger.pricebook.provider import Provider

BOOK = load([packaged_folder()])


@pytest.mark.parametrize(
    ("provider", "dialect", "stream", "expected"),
    [
        ("openai", "openai_chat", True, "https://api.openai.com/v1/chat/completions"),
        ("openai", "openai_responses", True, "https://api.openai.com/v1/responses"),
        ("anthropic", "anthropic_messages", True, "https://api.anthropic.com/v1/messages"),
        ("deepseek", "openai_chat", True, "https://api.deepseek.com/v1/chat/completions"),
        ("deepseek", "anthropic_messages", True, "https://api.deepseek.com/anthropic/v1/messages"),
        ("groq", "openai_chat", True, "https://api.groq.com/openai/v1/chat/completions"),
        ("openrouter", "openai_chat", True, "https://openrouter.ai/api/v1/chat/completions"),
        ("ollama", "ollama", True, "http://127.0.0.1:11434/api/chat"),
        ("ollama", "openai_chat", True, "http://127.0.0.1:11434/v1/chat/completions"),
        (
            "gemini",
            "gemini",
            True,
            "https://generativelanguage.googleapis.com/v1beta/models/m:streamGenerateContent?alt=sse",
        ),
        ("gemini", "gemini", False, "https://generativelanguage.googleapis.com/v1beta/models/m:generateContent"),
        ("gemini", "openai_chat", True, "https://generativelanguage.googleapis.com/v1beta/openai/chat/completions"),
        ("llamacpp", "anthropic_messages", True, "http://127.0.0.1:8080/v1/messages"),
    ],
)
def test_a_request_goes_to_the_providers_own_path(provider: str, dialect: str, stream: bool, expected: str) -> None:
    """The path of the price file, not the usual one of the wire format. Sources: the providers' API references."""
    found = BOOK.provider(provider)
    assert found is not None
    assert found.base_url is not None
    built = load_dialect(dialect).build_request(Prompt(model="m", text="hi", stream=stream))
    to = Destination(provider=found, model="m", dialect=dialect, base_url=found.base_url)

    assert request_url(to, built) == expected


def test_a_provider_without_paths_gets_the_usual_one() -> None:
    """As with --base-url and --dialect."""
    built = load_dialect("openai_chat").build_request(Prompt(model="m", text="hi"))
    to = Destination(
        provider=Provider(name="own", title="Own"), model="m", dialect="openai_chat", base_url="http://x/y/"
    )

    assert request_url(to, built) == "http://x/y/v1/chat/completions"
    assert to.name == "own/m"
    assert request_url(replace(to, base_url="http://x/v1"), built) == "http://x/v1/chat/completions"


def test_how_a_key_is_given_is_said_with_the_usual_variable() -> None:
    """Without one, only the keys file is left."""
    assert key_hint(Provider(name="own", title="Own")) == "Store it: llmledger config set-key own"
    assert key_hint(Provider(name="own", title="Own", key_variables=("OWN_KEY", "OTHER"))) == (
        "Set OWN_KEY, or store it: llmledger config set-key own"
    )
