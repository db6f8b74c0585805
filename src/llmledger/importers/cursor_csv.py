"""Cursor's usage export from its dashboard: a CSV in three versions of its header, without ids.

Its local database has no reliable token counts, so it is not read. A row is known by its time, model and tokens, and
its ordinal among rows that are alike, so that overlapping exports fall together whatever their header.
"""

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path

from llmledger.core.words import Billing, Status, UsageQuality
from llmledger.importers._contract import Checkpoint, Imported, Item, Location, LogFile, Problem, Witness
from llmledger.importers._csv import header_of, rows
from llmledger.importers._json import moment, money

SUMMARY = "Cursor: usage export of the dashboard (CSV)"
WITNESS = Witness.GATEWAY
RETENTION_DAYS: int | None = None

_WRITTEN, _FRESH = "Input (w/ Cache Write)", "Input (w/o Cache Write)"
_SIGNATURE = frozenset({"Date", "Model", _WRITTEN, _FRESH, "Cache Read", "Output Tokens"})
_IDENTITY = ("Date", "Model", _WRITTEN, _FRESH, "Cache Read", "Output Tokens")


def find(home: Path, environ: Mapping[str, str]) -> tuple[Location, ...]:
    """Nowhere: it is downloaded by hand."""
    return ()


def billing(home: Path, environ: Mapping[str, str]) -> Billing | None:
    """A plan, except for rows that say what they cost."""
    return Billing.SUBSCRIPTION


def recognises(head: bytes) -> bool:
    """A header with both kinds of input."""
    return header_of(head) >= _SIGNATURE


def read(file: LogFile) -> Iterator[Item]:
    """One request per row with tokens."""
    alike: Counter[str] = Counter()
    with LogFile(file.path).open() as stream:
        for found in rows(stream, _IDENTITY):
            if isinstance(found, Problem):
                yield found
                continue
            number, row = found
            digest = hashlib.blake2b("\0".join(row[name].strip() for name in _IDENTITY).encode(), digest_size=12)
            alike[digest.hexdigest()] += 1
            item = _request(number, row, key=f"cursor:{digest.hexdigest()}:{alike[digest.hexdigest()]}")
            if item is not None:
                yield item
    yield Checkpoint(0)


def _request(number: int, row: Mapping[str, str], *, key: str) -> Imported | Problem | None:
    started_at, counts = moment(row["Date"].strip()), _counts(row)
    if started_at is None or counts is None:
        return Problem(number, "no date" if started_at is None else "a token count that is no number")
    if not any(counts.values()):
        return None
    kind = row.get("Kind", "").lower()
    reported = money(row.get("Cost to you") or row.get("Cost") or "")
    is_free = "no charge" in kind or "not charged" in kind
    return Imported(
        key=key,
        started_at=started_at,
        provider="cursor",
        model=row["Model"].strip(),
        counts=counts,
        quality=UsageQuality.EXACT,
        status=Status.FAILED if "error" in kind else Status.COMPLETED,
        billing=Billing.API if reported or "api key" in kind or "on-demand" in kind or "usage-based" in kind else None,
        reported_usd=Decimal(0) if is_free else reported,
        app="cursor",
    )


def _counts(row: Mapping[str, str]) -> dict[str, int] | None:
    told = [money(row[name] or "0") for name in (_WRITTEN, _FRESH, "Cache Read", "Output Tokens")]
    if any(amount is None or amount < 0 for amount in told):
        return None
    written, fresh, read, output = (int(amount) for amount in told if amount is not None)
    return {
        "input_tokens": written + fresh + read,
        "cache_read_tokens": read,
        "cache_write_tokens": written,
        "output_tokens": output,
    }
