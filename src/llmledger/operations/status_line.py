"""The line for a prompt or an editor: what this session and this day cost so far. It never fails.

It starts in a few milliseconds, many times a minute: standard library only, and little of that.
"""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

from llmledger.core.counted import counted
from llmledger.core.money import money_text
from llmledger.errors import StorageError
from llmledger.ledger.glance import Glance, glance, home_zone

LONGEST_SESSION_DAYS = 7
"""How far back a session is looked for."""


def status_line(path: str, *, now: datetime, zone: str | None = None, hook: str = "") -> str:
    """One line: the model that the hook names, the session's cost, the day's cost. Never fails.

    `hook` is the JSON that Claude Code and others pipe in: `model.display_name` and `session_id` are read.
    """
    try:
        return " · ".join(_parts(path, now, zone, _hook(hook)))
    except (StorageError, OSError):
        return "llmledger: no ledger to read"


def _parts(path: str, now: datetime, zone: str | None, hook: Mapping[str, object]) -> list[str]:
    clock = _zone(zone or home_zone(path))
    local = now.astimezone(clock)
    midnight = datetime(local.year, local.month, local.day, tzinfo=clock)
    following = midnight.date() + timedelta(days=1)
    end = datetime(following.year, following.month, following.day, tzinfo=clock)
    parts = []
    model = hook.get("model")
    if isinstance(model, dict) and isinstance(model.get("display_name"), str):
        parts.append(_one_line(model["display_name"]))
    session = hook.get("session_id")
    if isinstance(session, str) and session:
        begin = midnight - timedelta(days=LONGEST_SESSION_DAYS)
        parts.append(f"session {_cost(glance(path, _ms(begin), _ms(end), session))}")
    day = glance(path, _ms(midnight), _ms(end))
    parts.append(f"today {_cost(day)} ({counted(day.requests, 'request')})")
    return parts


def _hook(text: str) -> Mapping[str, object]:
    try:
        found = json.loads(text) if text.strip() else {}
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return ZoneInfo("UTC")


def _cost(seen: Glance) -> str:
    return f"{money_text(seen.nanousd)}{'+' if seen.unpriced and seen.nanousd is not None else ''}"


def _ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)


def _one_line(text: str) -> str:
    return " ".join("".join(character if character.isprintable() else " " for character in text).split())[:60]
