"""Cursor: its requests go from Cursor's own servers, which cannot reach an address of this machine.

The base URL for OpenAI in its settings is called from there (https://forum.cursor.com and https://docs.cursor.com/settings/api-keys);
what it used can be read from the usage CSV of its dashboard instead.
"""

from llmledger.clients._contract import Client, config_home

SUMMARY = "Cursor cannot reach this machine: import its usage CSV."

CLIENT = Client(
    title="Cursor",
    docs="https://docs.cursor.com/settings/api-keys",
    programs=("cursor", "cursor-agent"),
    folders=lambda on: (
        on.home / ".cursor",
        config_home(on) / "Cursor",
        on.home / "Library" / "Application Support" / "Cursor",
    ),
    is_reachable=False,
    notes=lambda _: (
        "Cursor sends every request from its own servers, which cannot reach an address of this machine.",
        "Export the usage CSV from cursor.com/dashboard (Usage), then: llmledger import FILE",
    ),
)
