"""How a writing ledger behaves: how long it waits, how much it spools, and what it does when nothing works."""

from collections.abc import Callable
from dataclasses import dataclass

from llmledger.ledger.spool import SPOOL_BYTES


@dataclass(frozen=True, slots=True, kw_only=True)
class Manners:
    """How a ledger behaves towards its process and the others."""

    patience_s: float = 1.0
    """How long a write waits for others before it goes to the spool."""
    open_patience_s: float = 10.0
    spool_bytes: int = SPOOL_BYTES
    """Room that is taken on the disk beforehand; enough for some 500 requests in flight."""
    spool_limit_bytes: int = 16 * SPOOL_BYTES
    """How far it grows when more are in flight, or the ledger stays away, as long as the disk has room."""
    pass_on: bool = False
    """When the spool is full too: let requests through unmetered instead of refusing them."""
    warn: Callable[[str], None] = lambda _: None
    """Told in one line, once each time the ledger goes away."""
