"""JSON schemas of what the API returns, for programs that validate or generate code from them."""

from typing import Any

from llmledger.api.classic import NamedStats, UsageStats
from llmledger.core.cost import Cost
from llmledger.core.report import Report
from llmledger.core.request import Finished
from llmledger.core.usage import Usage
from llmledger.errors import UsageError
from llmledger.ledger import Recorded

SCHEMAS: dict[str, type[Any]] = {
    "usage": Usage,
    "cost": Cost,
    "request": Finished,
    "recorded": Recorded,
    "report": Report,
    "usage_stats": UsageStats,
    "named_stats": NamedStats,
}


def json_schema(name: str) -> dict[str, Any]:
    """The JSON schema of a result by name: `usage`, `cost`, `request`, `recorded`, `report`, `usage_stats`, `named_stats`.

    Raises UsageError for another name. Pydantic is imported here and nowhere on the way to a row.
    """
    if name not in SCHEMAS:
        raise UsageError(f"no schema named {name!r}", hint=f"Known: {', '.join(SCHEMAS)}.")
    from pydantic import TypeAdapter

    return TypeAdapter(SCHEMAS[name]).json_schema()
