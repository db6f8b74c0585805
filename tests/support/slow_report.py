"""A report worked out the slow way: every fact by itself, in plain Python, with the calendar of `zoneinfo`."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from tests.support.ledger_rows import Fact


@dataclass(frozen=True)
class Entry:
    """A fact that counts so many times (-1 when it is taken away), or a change of money alone."""

    fact: Fact
    sign: int = 1
    money_only: int | None = None
    kind: str = "request"


def bucket_of(ms: int, bucket: str, zone: str) -> str:
    """The bucket that an instant falls in."""
    local = datetime.fromtimestamp(ms / 1000, UTC).astimezone(ZoneInfo(zone))
    if bucket == "hour":
        offset = f"{local:%z}"
        return f"{local:%Y-%m-%dT%H}:00{offset[:3]}:{offset[3:5]}"
    if bucket == "week":
        year, week, _ = local.isocalendar()
        return f"{year}-W{week:02d}"
    return f"{local:%Y-%m-%d}" if bucket == "day" else f"{local:%Y-%m}"


def value_of(fact: Fact, dimension: str, zone: str) -> str | None:
    """The value of a fact in one dimension."""
    if dimension in {"hour", "day", "week", "month"}:
        return bucket_of(fact.started_ms, dimension, zone)
    if dimension == "model":
        return fact.text
    if dimension.startswith("tag:"):
        return fact.tags.get(dimension[4:])
    value: str | None = getattr(fact, dimension)
    return value


def slow_sums(entries: Iterable[Entry], by: tuple[str, ...], zone: str) -> dict[tuple[str | None, ...], dict[str, int]]:
    """Sums per group; groups in which everything cancels out are left out."""
    groups: dict[tuple[str | None, ...], dict[str, int]] = {}
    for entry in entries:
        key = tuple(value_of(entry.fact, name, zone) for name in by)
        sums = groups.setdefault(key, {})
        for name, number in _numbers(entry).items():
            sums[name] = sums.get(name, 0) + number
    return {key: sums for key, sums in groups.items() if any(sums.values())}


def _numbers(entry: Entry) -> dict[str, int]:
    fact, sign = entry.fact, entry.sign
    plan = "plan_" if fact.billing == "subscription" else ""
    if entry.kind == "reconcile":
        return {f"{plan}reconciled": entry.money_only or 0}
    if entry.money_only is not None:
        return {f"{plan}cost": entry.money_only}
    return {
        "requests": sign,
        "failed": sign * fact.failed,
        "unpriced": sign * (fact.cost is None),
        "estimated": sign * fact.estimated,
        "untold": sign * fact.untold,
        **{name: sign * count for name, count in fact.usage.items()},
        f"{plan}cost": sign * (fact.cost or 0),
    }
