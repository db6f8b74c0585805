"""Claude Code's session logs: one JSON line per content block and stream snapshot, many lines per response.

A response is known by its message id alone: `requestId` is absent or null behind gateways, and differs between copies
of one response (ccusage#976). Of its snapshots the largest usage counts, never the first (ccusage#901, #938). Resumed
and forked sessions and sub-agents repeat the same ids (ccusage#1762). The log's own numbers can be placeholders from
the stream's start (claude-code#22671), so no row from here is called exact.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from operator import itemgetter
from pathlib import Path
from typing import Any, TypeAlias

from llmledger.core.words import Billing, Status, UsageQuality
from llmledger.importers._contract import (
    LARGEST_IN_BRIEF,
    Brief,
    Checkpoint,
    Common,
    Imported,
    Item,
    Location,
    LogFile,
    Problem,
    Told,
    Witness,
)
from llmledger.importers._json import count, loads, mapping, moment, text
from llmledger.importers._lines import MarkedLines
from llmledger.importers._providers import provider_of

SUMMARY = "Claude Code: session logs of projects, sub-agents and the desktop app"
WITNESS = Witness.LOG
RETENTION_DAYS: int | None = 30

_MARKER = b'"usage"'
_TRANSCRIPTS = ("**/*.jsonl",)
_DESKTOP = ("Library/Application Support/Claude", ".config/Claude", "AppData/Roaming/Claude")
_SPLIT_UNKNOWN = "cache_write_split_unknown"
_CLOUDS = {"msg_bdrk_": "bedrock", "msg_vrtx_": "vertex"}
_USUAL = frozenset({None, "", "standard"})
_ANYWHERE = frozenset({None, "", "not_available", "global"})
"""Service tiers and speeds, and geographies, that change no price."""
_USUAL_COUNT = LARGEST_IN_BRIEF // 4

_OF_ENTRY = itemgetter("type", "timestamp", "sessionId", "cwd", "gitBranch", "isSidechain", "message")
_OF_MESSAGE = itemgetter("id", "model", "stop_reason", "usage")
_OF_USAGE = itemgetter(
    *("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens", "output_tokens", "cache_creation")
)
_OF_SPLIT = itemgetter("ephemeral_5m_input_tokens", "ephemeral_1h_input_tokens")

_Likeness: TypeAlias = tuple[object, ...]


def find(home: Path, environ: Mapping[str, str]) -> tuple[Location, ...]:
    """The projects of every configured folder, else of the two default ones, and the desktop app's agent sessions."""
    folders = _configured(environ)
    if not folders:
        folders = [Path(environ.get("XDG_CONFIG_HOME") or home / ".config") / "claude", home / ".claude"]
    sessions = [Location(folder / name, _TRANSCRIPTS) for folder in folders for name in ("projects", "transcripts")]
    desktop = [Location(home / path / "local-agent-mode-sessions", _TRANSCRIPTS) for path in _DESKTOP]
    return (*sessions, *desktop)


def _configured(environ: Mapping[str, str]) -> list[Path]:
    named = environ.get("CLAUDE_CONFIG_DIR", "").split(",") + environ.get("CLAUDE_CONFIG_DIRS", "").split(":")
    return [Path(name.strip()).expanduser() for name in named if name.strip()]


def billing(home: Path, environ: Mapping[str, str]) -> Billing | None:
    """A subscription when the account of ~/.claude.json is one; nothing is read but the account's kind."""
    try:
        account = mapping(mapping(loads((home / ".claude.json").read_bytes())).get("oauthAccount"))
    except (OSError, ValueError):
        return None
    kind = text(account.get("organizationType")) or ""
    if kind.startswith("claude_") or "subscription" in (text(account.get("billingType")) or ""):
        return Billing.SUBSCRIPTION
    return None


def recognises(head: bytes) -> bool:
    """Lines of a conversation with a session id and a parent, or with an assistant's usage."""
    return b'"sessionId"' in head and (
        b'"parentUuid"' in head or (b'"type":"assistant"' in head and b'"usage"' in head)
    )


def read(file: LogFile) -> Iterator[Item]:
    """A request per line that carries usage; the same message comes as often as the log repeats it.

    Each line is parsed whole, though a few of its fields matter: a broken one is a problem wherever it is broken.
    """
    parse = file.parse
    known: dict[_Likeness, Common] = {}
    with file.open() as stream:
        lines = MarkedLines(stream, (_MARKER,), offset=file.offset)
        for block in lines.blocks():
            told: list[Told] = []
            for found in block:
                if isinstance(found, Problem):
                    yield found
                    continue
                at, line = found
                try:
                    entry = parse(line)
                except ValueError:
                    yield Problem(at, "not JSON")
                    continue
                item = _brief(entry, known) or _read_entry(at, entry)
                if isinstance(item, Problem):
                    yield item
                elif item is not None:
                    told.append(item)
            yield told
            yield Checkpoint(lines.end)


def _read_entry(at: int, entry: object) -> Imported | Problem | None:
    if not isinstance(entry, dict) or entry.get("type") != "assistant":
        return None
    message = entry.get("message")
    if not isinstance(message, dict):
        return Problem(at, "an assistant's line without a message")
    usage, model = message.get("usage"), message.get("model")
    if not isinstance(usage, dict) or model == "<synthetic>" or entry.get("isApiErrorMessage"):
        return None
    return _request(at, entry, message, usage)


def _request(
    at: int, entry: dict[str, Any], message: dict[str, Any], usage: dict[str, Any]
) -> Imported | Problem | None:
    started_at = moment(entry.get("timestamp"))
    if started_at is None:
        return Problem(at, "no timestamp")
    message_id, session = text(message.get("id")), text(entry.get("sessionId"))
    key = message_id or _key_without_id(entry, session)
    if key is None:
        return Problem(at, "neither a message id nor a uuid")
    model, stop_reason = text(message.get("model")) or "", text(message.get("stop_reason"))
    counts, flags = _counts(usage)
    iterations = usage.get("iterations")
    parts = _parts(iterations, model) if iterations else ()
    if parts:
        counts = _sum(parts)
    if not any(counts.values()):
        return None
    # By position: by name it takes three times as long, a million times.
    return Imported(
        f"claude:{key}",
        started_at,
        counts,
        _CLOUDS.get((message_id or "")[:9]) or provider_of(model),
        model,
        _quality(stop_reason, flags),
        session,
        text(entry.get("cwd")),
        None,
        text(entry.get("gitBranch")),
        stop_reason,
        None,
        Status.COMPLETED,
        None,
        flags,
        None,
        None,
        None,
        "claude-code",
        message_id,
        price_context=_context(usage),
        parts=parts if len({part[0] for part in parts}) > 1 else (),
        is_copy=bool(entry.get("isSidechain")),
    )


def _brief(entry: Any, known: dict[_Likeness, Common]) -> Brief | None:
    """A usual answer; None for what must be read with care, which shows as a missing key or a value of another type.

    A million lines come this way, so it says by hand what `_read_entry` says; a law holds both to the same.
    """
    try:
        kind, timestamp, session, folder, branch, is_copy, message = _OF_ENTRY(entry)
        message_id, model, stop_reason, usage = _OF_MESSAGE(message)
        counts = _usual_counts(usage)
        started_at = datetime.fromisoformat(timestamp)
        if kind != "assistant" or not message_id or not counts or started_at.tzinfo is not UTC:
            return None
        likeness = (model, stop_reason, session, folder, branch, _CLOUDS.get(message_id[:9]))
        common = known.get(likeness) or _common(entry, known, likeness)
    except (KeyError, TypeError, ValueError):
        return None
    if common is None or "isApiErrorMessage" in entry:
        return None
    return f"claude:{message_id}", started_at, counts, common, message_id, bool(is_copy)


def _common(entry: Any, known: dict[_Likeness, Common], likeness: _Likeness) -> Common | None:
    """What the answers of a likeness have in common: the first of them, read with care."""
    first = _read_entry(0, entry)
    if isinstance(first, Imported):
        known[likeness] = Common(first, (first.session, first.folder, first.branch))
    return known.get(likeness)


def _usual_counts(usage: Any) -> tuple[int | None, ...] | None:
    """The counts in the order of columns, when they are whole and add up and nothing else of the usage matters."""
    fresh, read, written, output, split = _OF_USAGE(usage)
    short_lived, long_lived = _OF_SPLIT(split)
    told = usage.get
    steps, tools = told("iterations"), told("server_tool_use")
    if (
        not type(fresh) is type(read) is type(written) is type(output) is type(short_lived) is type(long_lived) is int
        or not 0 < fresh | read | output | short_lived | long_lived < _USUAL_COUNT
        or written != short_lived + long_lived
        or told("service_tier") not in _USUAL
        or told("speed") not in _USUAL
        or told("inference_geo") not in _ANYWHERE
        or (steps and len(steps) > 1)
        or (tools and tools["web_search_requests"])
    ):
        return None
    return fresh + read + written, read, written, long_lived, None, None, None, output, None, None, None, None


def _quality(stop_reason: str | None, flags: tuple[str, ...]) -> UsageQuality:
    """Final counts are the provider's own; a line that was written before them holds what the stream began with.

    The stop reason comes in the same event as the final counts (`message_delta`), so a line that has it has them. All
    lines that people showed as wrong have none (claude-code#22686, #27361). How long a cache write lives, when only
    its sum is told, is our guess.
    """
    if stop_reason is None:
        return UsageQuality.PARTIAL
    return UsageQuality.ESTIMATED if _SPLIT_UNKNOWN in flags else UsageQuality.EXACT


def _key_without_id(entry: dict[str, Any], session: str | None) -> str | None:
    uuid = text(entry.get("uuid"))
    return f"{session or ''}:{uuid}" if uuid else None


def _counts(usage: Mapping[str, Any]) -> tuple[dict[str, int], tuple[str, ...]]:
    """Anthropic's counts exclude the cache, ours include it; what the split leaves out of the sum is short-lived."""
    told = usage.get
    read, flat = count(told("cache_read_input_tokens")), count(told("cache_creation_input_tokens"))
    split, long_lived, short_lived = told("cache_creation"), 0, 0
    if isinstance(split, dict):
        long_lived = count(split.get("ephemeral_1h_input_tokens"))
        short_lived = count(split.get("ephemeral_5m_input_tokens"))
    written = max(flat, long_lived + short_lived)
    counts = {
        "input_tokens": count(told("input_tokens")) + read + written,
        "cache_read_tokens": read,
        "cache_write_tokens": written,
        "cache_write_1h_tokens": long_lived,
        "output_tokens": count(told("output_tokens")),
    }
    tools = told("server_tool_use")
    if isinstance(tools, dict) and (searches := count(tools.get("web_search_requests"))):
        counts["web_searches"] = searches
    if not written or (split and flat == long_lived + short_lived):
        return counts, ()
    return counts, ("cache_write_split_differs",) if split else (_SPLIT_UNKNOWN,)


def _parts(iterations: object, model: str) -> tuple[tuple[str, dict[str, int]], ...]:
    """The steps of a response of several: its totals leave out compaction, and advisors have their own model."""
    if not isinstance(iterations, list) or len(iterations) < 2:
        return ()
    steps = [step for step in iterations if isinstance(step, dict)]
    return tuple((text(step.get("model")) or model, _counts(step)[0]) for step in steps)


def _sum(parts: tuple[tuple[str, dict[str, int]], ...]) -> dict[str, int]:
    total: dict[str, int] = {}
    for _, counts in parts:
        for name, value in counts.items():
            total[name] = total.get(name, 0) + value
    return total


def _context(usage: Mapping[str, Any]) -> dict[str, str]:
    context = {}
    tier, speed = text(usage.get("service_tier")), text(usage.get("speed"))
    if tier and tier != "standard":
        context["service_tier"] = tier
    if speed and speed != "standard":
        context["speed"] = speed
    geo = text(usage.get("inference_geo"))
    if geo and geo not in _ANYWHERE:
        context["inference_geo"] = geo
    return context
