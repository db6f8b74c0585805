"""Cline and Roo Code: their settings lie in VS Code's own storage and secrets, where no other program should write.

By https://docs.cline.bot/provider-config/anthropic and https://docs.roocode.com/providers/anthropic: "Use custom base URL".
"""

from llmledger.clients._contract import Client

SUMMARY = "Cline and Roo Code (by hand, in VS Code)."

CLIENT = Client(
    title="Cline, Roo Code",
    docs="https://docs.cline.bot/provider-config/anthropic",
    folders=lambda on: (on.home / ".cline", on.home / ".roo"),
    notes=lambda proxy: (
        'In their settings choose your provider, tick "Use custom base URL", and give:',
        f"  Anthropic  {proxy.at('anthropic')}",
        f"  OpenAI     {proxy.at('openai', '/v1')}",
        f"  Gemini     {proxy.at('gemini')}",
    ),
)
