"""Who bills for a model, when a log names the model alone.

Tools that speak to one API at a time write down the name which that API uses. The names below are given out by their
makers' own APIs and by nobody else's, so they tell who bills; what is not among them stays `unknown` and unpriced.
"""

UNKNOWN = "unknown"

_PREFIXES: tuple[tuple[str, str], ...] = (
    ("claude", "anthropic"),
    ("gpt-", "openai"),
    ("chatgpt-", "openai"),
    ("codex-", "openai"),
    ("o1", "openai"),
    ("o3", "openai"),
    ("o4", "openai"),
    ("text-embedding-", "openai"),
    ("gemini-", "gemini"),
    ("deepseek-", "deepseek"),
    ("grok-", "xai"),
    ("mistral-", "mistral"),
    ("codestral-", "mistral"),
    ("magistral-", "mistral"),
    ("devstral-", "mistral"),
)

_NAMES = {
    "anthropic": "anthropic",
    "openai": "openai",
    "google": "gemini",
    "gemini": "gemini",
    "deepseek": "deepseek",
    "openrouter": "openrouter",
    "cerebras": "cerebras",
    "groq": "groq",
    "mistral": "mistral",
    "mistralai": "mistral",
    "xai": "xai",
    "x-ai": "xai",
    "ollama": "ollama",
    "ollama_chat": "ollama",
    "llamacpp": "llamacpp",
    "llama.cpp": "llamacpp",
    "vllm": "vllm",
    "hosted_vllm": "vllm",
    "lmstudio": "lmstudio",
    "lm_studio": "lmstudio",
}
"""What other tools call a provider, and what we call it."""

LOCAL = frozenset({"ollama", "llamacpp", "vllm", "lmstudio", "local"})


def provider_of(model: str) -> str:
    """Who bills for a model of this name; `unknown` when the name does not say."""
    for prefix, provider in _PREFIXES:
        if model.startswith(prefix):
            return provider
    return UNKNOWN


def known_as(name: str) -> str:
    """Our name of a provider that another tool names; its own word when we know none."""
    lowered = name.lower()
    return _NAMES.get(lowered, lowered or UNKNOWN)


def split(model: str) -> tuple[str, str]:
    """Take `provider/model` apart when the first part is a provider, else ask the name itself."""
    head, slash, tail = model.partition("/")
    if slash and head.lower() in _NAMES:
        return _NAMES[head.lower()], tail
    return provider_of(model), model
