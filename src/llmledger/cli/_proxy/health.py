"""Asking a proxy how it is."""

import http.client
import json
from typing import Any

from llmledger.core.address import parts_of

PATIENCE_S = 2.0


def health(url: str) -> dict[str, Any] | None:
    """What `/healthz` of a proxy of ours says; None when nobody or somebody else answers."""
    parts = parts_of(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port or 80, timeout=PATIENCE_S)
    try:
        connection.request("GET", "/healthz")
        told = json.loads(connection.getresponse().read(100_000))
    except (OSError, http.client.HTTPException, ValueError):
        return None
    finally:
        connection.close()
    return told if isinstance(told, dict) and {"version", "ledger", "in_flight"} <= told.keys() else None
