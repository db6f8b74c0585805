"""Rows that differ in little, as an import hands them over: packed by whoever reads, below the headings they share.

A million requests of a log share some thousands of headings (model, session, folder, rate ...). How they are written is
`bulk_insert`'s affair.
"""

import json
import marshal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from operator import itemgetter
from typing import Any, NamedTuple, TypeAlias

from llmledger.core.cost import components_from_json
from llmledger.core.request import Finished
from llmledger.core.usage import Usage
from llmledger.core.words import UsageQuality
from llmledger.ledger.rows import USAGE_COLUMNS, time_of
from llmledger.ledger.storable import LARGEST_COUNT, LARGEST_NANOUSD, LONGEST_NAME, storable

RowValues: TypeAlias = tuple[Any, ...]
"""A plain row: the number of its heading, source key, digest of that, then the values of `OWN` as they are stored."""
_KEY, DIGEST, REQUEST_ID, STARTED, _PROVIDER_ID, LATENCY, _FIRST_TOKEN, _USAGE = 1, 2, 3, 4, 5, 6, 7, 8
COST, _COMPONENTS = _USAGE + len(USAGE_COLUMNS), _USAGE + len(USAGE_COLUMNS) + 1
_WIDTH = _COMPONENTS + 1

OWN = (
    *("request_id", "started_ms", "provider_request_id", "latency_ms", "first_token_ms"),
    *(*USAGE_COLUMNS, "cost_nanousd", "components"),
)
"""The columns that each row has of its own, from `REQUEST_ID` on."""


class Heading:
    """What many requests have in common: a completed request that stands for all of them, its own figures aside."""

    __slots__ = ("is_exact", "template")

    def __init__(self, template: Finished) -> None:
        """Make the template storable: the rows below it are written as they are."""
        self.template = storable(template)
        self.is_exact = template.usage_quality is UsageQuality.EXACT


class Packed(NamedTuple):
    """Plain rows by what they have in common, in one order throughout."""

    keys: list[str]
    digests: bytes
    """16 bytes of each."""
    since_ms: int
    until_ms: int
    """The first moment at which one of them began, and the last at which one ended or began."""
    groups: list[tuple[int, tuple[int, ...], list[Any]]]
    """The number of a heading, the places in a row that are told, and these values of row after row."""


@dataclass(frozen=True, slots=True)
class Sheaf:
    """Plain rows of one source below their headings; packed, so that many of them wait in little memory."""

    source: str
    headings: Sequence[Heading]
    packed: bytes
    count: int

    def unpacked(self) -> Packed:
        """The rows as they were packed."""
        return Packed(*marshal.loads(self.packed))  # noqa: S302 - packed by this program

    def rows(self) -> list[RowValues]:
        """The rows, each whole."""
        told = self.unpacked()
        rows: list[RowValues] = []
        for heading, places, values in told.groups:
            for at in range(0, len(values), len(places)):
                row: list[Any] = [None] * _WIDTH
                row[0], row[_KEY] = heading, told.keys[len(rows)]
                row[DIGEST] = told.digests[16 * len(rows) : 16 * len(rows) + 16]
                for place, value in zip(places, values[at : at + len(places)], strict=True):
                    row[place] = value
                rows.append(tuple(row))
        return rows


def pack(rows: Sequence[RowValues]) -> bytes:
    """Rows as a sheaf holds them: those of a heading that tell the same columns lie together, in their order.

    What is unknown is left out: handing a NULL to SQLite takes longer than handing over a number.
    """
    groups: dict[tuple[int, tuple[int, ...]], tuple[list[RowValues], list[Any]]] = {}
    last: dict[int, tuple[Any, int, tuple[list[RowValues], list[Any]]]] = {}
    for row in rows:
        cut, unknown, group = last.get(row[0], _NONE_YET)
        values = cut(row)
        if row.count(None) != unknown or None in values:
            places = tuple(place for place in range(REQUEST_ID, _WIDTH) if row[place] is not None)
            cut, group = itemgetter(*places), groups.setdefault((row[0], places), ([], []))
            last[row[0]] = cut, row.count(None), group
            values = cut(row)
        group[0].append(row)
        group[1].extend(values)
    ordered = [row for own, _ in groups.values() for row in own]
    packed = Packed(
        keys=[row[_KEY] for row in ordered],
        digests=b"".join([row[DIGEST] for row in ordered]),
        since_ms=min([row[STARTED] for row in ordered], default=0),
        until_ms=max([row[STARTED] + (row[LATENCY] or 0) for row in ordered], default=0),
        groups=[(heading, places, values) for (heading, places), (_, values) in groups.items()],
    )
    return marshal.dumps(tuple(packed), 2)


_NONE_YET: tuple[Any, int, Any] = (lambda _: (None,), 0, None)


def is_plain(name: str) -> bool:
    """Whether a name needs no mending."""
    return name.isascii() and len(name) <= LONGEST_NAME and "\x00" not in name


def is_storable(told: Sequence[Any], counts: Mapping[str, int], cost_nanousd: int) -> bool:
    """Whether nothing in a row's own values needs mending; else it goes the long way.

    `told` is the provider's request id, the latency and the time to the first token.
    """
    provider_id, latency_ms, first_token_ms = told
    if provider_id is not None and not is_plain(provider_id):
        return False
    largest = max(*counts.values(), latency_ms or 0, first_token_ms or 0)
    return largest <= LARGEST_COUNT and cost_nanousd <= LARGEST_NANOUSD


def whole_of(heading: Heading, row: RowValues) -> Finished:
    """The request of a plain row, for the long way."""
    template = heading.template
    cost, components = row[COST], row[_COMPONENTS]
    charged = replace(
        template.charged,
        cost_nanousd=cost,
        computed_nanousd=cost,
        components=components_from_json(json.loads(components)) if components else (),
    )
    return replace(
        template,
        begun=replace(template.begun, request_id=row[REQUEST_ID], started_at=time_of(row[STARTED])),
        usage=Usage(**dict(zip(USAGE_COLUMNS, row[_USAGE:COST], strict=True))),
        charged=charged,
        provider_request_id=row[_PROVIDER_ID],
        latency_ms=row[LATENCY],
        first_token_ms=row[_FIRST_TOKEN],
        source_key=row[_KEY],
    )
