"""aider: `openai-api-base` and `set-env` in `~/.aider.conf.yml`.

By https://aider.chat/docs/config/aider_conf.html and https://aider.chat/docs/config/options.html; the names of the variables are
those of LiteLLM, which aider sends its requests with (https://docs.litellm.ai/docs/providers/anthropic).
"""

from collections.abc import Mapping
from typing import Any

from llmledger.clients import _yaml_lines
from llmledger.clients._contract import Client, Proxy, Setting

SUMMARY = "aider (~/.aider.conf.yml)."

_VARIABLES = (
    ("ANTHROPIC_API_BASE", "anthropic", ""),
    ("DEEPSEEK_API_BASE", "deepseek", "/beta"),
    ("OPENROUTER_API_BASE", "openrouter", "/v1"),
)


def _wanted(settings: Any, proxy: Proxy, _beside: Mapping[str, str]) -> tuple[Setting, ...]:
    told = settings.get("set-env")
    listed = [str(one) for one in told] if isinstance(told, list) else []
    found = [Setting(("openai-api-base",), proxy.at("openai", "/v1"), "openai")]
    for name, provider, rest in _VARIABLES:
        numbers = [number for number, one in enumerate(listed) if one.startswith(f"{name}=")]
        if not numbers:
            numbers = [len(listed)]
            listed.append(name)
        found.append(Setting(("set-env", numbers[0]), f"{name}={proxy.at(provider, rest)}", provider))
    return tuple(found)


def _arguments(wanted: tuple[Setting, ...]) -> tuple[str, ...]:
    return tuple(word for one in wanted for word in (f"--{one.place[0]}", one.value))


CLIENT = Client(
    title="aider",
    docs="https://aider.chat/docs/config/aider_conf.html",
    programs=("aider",),
    folders=lambda on: (on.home / ".aider", on.home / ".aider.conf.yml"),
    file=lambda on: on.home / ".aider.conf.yml",
    syntax=_yaml_lines,
    wanted=_wanted,
    notes=lambda _: ("A .aider.conf.yml in a project's folder goes before the one in your home.",),
    arguments=_arguments,
    variables=lambda proxy: {
        "OPENAI_API_BASE": proxy.at("openai", "/v1"),
        **{name: proxy.at(provider, rest) for name, provider, rest in _VARIABLES},
    },
)
