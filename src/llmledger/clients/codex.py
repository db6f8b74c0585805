"""OpenAI Codex: `openai_base_url` in its `config.toml`, the address of its built-in provider.

By https://developers.openai.com/codex/config-reference; the provider `openai` cannot be overridden in `[model_providers]`
(https://github.com/openai/codex/issues/11698). With a ChatGPT login the same key leads to ChatGPT's own backend, so the
address depends on how the user has signed in, which `auth.json` tells. Codex tries a WebSocket first; the proxy answers
426 at once and Codex goes on by HTTP.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from llmledger.clients import _toml_lines
from llmledger.clients._contract import Client, Machine, Proxy, Setting
from llmledger.errors import CannotConnect

SUMMARY = "OpenAI Codex (config.toml, command line and app)."


def _folder(on: Machine) -> Path:
    told = on.environ.get("CODEX_HOME", "").partition(",")[0]
    return Path(told) if told else on.home / ".codex"


def _wanted(settings: Any, proxy: Proxy, beside: Mapping[str, str]) -> tuple[Setting, ...]:
    chosen = settings.get("model_provider", "openai")
    if chosen != "openai":
        raise CannotConnect(
            f"Codex uses the provider {chosen!r} of its own settings, not OpenAI",
            hint=f"Set base_url in [model_providers.{chosen}] yourself: {proxy.url}/PROVIDER/v1",
        )
    if _is_chatgpt(beside.get("auth.json", "")):
        return (Setting(("openai_base_url",), proxy.at("chatgpt"), "chatgpt"),)
    return (Setting(("openai_base_url",), proxy.at("openai", "/v1"), "openai"),)


def _is_chatgpt(auth: str) -> bool:
    """Whether the user has signed in with a ChatGPT account instead of an API key."""
    try:
        told = json.loads(auth or "{}")
    except ValueError:
        return False
    return isinstance(told, dict) and bool(told.get("tokens")) and not told.get("OPENAI_API_KEY")


CLIENT = Client(
    title="Codex",
    docs="https://developers.openai.com/codex/config-reference",
    programs=("codex",),
    folders=lambda on: (_folder(on),),
    file=lambda on: _folder(on) / "config.toml",
    syntax=_toml_lines,
    beside=("auth.json",),
    wanted=_wanted,
    # It does not read OPENAI_BASE_URL any more.
    is_told_by_arguments=True,
    arguments=lambda wanted: tuple(word for one in wanted for word in ("-c", f'{one.place[0]}="{one.value}"')),
)
