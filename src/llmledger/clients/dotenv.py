"""Programs with the official SDKs that load the `.env` file of their folder, as python-dotenv and many frameworks do.

The variables are those of https://github.com/openai/openai-python, https://github.com/anthropics/anthropic-sdk-python and
https://github.com/googleapis/python-genai.
"""

from collections.abc import Mapping
from typing import Any

from llmledger.clients import _dotenv
from llmledger.clients._contract import Client, Proxy, Setting

SUMMARY = "Programs with official SDKs (.env of this folder)."

_VARIABLES = (
    ("OPENAI_BASE_URL", "openai", "/v1"),
    ("ANTHROPIC_BASE_URL", "anthropic", ""),
    ("GOOGLE_GEMINI_BASE_URL", "gemini", ""),
)


def _wanted(_settings: Any, proxy: Proxy, _beside: Mapping[str, str]) -> tuple[Setting, ...]:
    return tuple(Setting((name,), proxy.at(provider, rest), provider) for name, provider, rest in _VARIABLES)


CLIENT = Client(
    title="Official SDKs",
    docs="https://github.com/openai/openai-python",
    folders=lambda on: (on.folder / ".env",),
    file=lambda on: on.folder / ".env",
    syntax=_dotenv,
    wanted=_wanted,
    is_of_a_folder=True,
    notes=lambda _: ("Only programs that load this file are metered; keep it out of what you share.",),
)
