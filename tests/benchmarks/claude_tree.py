"""Writes an invented tree of Claude Code logs of any size: `python tests/benchmarks/claude_tree.py FOLDER MESSAGES`.

Sessions of 500 answers in 40 projects; every answer has a user's line before it, every tenth an earlier snapshot with a
smaller output, every fiftieth session a sub-agent's file that repeats some answers. A message comes to about 1.7 KB of
file, as in the trees that people reported. The text is filler; the numbers come from a fixed seed.
"""

import json
import random
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

ANSWERS = 500
PROJECTS = 40
_START = datetime(2026, 5, 1, 8, tzinfo=UTC)
_FILLER = "The quick brown fox jumps over the lazy dog while the invented assistant explains nothing at all. "


def write_tree(folder: Path, messages: int, *, seed: int = 7) -> int:
    """Write `messages` distinct answers below `folder/projects`; returns the bytes written."""
    dice = random.Random(seed)
    written = 0
    for session in range(-(-messages // ANSWERS)):
        count = min(ANSWERS, messages - session * ANSWERS)
        project = folder / "projects" / f"-home-u-project{session % PROJECTS}"
        lines = list(_session(session, count, dice))
        written += _write(project / f"{_uuid(session)}.jsonl", lines)
        if session % 50 == 0:
            replayed = [line.replace('"isSidechain":false', '"isSidechain":true') for line in lines[3:40]]
            written += _write(project / _uuid(session) / "subagents" / f"agent-{session:08x}.jsonl", replayed)
    return written


def _write(path: Path, lines: list[str]) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    content = "".join(lines).encode()
    path.write_bytes(content)
    return len(content)


def _uuid(session: int) -> str:
    return f"{session:08x}-0000-4000-8000-{session:012x}"


def _session(session: int, count: int, dice: random.Random) -> Iterator[str]:
    at = _START + timedelta(minutes=17 * session)
    for answer in range(count):
        at += timedelta(seconds=dice.randint(3, 40))
        yield _user_line(session, at)
        usage = _usage(dice)
        if answer % 10 == 0:
            early = {**usage, "output_tokens": 1}
            yield _answer_line(session, answer, at, usage=early, stop_reason=None, text=40)
        at += timedelta(seconds=2)
        yield _answer_line(session, answer, at, usage=usage, stop_reason="tool_use", text=dice.randint(100, 900))


def _usage(dice: random.Random) -> dict[str, object]:
    written = dice.randint(0, 4000)
    return {
        "input_tokens": dice.randint(1, 20),
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": dice.randint(5000, 90000),
        "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": written},
        "output_tokens": dice.randint(5, 2500),
        "service_tier": "standard",
    }


def _head(session: int, at: datetime) -> dict[str, object]:
    return {
        "parentUuid": f"{session:08x}-1111-4111-8111-111111111111",
        "isSidechain": False,
        "userType": "external",
        "cwd": f"/home/u/project{session % PROJECTS}",
        "sessionId": _uuid(session),
        "version": "2.1.40",
        "gitBranch": "main" if session % 3 else "feature/ledger",
        "timestamp": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    }


def _user_line(session: int, at: datetime) -> str:
    entry = {**_head(session, at), "type": "user", "message": {"role": "user", "content": _FILLER}}
    return json.dumps(entry, separators=(",", ":")) + "\n"


def _answer_line(
    session: int, answer: int, at: datetime, *, usage: dict[str, object], stop_reason: str | None, text: int
) -> str:
    model = "claude-sonnet-4-5-20250929" if answer % 4 else "claude-opus-4-1-20250805"
    message = {
        "model": model,
        "id": f"msg_01{session:010x}{answer:012x}",
        "type": "message",
        "role": "assistant",
        "content": [{"type": "text", "text": (_FILLER * 10)[:text]}],
        "stop_reason": stop_reason,
        "usage": usage,
    }
    entry = {
        **_head(session, at),
        "message": message,
        "requestId": f"req_011{session:08x}{answer:010x}",
        "type": "assistant",
        "uuid": f"{session:08x}-2222-4222-8222-{answer:012x}",
    }
    return json.dumps(entry, separators=(",", ":")) + "\n"


if __name__ == "__main__":
    size = write_tree(Path(sys.argv[1]), int(sys.argv[2]))
    sys.stdout.write(f"{size:,} bytes\n")
