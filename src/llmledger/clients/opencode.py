"""opencode: `provider.{name}.options.baseURL` in its `opencode.json` or `opencode.jsonc`.

By https://opencode.ai/docs/providers (base URL) and https://opencode.ai/docs/config (places, and `OPENCODE_CONFIG_CONTENT`,
settings in a variable, which are merged over the files). Version 2 reads the same files and fields
(https://opencode.ai/docs/migrate-v1).
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from llmledger.clients import _jsonc
from llmledger.clients._contract import Client, Machine, Proxy, Setting, config_home, inner

SUMMARY = "opencode (opencode.json)."

_USUAL = (("anthropic", "anthropic", "/v1"), ("openai", "openai", "/v1"), ("google", "gemini", "/v1beta"))
_IF_USED = (
    ("mistral", "mistral", "/v1"),
    ("deepseek", "deepseek", "/v1"),
    ("xai", "xai", "/v1"),
    ("groq", "groq", "/v1"),
    ("openrouter", "openrouter", "/v1"),
)


def _folder(on: Machine) -> Path:
    return config_home(on) / "opencode"


def _file(on: Machine) -> Path:
    commented = _folder(on) / "opencode.jsonc"
    return commented if commented.exists() else commented.with_suffix(".json")


def _wanted(settings: Any, proxy: Proxy, _beside: Mapping[str, str]) -> tuple[Setting, ...]:
    used = inner(settings, ("provider",)) or {}
    chosen = [*_USUAL, *(one for one in _IF_USED if one[0] in used)]
    return tuple(
        Setting(("provider", name, "options", "baseURL"), proxy.at(provider, rest), provider)
        for name, provider, rest in chosen
    )


def _variables(proxy: Proxy) -> dict[str, str]:
    providers = {name: {"options": {"baseURL": proxy.at(provider, rest)}} for name, provider, rest in _USUAL}
    return {"OPENCODE_CONFIG_CONTENT": json.dumps({"provider": providers})}


CLIENT = Client(
    title="opencode",
    docs="https://opencode.ai/docs/providers",
    programs=("opencode",),
    folders=lambda on: (_folder(on), on.home / ".local" / "share" / "opencode"),
    file=_file,
    syntax=_jsonc,
    wanted=_wanted,
    variables=_variables,
)
