"""Requests and adjustments as JSON, exactly: for the inflight table and the spool, where a record waits for its row.

Fields that have their default are left out. The shape follows the dataclasses, so a field added there is kept here.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from functools import cache
from operator import attrgetter
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

Record = TypeVar("Record")
Decoder = Callable[[Any], Any]
Encoder = Callable[[Any], Any]


def to_json(record: object) -> str:
    """Write a frozen record as one line of ASCII JSON; lone surrogates and NUL are escaped, so any string survives."""
    return json.dumps(to_plain(record), separators=(",", ":"))


def from_json(kind: type[Record], line: str | bytes) -> Record:
    """Read a record back. Raises ValueError, TypeError or KeyError when it is not one."""
    return from_plain(kind, json.loads(line))


def to_plain(value: object) -> Any:
    """A frozen record, or a value of one, as plain JSON values."""
    return _encoder(cast(Any, type(value)))(value)


def from_plain(kind: type[Record], plain: Any) -> Record:
    """Read a record from plain JSON values."""
    record: Record = _decoder(cast(Any, kind))(plain)
    return record


def compact(value: object) -> str:
    """Write plain JSON values as they are stored: no spaces, real characters; a lone surrogate becomes U+FFFD."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


@cache
def _encoder(kind: type[Any]) -> Encoder:
    """How values of a type become plain; found once per type, since every request passes here."""
    if is_dataclass(kind):
        return _dataclass_encoder(kind)
    if issubclass(kind, Enum):
        return attrgetter("value")
    if issubclass(kind, datetime):
        return datetime.isoformat
    if issubclass(kind, bytes):
        return bytes.hex
    if issubclass(kind, Decimal):
        return lambda value: {"decimal": str(value)}
    if issubclass(kind, Mapping):
        return lambda value: {str(key): to_plain(inner) for key, inner in value.items()}
    if issubclass(kind, tuple | list):
        return lambda value: [to_plain(inner) for inner in value]
    return lambda value: value


_ATOMS = frozenset((str, int, bool, NoneType))


def _dataclass_encoder(kind: Any) -> Encoder:
    defaults = _defaults(kind)

    def encode(value: Any) -> dict[str, Any]:
        plain = {}
        for name, default, plain_default in defaults:
            inner = getattr(value, name)
            if inner is default:
                continue
            if type(inner) in _ATOMS:
                if inner != default:
                    plain[name] = inner
            # Comparing what was made of them is quicker than comparing two records field by field.
            elif (made := to_plain(inner)) != plain_default:
                plain[name] = made
        return plain

    return encode


def _defaults(kind: Any) -> tuple[tuple[str, Any, Any], ...]:
    """The fields of a record with their defaults, and with those as plain values; one that must be given has MISSING."""
    found = []
    for field in fields(kind):
        default = field.default_factory() if field.default_factory is not MISSING else field.default
        found.append((field.name, default, to_plain(default)))
    return tuple(found)


@cache
def _decoder(hint: Any) -> Decoder:
    if is_dataclass(hint):
        return _dataclass_decoder(hint)
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return _union_decoder(tuple(arguments))
    if origin is tuple:
        return _tuple_decoder(arguments)
    if hint is datetime:
        return _time
    if hint is bytes:
        return bytes.fromhex
    if isinstance(hint, type) and issubclass(hint, Enum):
        return hint
    return _as_it_is


def _dataclass_decoder(kind: Any) -> Decoder:
    decoders: dict[str, Decoder] = {}

    def decode(plain: Mapping[str, Any]) -> Any:
        if not decoders:
            hints = get_type_hints(kind)
            decoders.update({field.name: _decoder(hints[field.name]) for field in fields(kind)})
        # A field of a newer program is no reason to lose the record.
        return kind(**{name: decoders[name](inner) for name, inner in plain.items() if name in decoders})

    return decode


def _union_decoder(arguments: tuple[Any, ...]) -> Decoder:
    kinds = [kind for kind in arguments if kind is not NoneType]
    inner = _as_it_is if len(kinds) > 1 else _decoder(kinds[0])

    def decode(plain: Any) -> Any:
        return None if plain is None else inner(plain)

    return decode


def _tuple_decoder(arguments: tuple[Any, ...]) -> Decoder:
    if len(arguments) == 2 and arguments[1] is Ellipsis:
        each = _decoder(arguments[0])
        return lambda plain: tuple(each(inner) for inner in plain)
    decoders = [_decoder(kind) for kind in arguments]
    return lambda plain: tuple(decode(inner) for decode, inner in zip(decoders, plain, strict=True))


def _time(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _as_it_is(plain: Any) -> Any:
    if isinstance(plain, dict) and len(plain) == 1 and isinstance(plain.get("decimal"), str):
        return Decimal(plain["decimal"])
    return plain
