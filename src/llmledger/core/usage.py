"""Usage: what a request consumed, and the one registry of units that names every billed quantity.

Usage is *inclusive, with subsets*: `input_tokens` counts all input and `cache_read_tokens` is a part of it,
`output_tokens` counts all output and `reasoning_tokens` is a part of it, as in the OpenTelemetry GenAI conventions.
Zero means none was used, None means that nobody told us. Dialects convert every wire format to this; pricing takes it
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, fields
from decimal import Decimal
from functools import lru_cache
from operator import attrgetter
from typing import Any, Self, TypeAlias

Quantity: TypeAlias = int | Decimal


@dataclass(frozen=True, slots=True)
class Unit:
    """One billed quantity: its name, the unit it is a part of, and how a price for it is written."""

    name: str
    """Field of `Usage`, column of the ledger and JSON key."""
    code: str
    """Short stable name used inside stored components."""
    price_key: str
    """Key of a rate in a price table; a bare token price is USD per 1M, every other says its scale."""
    per: int
    """How many of the unit one price buys."""
    parent: str | None = None
    """The unit this one is counted inside, if any. A part without a price is charged as its parent."""
    column: bool = False
    """Whether the ledger has a column of its own for it; the rest share one JSON column."""


M = 1_000_000
K = 1_000

UNITS: tuple[Unit, ...] = (
    Unit("input_tokens", "i", "input", M, column=True),
    Unit("cache_read_tokens", "cr", "cache_read", M, "input_tokens", column=True),
    Unit("cache_write_tokens", "cw", "cache_write", M, "input_tokens", column=True),
    Unit("cache_write_1h_tokens", "cw1", "cache_write_1h", M, "cache_write_tokens", column=True),
    Unit("cache_write_12h_tokens", "cw12", "cache_write_12h", M, "cache_write_tokens", column=True),
    Unit("input_audio_tokens", "ia", "input_audio", M, "input_tokens", column=True),
    Unit("input_image_tokens", "ii", "input_image", M, "input_tokens", column=True),
    Unit("output_tokens", "o", "output", M, column=True),
    Unit("reasoning_tokens", "r", "reasoning", M, "output_tokens", column=True),
    Unit("output_audio_tokens", "oa", "output_audio", M, "output_tokens", column=True),
    Unit("output_image_tokens", "oi", "output_image", M, "output_tokens", column=True),
    Unit("web_searches", "ws", "per_1k_web_searches", K, column=True),
    Unit("input_video_tokens", "iv", "input_video", M, "input_tokens"),
    Unit("cache_read_audio_tokens", "cra", "cache_read_audio", M, "cache_read_tokens"),
    Unit("cache_read_image_tokens", "cri", "cache_read_image", M, "cache_read_tokens"),
    Unit("output_video_tokens", "ov", "output_video", M, "output_tokens"),
    Unit("citation_tokens", "ct", "citation", M, "output_tokens"),
    Unit("billed_requests", "rq", "per_1k_requests", K),
    Unit("storage_searches", "ss", "per_1k_storage_searches", K),
    Unit("maps_searches", "ms", "per_1k_maps_searches", K),
    Unit("code_sessions", "cs", "per_1k_code_sessions", K),
    Unit("tool_calls", "tc", "per_1k_tool_calls", K),
    Unit("text_messages", "tm", "per_1k_text_messages", K),
    Unit("images", "im", "per_1k_images", K),
    Unit("output_images", "oim", "per_1k_output_images", K),
    Unit("input_pixels", "ip", "per_1m_input_pixels", M),
    Unit("output_pixels", "op", "per_1m_output_pixels", M),
    Unit("audio_seconds", "as", "per_hour_audio", 3600),
    Unit("input_audio_seconds", "ias", "per_hour_input_audio", 3600, "audio_seconds"),
    Unit("output_audio_seconds", "oas", "per_hour_output_audio", 3600, "audio_seconds"),
    Unit("video_seconds", "vs", "per_hour_video", 3600),
    Unit("compute_seconds", "cps", "per_hour_compute", 3600),
    Unit("characters", "ch", "per_1m_characters", M),
    Unit("output_characters", "och", "per_1m_output_characters", M),
    Unit("document_pages", "dp", "per_1k_pages", K),
    Unit("annotated_pages", "ap", "per_1k_annotated_pages", K, "document_pages"),
    Unit("search_units", "su", "per_1k_search_units", K),
)
"""Every unit that a price table may price or a response may report, parents before their parts."""

OVERLAPS: Mapping[str, str] = {
    "cache_read_audio_tokens": "input_audio_tokens",
    "cache_read_image_tokens": "input_image_tokens",
}
"""Units that are a part of a second unit beside their parent: a cached audio token is audio and cached."""

UNIT_BY_NAME: Mapping[str, Unit] = {unit.name: unit for unit in UNITS}


def _wholes(unit: Unit) -> Iterator[str]:
    for whole in (unit.parent, OVERLAPS.get(unit.name)):
        if whole is not None:
            yield whole
            yield from _wholes(UNIT_BY_NAME[whole])


UNIT_BY_CODE: Mapping[str, Unit] = {unit.code: unit for unit in UNITS}
UNIT_BY_PRICE_KEY: Mapping[str, Unit] = {unit.price_key: unit for unit in UNITS}
COLUMN_UNITS: tuple[Unit, ...] = tuple(unit for unit in UNITS if unit.column)
ANCESTORS: Mapping[str, frozenset[str]] = {unit.name: frozenset(_wholes(unit)) for unit in UNITS}
"""Every unit that a unit is counted inside, nearest or not, by either parent."""
RARE_UNITS: tuple[Unit, ...] = tuple(unit for unit in UNITS if not unit.column)


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What one request consumed, inclusive with subsets; zero is none, None is not told.

    Token counts and counted things are integers; durations may be `Decimal` seconds.
    """

    input_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    cache_write_1h_tokens: int | None = None
    cache_write_12h_tokens: int | None = None
    input_audio_tokens: int | None = None
    input_image_tokens: int | None = None
    output_tokens: int | None = None
    reasoning_tokens: int | None = None
    output_audio_tokens: int | None = None
    output_image_tokens: int | None = None
    web_searches: int | None = None
    input_video_tokens: int | None = None
    cache_read_audio_tokens: int | None = None
    cache_read_image_tokens: int | None = None
    output_video_tokens: int | None = None
    citation_tokens: int | None = None
    billed_requests: int | None = None
    storage_searches: int | None = None
    maps_searches: int | None = None
    code_sessions: int | None = None
    tool_calls: int | None = None
    text_messages: int | None = None
    images: int | None = None
    output_images: int | None = None
    input_pixels: int | None = None
    output_pixels: int | None = None
    audio_seconds: Quantity | None = None
    input_audio_seconds: Quantity | None = None
    output_audio_seconds: Quantity | None = None
    video_seconds: Quantity | None = None
    compute_seconds: Quantity | None = None
    characters: int | None = None
    output_characters: int | None = None
    document_pages: int | None = None
    annotated_pages: int | None = None
    search_units: int | None = None

    @property
    def is_told(self) -> bool:
        """Whether anything at all was reported."""
        return any(getattr(self, name) is not None for name in _NAMES)

    @property
    def total_tokens(self) -> int | None:
        """All input plus all output, or None when neither was told."""
        if self.input_tokens is None and self.output_tokens is None:
            return None
        return (self.input_tokens or 0) + (self.output_tokens or 0)

    def told(self) -> dict[str, Quantity]:
        """The quantities that were reported, zeros included, in the registry's order."""
        return {name: value for name, value in zip(_NAMES, _VALUES(self), strict=True) if value is not None}

    def __iter__(self) -> Iterator[tuple[str, Quantity | None]]:
        """Every unit by name with its quantity, in the registry's order."""
        return ((name, getattr(self, name)) for name in _NAMES)

    def __add__(self, other: Self) -> Self:
        """Add unit by unit; what neither side told stays untold."""
        sums: dict[str, Any] = {name: _sum(getattr(self, name), getattr(other, name)) for name in _NAMES}
        return type(self)(**sums)


_NAMES: tuple[str, ...] = tuple(field.name for field in fields(Usage))
_VALUES = attrgetter(*_NAMES)


def _sum(left: Quantity | None, right: Quantity | None) -> Quantity | None:
    if left is None:
        return right
    return left if right is None else left + right


@dataclass(frozen=True, slots=True)
class Leaves:
    """A usage taken apart into disjoint quantities, and the parts that were larger than their whole."""

    quantities: Mapping[str, Quantity]
    overfull: tuple[str, ...] = ()


def leaves(usage: Usage, units: frozenset[str] | None = None) -> Leaves:
    """Take a usage apart into disjoint quantities: every unit less the parts that count for themselves.

    `units` names those that count for themselves (a rate passes the ones it prices); by default all do. A part not in
    `units` stays inside its nearest ancestor. A part larger than what is left of its whole leaves that whole with zero,
    never less, and the whole is named in `overfull`. Quantities of zero are kept when they were told.
    """
    return leaves_of(usage.told(), units)


def leaves_of(told: Mapping[str, Quantity], units: frozenset[str] | None = None) -> Leaves:
    """The same of what a usage told, in the registry's order."""
    rest: dict[str, Quantity] = {}
    overfull: list[str] = []
    for name, terms in _recipes(tuple(name for name in told if units is None or name in units)):
        quantity = told[name]
        for part, sign in terms:
            quantity -= sign * told[part]
        if quantity < 0:
            quantity = 0
            overfull.append(name)
        rest[name] = quantity
    return Leaves(rest, tuple(overfull))


@lru_cache(maxsize=4096)
def _recipes(counted: tuple[str, ...]) -> tuple[tuple[str, tuple[tuple[str, int], ...]], ...]:
    """For each counted unit, what is taken out of it; remembered, for the shape of a usage hardly ever changes."""
    taken: dict[str, list[tuple[str, int]]] = {name: [] for name in counted}
    for name in counted:
        for whole, sign in _deductions(UNIT_BY_NAME[name], taken):
            taken[whole].append((name, sign))
    return tuple((name, tuple(parts)) for name, parts in taken.items())


def _deductions(unit: Unit, counted: Collection[str]) -> Iterator[tuple[str, int]]:
    """The counted wholes that a part is taken out of; -1 gives back to a whole that two others took it from."""
    whole = _nearest_counted(unit.parent, counted)
    if unit.name not in OVERLAPS:
        if whole is not None:
            yield whole, 1
        return
    other = _nearest_counted(OVERLAPS[unit.name], counted)
    if whole is None or other is None or whole in ANCESTORS[other]:
        whole, other = other if other is not None else whole, None
    elif other in ANCESTORS[whole]:
        other = None
    if whole is None:
        return
    yield whole, 1
    if other is not None:
        yield other, 1
        shared = _nearest_counted(UNIT_BY_NAME[whole].parent, counted)
        if shared is not None:
            yield shared, -1


def _nearest_counted(name: str | None, counted: Collection[str]) -> str | None:
    while name is not None and name not in counted:
        name = UNIT_BY_NAME[name].parent
    return name
