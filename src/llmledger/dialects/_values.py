"""Values out of JSON that nobody vouches for: numbers as text, negative or absurd counts, wrong types, any nesting."""

import json
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, TypeAlias

Json: TypeAlias = Mapping[str, Any]

EMPTY: Json = {}

COUNT_BOUND = 10**15
"""No response consumed as much of anything; a larger count is a defect of the sender."""

_DIGITS = re.compile(r"-?\d{1,15}(\.0*)?")
_DECIMAL = re.compile(r"-?\d{1,15}(\.\d{1,24})?([eE]-?\d{1,2})?")
_NAME = re.compile(r"[\w.:/@+-]{1,64}")
_RAW_DEPTH, _RAW_WIDTH, _RAW_LEAVES = 6, 64, 512


class Flags:
    """Named rules and oddities in the order in which they were met, each once."""

    __slots__ = ("_names",)

    def __init__(self) -> None:
        self._names: dict[str, None] = {}

    def add(self, name: str) -> None:
        """Remember a name."""
        self._names[name] = None

    def discard(self, name: str) -> None:
        """Forget a name that later bytes made untrue."""
        self._names.pop(name, None)

    def names(self) -> tuple[str, ...]:
        """All names met so far."""
        return tuple(self._names)


def parse(data: bytes) -> Any:
    """Read JSON with exact decimals; None for whatever is no JSON."""
    try:
        return _DECODER.decode(data.decode("utf-8", "replace"))
    except (ValueError, RecursionError, ArithmeticError):
        return None


def _no_number(_name: str) -> None:
    """NaN and the infinities count as not told."""


# Made once: `json.loads` with options makes a decoder for every call, which costs more than reading a short event.
_DECODER = json.JSONDecoder(parse_float=Decimal, parse_constant=_no_number, strict=False)


def mapping(value: Any) -> Json:
    """The value if it is an object, else an empty one."""
    return value if isinstance(value, dict) else EMPTY


def objects(value: Any) -> list[Json]:
    """The objects in a list; nothing for anything else."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def name(value: Any, *, bound: int = 200) -> str | None:
    """A non-empty string, bounded; None for anything else."""
    return value[:bound] if isinstance(value, str) and value else None


def string(value: Any) -> str:
    """The value if it is a string, with lone surrogates replaced so that it can be written; else an empty one."""
    if not isinstance(value, str):
        return ""
    return value if value.isascii() else value.encode("utf-8", "replace").decode("utf-8")


def count(value: Any, flags: Flags) -> int | None:
    """A whole number of something: digits in text count, less than nothing is nothing, an absurd number is not told."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, str):
        if not _DIGITS.fullmatch(value.strip()):
            return None
        flags.add("count_as_text")
        value = Decimal(value.strip())
    if isinstance(value, Decimal):
        if not value.is_finite() or value.adjusted() > 15 or value != value.to_integral_value():
            flags.add("absurd_count")
            return None
        value = int(value)
    if not isinstance(value, int):
        return None
    if value < 0:
        flags.add("negative_count")
        return 0
    if value > COUNT_BOUND:
        flags.add("absurd_count")
        return None
    return value


def decimal(value: Any) -> Decimal | None:
    """An exact number of seconds or dollars that is not negative and not absurd; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, str, Decimal)):
        return None
    text = str(value).strip() if not isinstance(value, int) or abs(value) < COUNT_BOUND else ""
    if not _DECIMAL.fullmatch(text):
        return None
    exact = Decimal(text)
    return exact if exact >= 0 and exact.adjusted() <= 15 else None


def raw_usage(value: Any) -> dict[str, object] | None:
    """A provider's usage object as it may be kept: numbers, flags and short names, no content, bounded size."""
    if not isinstance(value, dict):
        return None
    kept = _kept(value, _RAW_DEPTH, [_RAW_LEAVES])
    return kept if isinstance(kept, dict) else None


def _kept(value: Any, depth: int, left: list[int]) -> object:
    left[0] -= 1
    if left[0] < 0 or depth == 0:
        return None
    if isinstance(value, dict):
        pairs = ((key, _kept(value[key], depth - 1, left)) for key in list(value)[:_RAW_WIDTH])
        return {key: item for key, item in pairs if isinstance(key, str) and _NAME.fullmatch(key)}
    if isinstance(value, list):
        return [_kept(item, depth - 1, left) for item in value[:_RAW_WIDTH]]
    return _kept_leaf(value)


def _kept_leaf(value: Any) -> object:
    if isinstance(value, str):
        return value if _NAME.fullmatch(value) else None
    if isinstance(value, Decimal):
        near = float(value)
        return near if Decimal(repr(near)) == value else str(value)[:64]
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > COUNT_BOUND:
        return None
    return value
