"""Zed: `language_models.{provider}.api_url` in its `settings.json` (JSON with comments).

By https://zed.dev/docs/ai/use-api-access. Zed keeps each API key in the system's keychain under the address it is for
(https://github.com/zed-industries/zed/issues/41585), so that a key has to be entered once more after the change.
Models that Zed itself hosts never come by here.
"""

from collections.abc import Mapping
from typing import Any

from llmledger.clients import _jsonc
from llmledger.clients._contract import Client, Proxy, Setting, config_home, inner

SUMMARY = "Zed (settings.json; models with your own API keys)."

_USUAL = (("anthropic", "anthropic", ""), ("openai", "openai", "/v1"), ("google", "gemini", ""))
_IF_USED = (
    ("mistral", "mistral", "/v1"),
    ("deepseek", "deepseek", "/v1"),
    ("x_ai", "xai", "/v1"),
    ("open_router", "openrouter", "/v1"),
)


def _wanted(settings: Any, proxy: Proxy, _beside: Mapping[str, str]) -> tuple[Setting, ...]:
    used = inner(settings, ("language_models",)) or {}
    chosen = [*_USUAL, *(one for one in _IF_USED if one[0] in used)]
    return tuple(
        Setting(("language_models", section, "api_url"), proxy.at(provider, rest), provider)
        for section, provider, rest in chosen
    )


CLIENT = Client(
    title="Zed",
    docs="https://zed.dev/docs/ai/use-api-access",
    programs=("zed", "zeditor"),
    folders=lambda on: (config_home(on) / "zed",),
    file=lambda on: config_home(on) / "zed" / "settings.json",
    syntax=_jsonc,
    wanted=_wanted,
    notes=lambda _: (
        "Zed keeps API keys by address: enter yours again in its settings, or start it with the variables.",
    ),
)
