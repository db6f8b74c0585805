"""Gemini CLI: `GOOGLE_GEMINI_BASE_URL` in `~/.gemini/.env`, which it loads by itself.

By https://geminicli.com/docs/reference/configuration (environment variables and `.env` files): of all `.env` files only the
first that is found is loaded, from the working folder upwards, the one in the home folder last. An address without
TLS is taken for this machine only. With a Google login its requests go elsewhere and cannot be sent here.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from llmledger.clients import _dotenv
from llmledger.clients._contract import Client, Machine, Proxy, Setting

SUMMARY = "Gemini CLI (~/.gemini/.env; with an API key)."


def _folder(on: Machine) -> Path:
    return Path(on.environ.get("GEMINI_CLI_HOME") or on.home) / ".gemini"


def _wanted(_settings: Any, proxy: Proxy, _beside: Mapping[str, str]) -> tuple[Setting, ...]:
    return (Setting(("GOOGLE_GEMINI_BASE_URL",), proxy.at("gemini"), "gemini"),)


CLIENT = Client(
    title="Gemini CLI",
    docs="https://geminicli.com/docs/reference/configuration",
    programs=("gemini",),
    folders=lambda on: (_folder(on),),
    file=lambda on: _folder(on) / ".env",
    syntax=_dotenv,
    wanted=_wanted,
    notes=lambda _: (
        "Only requests with an API key come by here, not those of a Google login.",
        "A .env file in a project's folder goes before this one.",
    ),
)
