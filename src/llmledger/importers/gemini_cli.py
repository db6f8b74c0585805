"""Gemini CLI's chats: one JSON document per session, or (newer) JSON lines with messages and edits to them.

Rewound messages were billed all the same and stay. The last word on a message counts. Thoughts are outside the
candidates' tokens, as the message's own total shows; a total that adds the cached tokens too says that input excludes
them.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from llmledger.core.words import Billing, UsageQuality
from llmledger.importers._contract import Checkpoint, Imported, Item, Location, LogFile, Problem, Witness
from llmledger.importers._json import count, loads, mapping, moment, text
from llmledger.importers._lines import MarkedLines

SUMMARY = "Gemini CLI: chats, as documents and as lines"
WITNESS = Witness.LOG
RETENTION_DAYS: int | None = None

_MARKERS = (b'"sessionId"', b'"tokens"')


def find(home: Path, environ: Mapping[str, str]) -> tuple[Location, ...]:
    """The chats of every project."""
    named = environ.get("GEMINI_CLI_HOME")
    roots = [Path(named) / "tmp", Path(named) / ".gemini" / "tmp"] if named else [home / ".gemini" / "tmp"]
    return tuple(Location(root, ("*/chats/**/session-*.json", "*/chats/**/session-*.jsonl")) for root in roots)


def billing(home: Path, environ: Mapping[str, str]) -> Billing | None:
    """By key or by account, as the settings say; a free account's use is a plan's."""
    try:
        settings = mapping(loads((home / ".gemini" / "settings.json").read_bytes()))
    except (OSError, ValueError):
        return None
    auth = mapping(mapping(settings.get("security")).get("auth"))
    kind = text(auth.get("selectedType")) or text(settings.get("selectedAuthType")) or ""
    if kind.startswith("oauth") or kind == "cloud-shell":
        return Billing.SUBSCRIPTION
    return Billing.API if kind in {"gemini-api-key", "vertex-ai"} else None


def recognises(head: bytes) -> bool:
    """A session with the hash of its project."""
    return b'"projectHash"' in head and b'"sessionId"' in head


def read(file: LogFile) -> Iterator[Item]:
    """One request per answer of the model."""
    if ".jsonl" in file.path.suffixes:
        yield from _read_lines(file)
    else:
        yield from _read_document(file)


def _read_document(file: LogFile) -> Iterator[Item]:
    with LogFile(file.path).open() as stream:
        content = stream.read()
    try:
        document = loads(content)
    except ValueError:
        yield Problem(0, "not JSON")
        return
    session = text(mapping(document).get("sessionId"))
    messages = mapping(document).get("messages")
    for number, message in enumerate(messages if isinstance(messages, list) else []):
        yield from _message(number, mapping(message), session)
    yield Checkpoint(len(content))


def _read_lines(file: LogFile) -> Iterator[Item]:
    session = text(file.state.get("session"))
    with file.open() as stream:
        lines = MarkedLines(stream, _MARKERS, offset=file.offset)
        for block in lines.blocks():
            for found in block:
                if isinstance(found, Problem):
                    yield found
                    continue
                at, line = found
                try:
                    entry = mapping(loads(line))
                except ValueError:
                    yield Problem(at, "not JSON")
                    continue
                session = text(entry.get("sessionId")) or session
                yield from _message(at, entry, session)
            yield Checkpoint(lines.end, {"session": session} if session else {})


def _message(at: int, message: Mapping[str, Any], session: str | None) -> Iterator[Imported | Problem]:
    tokens = message.get("tokens")
    if message.get("type") != "gemini" or not isinstance(tokens, dict):
        return
    message_id, started_at = text(message.get("id")), moment(message.get("timestamp"))
    if started_at is None or message_id is None:
        yield Problem(at, "no timestamp" if started_at is None else "no message id")
        return
    counts, is_consistent = _counts(tokens)
    if not any(counts.values()):
        return
    yield Imported(
        key=f"gemini:{session or ''}:{message_id}",
        started_at=started_at,
        provider="gemini",
        model=text(message.get("model")) or "",
        counts=counts,
        quality=UsageQuality.EXACT if is_consistent else UsageQuality.ESTIMATED,
        session=session,
        flags=() if is_consistent else ("total_differs",),
        app="gemini-cli",
    )


def _counts(tokens: Mapping[str, Any]) -> tuple[dict[str, int], bool]:
    given, output, cached = (count(tokens.get(name)) for name in ("input", "output", "cached"))
    thoughts, tool, total = (count(tokens.get(name)) for name in ("thoughts", "tool", "total"))
    inclusive = given + output + thoughts + tool
    is_outside = bool(cached) and total == inclusive + cached
    whole = given + tool + (cached if is_outside else 0)
    counts = {
        "input_tokens": whole,
        "cache_read_tokens": min(cached, whole),
        "output_tokens": output + thoughts,
        "reasoning_tokens": thoughts,
    }
    return counts, is_outside or total in {0, inclusive}
