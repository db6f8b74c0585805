"""Gemini CLI: `GOOGLE_GEMINI_BASE_URL` in `~/.gemini/.env`, which it loads by itself.

By https://geminicli.com/docs/reference/configuration (environment variables and `.env` files): of all `.env` files only the
first that is found is loaded, from the working folder upwards, the one in the home folder last. With a Google login its
requests go elsewhere and cannot be sent here. Where the settings name no way to sign in, the variable alone makes version
0.61 stop with "Invalid auth method selected" (`getAuthTypeFromEnv` takes it for a gateway's).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from llmledger.clients import _dotenv, _jsonc
from llmledger.clients._contract import Client, Machine, Proxy, Setting, Unclear, inner
from llmledger.errors import CannotConnect

SUMMARY = "Gemini CLI (~/.gemini/.env; with an API key)."
API_KEY = "gemini-api-key"


def _folder(on: Machine) -> Path:
    return Path(on.environ.get("GEMINI_CLI_HOME") or on.home) / ".gemini"


def _wanted(_settings: Any, proxy: Proxy, beside: Mapping[str, str]) -> tuple[Setting, ...]:
    chosen = _way_to_sign_in(beside.get("settings.json", ""))
    if chosen != API_KEY:
        raise CannotConnect(
            "Gemini CLI signs in with Google" if chosen else "Gemini CLI's settings do not say that it uses an API key",
            hint='Choose "Use Gemini API key" with /auth in it, or set "security": {"auth": {"selectedType": '
            f'"{API_KEY}"}}}} in its settings.json; only then can its requests come by here.',
        )
    return (Setting(("GOOGLE_GEMINI_BASE_URL",), proxy.at("gemini"), "gemini"),)


def _way_to_sign_in(text: str) -> str | None:
    """What the user has chosen; the second place is that of older versions."""
    try:
        settings = _jsonc.read(text)
    except Unclear:
        return None
    found = inner(settings, ("security", "auth", "selectedType")) or inner(settings, ("selectedAuthType",))
    return str(found) if found else None


CLIENT = Client(
    title="Gemini CLI",
    docs="https://geminicli.com/docs/reference/configuration",
    programs=("gemini",),
    folders=lambda on: (_folder(on),),
    file=lambda on: _folder(on) / ".env",
    syntax=_dotenv,
    wanted=_wanted,
    beside=("settings.json",),
    notes=lambda _: ("A .env file in a project's folder goes before this one.",),
)
