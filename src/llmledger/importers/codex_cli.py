"""Codex CLI's rollouts: JSON lines with a session's head, the model of each turn, and usage in one of two forms.

Since 0.154 there is one `token_usage_record` per response with the provider's response id: exact, and the key. Before
that only `token_count`, which is emitted again unchanged (ccusage#1288), replayed by forks and sub-agents
(ccusage#897, #1175), and blind to compaction (openai/codex#47003). From the first record on only records count;
before it a token count is known by the running totals within the session it was forked from, so that replays fall
together.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from llmledger.core.words import Billing, UsageQuality
from llmledger.importers._contract import Checkpoint, Imported, Item, Location, LogFile, Problem, Witness
from llmledger.importers._json import count, mapping, moment, text
from llmledger.importers._lines import BLOCK, MarkedLines
from llmledger.importers._providers import LOCAL, known_as

SUMMARY = "Codex CLI: rollouts of sessions, archived ones too"
WITNESS = Witness.LOG
RETENTION_DAYS: int | None = None

_MARKERS = (b'"session_meta"', b'"turn_context"', b'"token_count"', b'"token_usage_record"')
_REPLAY = timedelta(seconds=2)
"""A fork writes what it inherits in one burst when it begins; no model answers its first prompt so soon."""
_ASSUMED_MODEL = "gpt-5"
"""The default of the versions (September 2025) that did not log their model."""


def find(home: Path, environ: Mapping[str, str]) -> tuple[Location, ...]:
    """Active and archived sessions of every configured home."""
    named = [Path(name.strip()).expanduser() for name in environ.get("CODEX_HOME", "").split(",") if name.strip()]
    patterns = ("**/rollout-*.jsonl", "**/rollout-*.jsonl.zst")
    return tuple(
        Location(folder / name, patterns)
        for folder in named or [home / ".codex"]
        for name in ("sessions", "archived_sessions")
    )


def billing(home: Path, environ: Mapping[str, str]) -> Billing | None:
    """Not told by any file that holds no secrets; the logs tell it by their rate limits."""
    return None


def recognises(head: bytes) -> bool:
    """A rollout begins with its session's head."""
    return b'"session_meta"' in head[:4096] and b'"payload"' in head


@dataclass(slots=True)
class _Session:
    """What has been read of one rollout so far."""

    session: str | None = None
    origin: str | None = None
    """The session it was forked from, else its own id: totals are known within it."""
    is_fork: bool = False
    began: str | None = None
    folder: str | None = None
    project: str | None = None
    branch: str | None = None
    provider: str = "openai"
    model: str | None = None
    tier: str | None = None
    is_plan: bool = False
    """Whether rate limits of a plan were seen: only subscriptions have them."""
    has_records: bool = False
    totals: list[int] | None = None


def read(file: LogFile) -> Iterator[Item]:
    """One request per response: by its record, or by a token count that moved the totals."""
    session = _Session(**{name: file.state[name] for name in file.state if name in _Session.__slots__})  # type: ignore[arg-type]
    searched = False
    with file.open() as stream:
        lines = MarkedLines(stream, _MARKERS, offset=file.offset)
        for block in lines.blocks():
            for found in block:
                if isinstance(found, Problem):
                    yield found
                    continue
                yield from _read_line(*found, file.parse, session=session)
                if session.is_fork and not searched:
                    searched = True
                    session.has_records = session.has_records or _has_records(file)
            yield Checkpoint(lines.end, asdict(session))


def _has_records(file: LogFile) -> bool:
    """Whether a forked rollout has records anywhere: then the counts before them are its parent's."""
    with file.open() as stream:
        tail = b""
        while chunk := stream.read(BLOCK):
            if _MARKERS[3] in tail + chunk:
                return True
            tail = chunk[-len(_MARKERS[3]) :]
    return False


def _read_line(at: int, line: bytes, parse: Callable[[bytes], Any], *, session: _Session) -> Iterator[Item]:
    try:
        entry = parse(line)
    except ValueError:
        yield Problem(at, "not JSON")
        return
    payload = mapping(entry.get("payload")) if isinstance(entry, dict) else {}
    kind = entry.get("type") if payload else None
    if kind == "session_meta":
        _begin(session, entry, payload)
    elif kind == "turn_context":
        session.model = text(payload.get("model")) or session.model
        session.tier = text(payload.get("service_tier"))
        session.folder = text(payload.get("cwd")) or session.folder
    elif kind == "token_usage_record":
        session.has_records = True
        yield from _record(at, entry, payload, session=session)
    elif payload.get("type") == "token_count":
        yield from _token_count(at, entry, payload, session=session)


def _begin(session: _Session, entry: Mapping[str, Any], payload: Mapping[str, Any]) -> None:
    """Take the first head; a fork repeats its parent's after its own."""
    if session.began is not None:
        return
    session.began = text(entry.get("timestamp")) or ""
    session.session = text(payload.get("session_id")) or text(payload.get("id"))
    forked_from = text(payload.get("forked_from_id")) or text(payload.get("parent_thread_id"))
    session.is_fork = forked_from is not None
    session.origin = forked_from or session.session
    session.folder = text(payload.get("cwd"))
    session.provider = known_as(text(payload.get("model_provider")) or "openai")
    git = mapping(payload.get("git"))
    session.branch = text(git.get("branch"))
    address = (text(git.get("repository_url")) or "").removesuffix(".git").rstrip("/")
    session.project = address.replace(":", "/").rpartition("/")[2] or None


def _record(
    at: int, entry: Mapping[str, Any], payload: Mapping[str, Any], *, session: _Session
) -> Iterator[Imported | Problem]:
    response_id, usage = text(payload.get("response_id")), mapping(payload.get("usage"))
    key = response_id or f"{payload.get('thread_id')}:{payload.get('turn_id')}:{_numbers(usage)}"
    yield from _request(
        at, entry, usage, session=session, key=f"codex:{key}", quality=UsageQuality.EXACT, response_id=response_id
    )


def _token_count(
    at: int, entry: Mapping[str, Any], payload: Mapping[str, Any], *, session: _Session
) -> Iterator[Imported | Problem]:
    session.is_plan = session.is_plan or bool(mapping(payload.get("rate_limits")).get("primary"))
    info = mapping(payload.get("info"))
    if session.has_records or not info:
        return
    totals, last = mapping(info.get("total_token_usage")), mapping(info.get("last_token_usage"))
    now, before = _numbers(totals or last), session.totals
    if now == before or _is_stale(now, before, _numbers(last) if last else None):
        return
    session.totals = now
    if session.is_fork and _is_replayed(entry, session):
        return
    usage = last or _difference(totals, before)
    key = ":".join(["codex", session.origin or "", session.model or _ASSUMED_MODEL, *map(str, now)])
    yield from _request(at, entry, usage, session=session, key=key, quality=UsageQuality.ESTIMATED, response_id=None)


def _numbers(usage: Mapping[str, Any]) -> list[int]:
    names = ("input_tokens", "cached_input_tokens", "output_tokens", "reasoning_output_tokens")
    return [count(usage.get(name)) for name in names]


def _is_stale(now: list[int], before: list[int] | None, last: list[int] | None) -> bool:
    """Whether totals fell back without having started anew (then they equal the last request)."""
    return before is not None and now[0] + now[2] < before[0] + before[2] and now != last


def _is_replayed(entry: Mapping[str, Any], session: _Session) -> bool:
    began, at = moment(session.began), moment(entry.get("timestamp"))
    return began is not None and at is not None and at - began < _REPLAY


def _difference(totals: Mapping[str, Any], before: list[int] | None) -> dict[str, int]:
    earlier = before or [0, 0, 0, 0]
    names = ("input_tokens", "cached_input_tokens", "output_tokens", "reasoning_output_tokens")
    return {name: max(0, now - then) for name, now, then in zip(names, _numbers(totals), earlier, strict=True)}


def _request(
    at: int,
    entry: Mapping[str, Any],
    usage: Mapping[str, Any],
    *,
    session: _Session,
    key: str,
    quality: UsageQuality,
    response_id: str | None,
) -> Iterator[Imported | Problem]:
    started_at = moment(entry.get("timestamp"))
    if started_at is None:
        yield Problem(at, "no timestamp")
        return
    counts = _counts(usage)
    if not any(counts.values()):
        return
    is_assumed = session.model is None
    yield Imported(
        key=key,
        started_at=started_at,
        provider=session.provider,
        model=session.model or _ASSUMED_MODEL,
        counts=counts,
        quality=UsageQuality.ESTIMATED if is_assumed else quality,
        session=session.session,
        folder=session.folder,
        project=session.project,
        branch=session.branch,
        provider_request_id=response_id,
        billing=_billing(session),
        price_context={"service_tier": session.tier} if session.tier else {},
        flags=("model_assumed",) if is_assumed else (),
        app="codex-cli",
        is_copy=session.is_fork,
    )


def _billing(session: _Session) -> Billing | None:
    if session.provider in LOCAL:
        return Billing.LOCAL
    return Billing.SUBSCRIPTION if session.is_plan else None


def _counts(usage: Mapping[str, Any]) -> dict[str, int]:
    """OpenAI's input includes what was cached, its output includes the reasoning, as ours do."""
    input_tokens, output = count(usage.get("input_tokens")), count(usage.get("output_tokens"))
    cached = min(count(usage.get("cached_input_tokens")), input_tokens)
    return {
        "input_tokens": input_tokens,
        "cache_read_tokens": cached,
        "cache_write_tokens": min(count(usage.get("cache_write_input_tokens")), input_tokens - cached),
        "output_tokens": output,
        "reasoning_tokens": min(count(usage.get("reasoning_output_tokens")), output),
    }
