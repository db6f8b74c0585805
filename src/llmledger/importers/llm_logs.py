"""simonw/llm's logs.db: `responses` up to 0.31, `turns` from 0.32 on, in one file.

0.32 no longer writes `responses`; both tables share one space of ULIDs, so an id is counted once. `token_details` is
what is left of the provider's own usage object, so whether input includes the cache depends on the model's plugin.
"""

import sqlite3
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from llmledger.core.words import Billing, UsageQuality
from llmledger.importers._contract import Checkpoint, Imported, Item, Location, LogFile, Problem, Witness
from llmledger.importers._json import count, mapping, moment, text, told_count
from llmledger.importers._providers import LOCAL, split
from llmledger.importers._sqlite import MAGIC, columns, open_readonly

SUMMARY = "simonw/llm: logs.db, both schemas"
WITNESS = Witness.LOG
RETENTION_DAYS: int | None = None

_OVERLAP = timedelta(days=1)
"""A row is written when its response has ended, with an id from when it began: look back this far."""
_FIELDS = (
    "id",
    "model",
    "resolved_model",
    "input_tokens",
    "output_tokens",
    "token_details",
    "duration_ms",
    "datetime_utc",
)
_DETAILS = frozenset({"cache_read_input_tokens", "cache_creation_input_tokens"})


def find(home: Path, environ: Mapping[str, str]) -> tuple[Location, ...]:
    """The folder that LLM_USER_PATH names, else the application folder of each system."""
    named = environ.get("LLM_USER_PATH")
    if named:
        return (Location(Path(named).expanduser(), ("logs.db",)),)
    config = Path(environ.get("XDG_CONFIG_HOME") or home / ".config")
    folders = (config, home / "Library/Application Support", home / "AppData/Roaming")
    return tuple(Location(folder / "io.datasette.llm", ("logs.db",)) for folder in folders)


def billing(home: Path, environ: Mapping[str, str]) -> Billing | None:
    """Llm speaks to APIs with keys; models on this machine are told apart one by one."""
    return Billing.API


def recognises(head: bytes) -> bool:
    """A database with llm's list of migrations."""
    return head.startswith(MAGIC) and b"_llm_migrations" in head


def read(file: LogFile) -> Iterator[Item]:
    """One request per row of either table, from a day before the last one that was read."""
    last = text(file.state.get("last"))
    try:
        with open_readonly(file.path) as connection:
            for row in connection.execute(_query(connection), {"since": _lowered(last)}):
                last = max(last or "", str(row["id"]))
                yield _request(row)
    except sqlite3.Error as error:
        yield Problem(0, f"not a readable database: {type(error).__name__}")
        return
    yield Checkpoint(0, {"last": last} if last else {})


def _query(connection: sqlite3.Connection) -> str:
    turns, responses = columns(connection, "turns"), columns(connection, "responses")
    selects = []
    if turns:
        selects.append(f"SELECT {_list(turns, 'thread_id')} FROM turns WHERE id >= :since")
    if responses:
        unseen = " AND id NOT IN (SELECT id FROM turns)" if turns else ""
        selects.append(f"SELECT {_list(responses, 'conversation_id')} FROM responses WHERE id >= :since{unseen}")
    if not selects:
        raise sqlite3.DatabaseError("neither turns nor responses")
    return " UNION ALL ".join(selects) + " ORDER BY id"


def _list(present: frozenset[str], session: str) -> str:
    named = [name if name in present else f"NULL AS {name}" for name in _FIELDS]
    return ", ".join([*named, f"{session} AS session" if session in present else "NULL AS session"])


_DIGITS = "0123456789abcdefghjkmnpqrstvwxyz"


def _lowered(ulid: str | None) -> str:
    """The smallest ULID of a day before another; a ULID begins with ten base-32 digits of Unix milliseconds."""
    if ulid is None or len(ulid) < 10 or any(digit not in _DIGITS for digit in ulid[:10].lower()):
        return ""
    unix_ms = 0
    for digit in ulid[:10].lower():
        unix_ms = unix_ms * 32 + _DIGITS.index(digit)
    unix_ms = max(0, unix_ms - _OVERLAP // timedelta(milliseconds=1))
    digits = [_DIGITS[unix_ms >> shift & 31] for shift in range(45, -1, -5)]
    return "".join(digits)


def _request(row: sqlite3.Row) -> Imported | Problem:
    started_at = moment(row["datetime_utc"])
    if started_at is None:
        return Problem(0, f"row {row['id']}: no time")
    provider, model = split(str(row["model"] or ""))
    resolved = text(row["resolved_model"])
    counts, quality, flags = _usage(row, mapping(row["token_details"]))
    return Imported(
        key=f"llm:{row['id']}",
        started_at=started_at,
        provider=provider,
        model=resolved or model,
        counts=counts,
        quality=quality,
        session=text(row["session"]),
        latency_ms=told_count(row["duration_ms"]),
        billing=Billing.LOCAL if provider in LOCAL else None,
        flags=flags,
        app="llm",
    )


def _usage(row: sqlite3.Row, details: Mapping[str, Any]) -> tuple[dict[str, int], UsageQuality, tuple[str, ...]]:
    """Map the two columns and the details; a shape that nobody knows is taken as inclusive and marked."""
    given, output = told_count(row["input_tokens"]), told_count(row["output_tokens"])
    if given is None and output is None:
        return {}, UsageQuality.MISSING, ()
    counts = {"input_tokens": given or 0, "output_tokens": output or 0}
    if _DETAILS & details.keys():
        read, written = (
            count(details.get(name)) for name in ("cache_read_input_tokens", "cache_creation_input_tokens")
        )
        counts |= {"cache_read_tokens": read, "cache_write_tokens": written}
        counts["input_tokens"] += read + written
        long_lived = count(mapping(details.get("cache_creation")).get("ephemeral_1h_input_tokens"))
        if long_lived:
            counts["cache_write_1h_tokens"] = min(long_lived, written)
        return counts, UsageQuality.EXACT, ()
    if "thoughtsTokenCount" in details or "cachedContentTokenCount" in details:
        return _gemini_usage(counts, details)
    given_details = mapping(details.get("prompt_tokens_details")) or mapping(details.get("input_tokens_details"))
    output_details = mapping(details.get("completion_tokens_details")) or mapping(details.get("output_tokens_details"))
    cached = min(count(given_details.get("cached_tokens")), counts["input_tokens"])
    reasoning = min(count(output_details.get("reasoning_tokens")), counts["output_tokens"])
    counts |= {"cache_read_tokens": cached, "reasoning_tokens": reasoning}
    if details and not given_details and not output_details:
        return counts, UsageQuality.ESTIMATED, ("usage_details_unknown",)
    quality = UsageQuality.EXACT if given is not None and output is not None else UsageQuality.PARTIAL
    return counts, quality, ()


def _gemini_usage(
    counts: dict[str, int], details: Mapping[str, Any]
) -> tuple[dict[str, int], UsageQuality, tuple[str, ...]]:
    """Whether Gemini's plugin added thoughts to output is not told: they are added only when they do not fit in."""
    thoughts = count(details.get("thoughtsTokenCount"))
    output = counts["output_tokens"] if thoughts <= counts["output_tokens"] else counts["output_tokens"] + thoughts
    cached = min(count(details.get("cachedContentTokenCount")), counts["input_tokens"])
    counts |= {"cache_read_tokens": cached, "output_tokens": output, "reasoning_tokens": thoughts}
    return counts, UsageQuality.ESTIMATED if thoughts else UsageQuality.EXACT, ("thoughts_unsure",) if thoughts else ()
