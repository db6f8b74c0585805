"""How far running requests have come, for other processes to see: a small file beside the lock of each that tells.

A view and no record: it is neither synced nor replayed, and it goes with its owner. So a stream costs no write per piece;
who tells does it as seldom as people look.
"""

import contextlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from llmledger.core.request import SoFar
from llmledger.ledger.owners import owners_folder

SUFFIX = ".progress"


def tell_progress(ledger: Path, owner: str, running: Mapping[bytes, SoFar]) -> None:
    """Replace what an owner tells of its requests. A disk that cannot take it is no trouble: nothing hangs on it."""
    path = _path(ledger, owner)
    said = {request_id.hex(): asdict(one) for request_id, one in running.items()}
    with contextlib.suppress(OSError):
        if not said:
            path.unlink(missing_ok=True)
            return
        half = path.with_suffix(f"{SUFFIX}.new")
        half.touch(mode=0o600)
        half.write_text(json.dumps(said))
        half.replace(path)


def read_progress(ledger: Path, owner: str) -> dict[bytes, SoFar]:
    """What an owner tells of its requests; nothing when it tells nothing, or nothing that can be read."""
    try:
        said = json.loads(_path(ledger, owner).read_text())
        return {bytes.fromhex(request_id): SoFar(**told) for request_id, told in said.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def _path(ledger: Path, owner: str) -> Path:
    return owners_folder(ledger) / f"{owner}{SUFFIX}"
