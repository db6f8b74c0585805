"""llm: reads the variables of the official SDKs; its settings can name an address for models of one's own only.

By https://llm.datasette.io/en/stable/other-models.html (`api_base` in `extra-openai-models.yaml`, for added models).
"""

from llmledger.clients._contract import Client, config_home

SUMMARY = "llm (by variable)."

CLIENT = Client(
    title="llm",
    docs="https://llm.datasette.io/en/stable/other-models.html",
    programs=("llm",),
    folders=lambda on: (
        config_home(on) / "io.datasette.llm",
        on.home / "Library" / "Application Support" / "io.datasette.llm",
    ),
    notes=lambda proxy: (
        "llm has no setting for the address of its own models; it reads these variables:",
        f"  export OPENAI_BASE_URL={proxy.at('openai', '/v1')}",
        f"  export ANTHROPIC_BASE_URL={proxy.at('anthropic')}",
        "Or for one call: llmledger with -- llm ...",
    ),
)
