"""Hours of a cheaper price, as litellm writes them: UTC hours, weekdays from 1 (Monday), in a zone of their own."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from llmledger.core.usage import M
from llmledger.pricebook.genai import exact

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_SHIFTS = {"UTC": 0, "Asia/Shanghai": 8}
"""Zones in which weekdays are counted, and their hours ahead of UTC; neither has summer time."""
_PRICES = {
    "input_cost_per_token": "input",
    "cache_read_input_token_cost": "cache_read",
    "output_cost_per_token": "output",
}


def windows(theirs: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """The windows of an off-peak price, hours told in the zone whose weekdays count."""
    if theirs is None:
        return []
    zone = theirs.get("weekday_timezone", "UTC")
    prices = {ours: exact(Decimal(theirs[name]) * M) for name, ours in _PRICES.items() if name in theirs}
    return [
        {
            "hours": sorted(_shifted(one["hours_utc"], _SHIFTS[zone])),
            "days": [_day(day) for day in one.get("weekdays", ())],
            "tz": zone,
            **prices,
        }
        for one in theirs.get("windows", [theirs])
    ]


def _day(theirs: int | str) -> str:
    """Older issues name weekdays, newer ones number them from Monday."""
    return theirs[:3].lower() if isinstance(theirs, str) else _DAYS[theirs - 1]


def _shifted(hours: str | list[str], shift: int) -> Iterator[list[str]]:
    for span in [hours] if isinstance(hours, str) else hours:
        start, end = (int(text.split(":")[0]) for text in span.split("-"))
        length = (end - start) % 24 or 24
        begin = (start + shift) % 24
        if length == 24:
            yield ["00:00", "24:00"]
        elif begin + length <= 24:
            yield [f"{begin:02d}:00", f"{begin + length:02d}:00"]
        else:
            yield [f"{begin:02d}:00", "24:00"]
            yield ["00:00", f"{begin + length - 24:02d}:00"]
