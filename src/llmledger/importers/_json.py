"""Reading JSON that others wrote: fast where there is much of it, and never raising on what a value turns out to be."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from math import isfinite
from typing import Any

from llmledger.core.window import from_unix_ms


def loads(text: bytes) -> Any:
    """Parse JSON bytes; raises ValueError. Not for money: fractions become floats."""
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def quick_loads() -> Callable[[bytes], Any]:
    """The same as `loads` in less than half the time, for megabytes of lines: pydantic's parser takes 70 ms to import.

    What it refuses (a lone surrogate, as JavaScript writes it where it cuts an emoji) is tried again with `loads`.
    """
    from pydantic_core import from_json

    def parse(text: bytes) -> Any:
        try:
            return from_json(text, cache_strings="keys")
        except ValueError:
            return loads(text)

    return parse


def loads_exact(text: bytes | str) -> Any:
    """Parse JSON with fractions as Decimal, so that money in it stays exact; raises ValueError."""
    return json.loads(text, parse_float=Decimal)


def mapping(value: object) -> Mapping[str, Any]:
    """The value if it is an object, else an empty one; JSON inside a string is read too."""
    if isinstance(value, dict):
        return value
    if isinstance(value, str) and value.startswith("{"):
        try:
            inner = loads_exact(value)
        except ValueError:
            return {}
        return inner if isinstance(inner, dict) else {}
    return {}


def text(value: object) -> str | None:
    """The value if it is text with something in it, else None."""
    return value if isinstance(value, str) and value else None


def count(value: object) -> int:
    """A token count: what is no whole number, or is negative, or beyond 64 bits, counts as 0."""
    if type(value) is int:
        return value if 0 <= value < 1 << 62 else 0
    if isinstance(value, (float, Decimal)):
        return int(value) if isfinite(value) and 0 <= value < 1 << 62 else 0
    if isinstance(value, str) and value.isascii() and value.isdigit():
        return count(int(value[:20]))
    return 0


def told_count(value: object) -> int | None:
    """A token count that may be absent: None stays None."""
    return None if value is None else count(value)


def money(value: object) -> Decimal | None:
    """An exact amount from decimal text, an integer or a Decimal; None when it is none of these or not finite."""
    if isinstance(value, bool) or not isinstance(value, (str, int, Decimal)):
        return None
    try:
        amount = Decimal(value.strip().lstrip("$").replace(",", "") if isinstance(value, str) else value)
    except InvalidOperation:
        return None
    return amount if amount.is_finite() else None


_LAST_MS = 253_402_300_799_000


def moment(value: object) -> datetime | None:
    """A time from ISO text (UTC when it names no zone), Unix seconds or milliseconds; None when it cannot be one."""
    if isinstance(value, str):
        return _moment_of_text(value)
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
        return None
    unix_ms = value if value > 100_000_000_000 else value * 1000
    return from_unix_ms(int(unix_ms)) if 0 < unix_ms < _LAST_MS else None


def _moment_of_text(value: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        return None
    zone = at.tzinfo
    if zone is UTC:
        return at
    return at.replace(tzinfo=UTC) if zone is None else at.astimezone(UTC)


def milliseconds(since: datetime | None, until: datetime | None) -> int | None:
    """Whole milliseconds from one time to another; None when one is unknown or the order is wrong."""
    if since is None or until is None or until < since:
        return None
    return (until - since) // timedelta(milliseconds=1)
