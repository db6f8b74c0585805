"""OpenCode's messages: a SQLite database, or (older) a folder with one JSON file per message.

A message's own `tokens` are those of its last step, so its steps are read where they are kept. Forks copy messages
under new ids but keep when they were made (opencode#48089, ccusage#1780): a request is known by its time, model, step
and tokens. The `cost` in there is the client's estimate, no bill, and is not taken.
"""

import sqlite3
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from llmledger.core.words import Billing, UsageQuality
from llmledger.importers._contract import Checkpoint, Imported, Item, Location, LogFile, Problem, Witness
from llmledger.importers._json import count, loads, mapping, milliseconds, moment, text
from llmledger.importers._providers import LOCAL, known_as
from llmledger.importers._sqlite import MAGIC, columns, open_readonly

SUMMARY = "OpenCode: its database, and the message files of older versions"
WITNESS = Witness.LOG
RETENTION_DAYS: int | None = None

_OVERLAP_MS = timedelta(days=1) // timedelta(milliseconds=1)
_PLANS = frozenset({"github-copilot"})


def find(home: Path, environ: Mapping[str, str]) -> tuple[Location, ...]:
    """The data folder: databases of every channel, and the older storage."""
    named = environ.get("OPENCODE_DATA_DIR")
    data = Path(environ.get("XDG_DATA_HOME") or home / ".local" / "share") / "opencode"
    root = Path(named).expanduser() if named else data
    return (Location(root, ("opencode.db", "opencode-*.db")), Location(root / "storage" / "message", ("**/*.json",)))


def billing(home: Path, environ: Mapping[str, str]) -> Billing | None:
    """Not told: it speaks to many providers, by keys and by plans."""
    return None


def recognises(head: bytes) -> bool:
    """A message of an assistant with its provider, or a database with sessions and their messages."""
    if head.startswith(MAGIC):
        return b"session_id" in head and b"message" in head and b"_llm_migrations" not in head
    return b'"sessionID"' in head and b'"modelID"' in head


def read(file: LogFile) -> Iterator[Item]:
    """One request per step of an assistant's message."""
    if file.path.suffix == ".json":
        yield from _read_message_file(file.path)
    else:
        yield from _read_database(file)


def _read_message_file(path: Path) -> Iterator[Item]:
    try:
        message = mapping(loads(path.read_bytes()))
    except ValueError:
        yield Problem(0, "not JSON")
        return
    folder = path.parent.parent.parent / "part" / str(message.get("id"))
    parts = []
    for part in sorted(folder.glob("*.json")):
        try:
            parts.append(mapping(loads(part.read_bytes())))
        except ValueError:
            yield Problem(0, "a part of the message is not JSON")
    yield from _requests(message, [part for part in parts if part.get("type") == "step-finish"])
    yield Checkpoint(0)


def _read_database(file: LogFile) -> Iterator[Item]:
    since = file.state.get("last_ms")
    last_ms = since if type(since) is int else 0
    try:
        with open_readonly(file.path) as connection:
            for identity, body in _messages(connection, last_ms - _OVERLAP_MS):
                try:
                    message = {"id": identity, **mapping(loads(body.encode()))}
                except ValueError:
                    yield Problem(0, f"message {identity}: not JSON")
                    continue
                last_ms = max(last_ms, count(mapping(message.get("time")).get("created")))
                yield from _requests(message, _steps(connection, identity))
    except sqlite3.Error as error:
        yield Problem(0, f"not a readable database: {type(error).__name__}")
        return
    yield Checkpoint(0, {"last_ms": last_ms} if last_ms else {})


def _messages(connection: sqlite3.Connection, since_ms: int) -> Iterator[tuple[str, str]]:
    """Ids and bodies of messages, those that a fork inherited left out where the fork says what it inherited."""
    created = "iif(json_valid(data), coalesce(json_extract(data, '$.time.created'), 9e15), 9e15)"
    if columns(connection, "message"):
        yield from connection.execute(f"SELECT id, data FROM message WHERE {created} >= ? ORDER BY id", (since_ms,))
    if columns(connection, "session_message") >= {"id", "session_id", "seq", "data"}:
        has_forks = columns(connection, "session_v2") >= {"id", "fork_boundary"}
        inherited = (
            "AND seq > coalesce((SELECT fork_boundary FROM session_v2 s WHERE s.id = session_id), -1)"
            if has_forks
            else ""
        )
        query = f"SELECT id, data FROM session_message WHERE {created} >= ? {inherited} ORDER BY session_id, seq"
        yield from connection.execute(query, (since_ms,))


def _steps(connection: sqlite3.Connection, message_id: str) -> list[Mapping[str, Any]]:
    if not columns(connection, "part"):
        return []
    is_step = "iif(json_valid(data), json_extract(data, '$.type'), '') = 'step-finish'"
    query = f"SELECT data FROM part WHERE message_id = ? AND {is_step} ORDER BY id"
    return [mapping(loads(row[0].encode())) for row in connection.execute(query, (message_id,))]


def _requests(message: Mapping[str, Any], steps: list[Mapping[str, Any]]) -> Iterator[Imported | Problem]:
    if message.get("role") != "assistant":
        return
    time = mapping(message.get("time"))
    started_at, ended_at = moment(time.get("created")), moment(time.get("completed"))
    if started_at is None:
        yield Problem(0, f"message {message.get('id')}: no time")
        return
    if not steps and ended_at is None:
        return
    for number, step in enumerate(steps or [message]):
        counts = _counts(mapping(step.get("tokens")))
        if any(counts.values()):
            provider, model = known_as(text(message.get("providerID")) or ""), text(message.get("modelID")) or ""
            identity = ":".join(map(str, [count(time.get("created")), provider, model, number, *counts.values()]))
            yield Imported(
                key=f"opencode:{identity}",
                started_at=started_at,
                provider=provider,
                model=model,
                counts=counts,
                quality=UsageQuality.EXACT,
                session=text(message.get("sessionID")),
                folder=text(mapping(message.get("path")).get("root")) or text(mapping(message.get("path")).get("cwd")),
                latency_ms=milliseconds(started_at, ended_at) if len(steps) < 2 else None,
                finish_reason=text(step.get("reason")) or text(message.get("finish")),
                billing=_billing(provider),
                app="opencode",
            )


def _billing(provider: str) -> Billing | None:
    if provider in LOCAL:
        return Billing.LOCAL
    return Billing.SUBSCRIPTION if provider in _PLANS else None


def _counts(tokens: Mapping[str, Any]) -> dict[str, int]:
    """Input leaves the cache out; reasoning is beside output only when the total says so."""
    given, output, reasoning = (count(tokens.get(name)) for name in ("input", "output", "reasoning"))
    cache = mapping(tokens.get("cache"))
    read, written = count(cache.get("read")), count(cache.get("write"))
    is_beside = count(tokens.get("total")) == given + read + written + output + reasoning
    return {
        "input_tokens": given + read + written,
        "cache_read_tokens": read,
        "cache_write_tokens": written,
        "output_tokens": output + reasoning if is_beside else output,
        "reasoning_tokens": reasoning if is_beside else min(reasoning, output),
    }
