"""llmledger: an exact local ledger of every LLM request.

The public names below are stable. They are imported on first use, so that `import llmledger` costs next to nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from llmledger._version import VERSION

if TYPE_CHECKING:
    from llmledger.api.asynchronous import AsyncLedger, log_api_call
    from llmledger.api.classic import ClassicLedger as Ledger
    from llmledger.api.ledger import Outcome
    from llmledger.api.pricing import price
    from llmledger.api.schemas import json_schema
    from llmledger.core.cost import Component, Cost
    from llmledger.core.request import Attribution
    from llmledger.core.selection import Selection
    from llmledger.core.usage import Usage
    from llmledger.core.words import Status, UsageQuality
    from llmledger.errors import LedgerError
    from llmledger.operations.read_usage import read_usage

__version__ = VERSION

__all__ = [
    "AsyncLedger",
    "Attribution",
    "Component",
    "Cost",
    "Ledger",
    "LedgerError",
    "Outcome",
    "Selection",
    "Status",
    "Usage",
    "UsageQuality",
    "__version__",
    "json_schema",
    "log_api_call",
    "price",
    "read_usage",
]

_HOMES = {
    "AsyncLedger": "llmledger.api.asynchronous",
    "Attribution": "llmledger.core.request",
    "Component": "llmledger.core.cost",
    "Cost": "llmledger.core.cost",
    "Ledger": "llmledger.api.classic",
    "LedgerError": "llmledger.errors",
    "Outcome": "llmledger.api.ledger",
    "Selection": "llmledger.core.selection",
    "Status": "llmledger.core.words",
    "Usage": "llmledger.core.usage",
    "UsageQuality": "llmledger.core.words",
    "json_schema": "llmledger.api.schemas",
    "log_api_call": "llmledger.api.asynchronous",
    "price": "llmledger.api.pricing",
    "read_usage": "llmledger.operations.read_usage",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'llmledger' has no attribute {name!r}")
    value = getattr(import_module(home), "ClassicLedger" if name == "Ledger" else name)
    globals()[name] = value
    return value
