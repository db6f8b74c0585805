"""Claude Code: the `env` block of its `settings.json`, which wins over the shell's own variables.

Keys by https://code.claude.com/docs/en/settings and https://code.claude.com/docs/en/env-vars: `ANTHROPIC_BASE_URL` is the
address without `/v1`; behind an address that is not Anthropic's, tool search is off unless `ENABLE_TOOL_SEARCH=true`.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from llmledger.clients import _jsonc
from llmledger.clients._contract import Client, Machine, Proxy, Setting

SUMMARY = "Claude Code (settings.json)."


def _folder(on: Machine) -> Path:
    told = on.environ.get("CLAUDE_CONFIG_DIR", "").partition(",")[0]
    return Path(told) if told else on.home / ".claude"


def _wanted(_settings: Any, proxy: Proxy, _beside: Mapping[str, str]) -> tuple[Setting, ...]:
    return (
        Setting(("env", "ANTHROPIC_BASE_URL"), proxy.at("anthropic"), "anthropic"),
        Setting(("env", "ENABLE_TOOL_SEARCH"), "true"),
    )


def _arguments(wanted: tuple[Setting, ...]) -> tuple[str, ...]:
    """Settings of the command line go before those of the user's file, as that goes before variables."""
    return ("--settings", json.dumps({"env": {one.place[-1]: one.value for one in wanted if one.provider}}))


CLIENT = Client(
    title="Claude Code",
    docs="https://code.claude.com/docs/en/settings",
    programs=("claude",),
    folders=lambda on: (_folder(on),),
    file=lambda on: _folder(on) / "settings.json",
    syntax=_jsonc,
    wanted=_wanted,
    variables=lambda _: {"ENABLE_TOOL_SEARCH": "true"},
    arguments=_arguments,
)
