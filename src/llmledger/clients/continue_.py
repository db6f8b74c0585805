"""Continue: `apiBase` of each model in `~/.continue/config.yaml`.

By https://docs.continue.dev/reference and https://docs.continue.dev/customize/model-providers/top-level/openai. Only models
of a provider that is known here and that have no other address are changed; models that come from the hub (`uses:`) are
configured there.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from llmledger.clients import _yaml_lines
from llmledger.clients._contract import Client, Machine, Proxy, Setting, inner
from llmledger.errors import CannotConnect

SUMMARY = "Continue (config.yaml, in VS Code, JetBrains and its command line)."

_PROVIDERS = {
    "anthropic": ("anthropic", "/v1/"),
    "openai": ("openai", "/v1/"),
    "gemini": ("gemini", "/v1beta/"),
    "mistral": ("mistral", "/v1/"),
    "deepseek": ("deepseek", "/"),
    "xAI": ("xai", "/v1/"),
    "groq": ("groq", "/v1/"),
    "openrouter": ("openrouter", "/v1/"),
    "ollama": ("ollama", "/"),
}


def _folder(on: Machine) -> Path:
    return Path(on.environ.get("CONTINUE_GLOBAL_DIR") or on.home / ".continue")


def _wanted(settings: Any, proxy: Proxy, _beside: Mapping[str, str]) -> tuple[Setting, ...]:
    models = inner(settings, ("models",))
    found = []
    for number, model in enumerate(models if isinstance(models, list) else []):
        provider = _PROVIDERS.get(str(inner(model, ("provider",))))
        if provider is not None:
            name, rest = provider
            found.append(Setting(("models", number, "apiBase"), proxy.at(name, rest), name))
    if not found:
        raise CannotConnect(
            "Continue's config.yaml has no model of its own that could be connected",
            hint=f"Give each model its address:  apiBase: {proxy.at('anthropic', '/v1/')}",
        )
    return tuple(found)


CLIENT = Client(
    title="Continue",
    docs="https://docs.continue.dev/reference",
    programs=("cn",),
    folders=lambda on: (_folder(on),),
    file=lambda on: _folder(on) / "config.yaml",
    syntax=_yaml_lines,
    wanted=_wanted,
)
