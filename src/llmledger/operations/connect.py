"""Point a tool of somebody else's at the proxy by its own settings file, and take that back exactly.

Nothing is searched for here: the file, the folder of the records and the addresses of providers are given.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from llmledger.clients._contract import Client, Place, Proxy, Setting, Syntax, Unclear, address_in, inner
from llmledger.core.address import parts_of
from llmledger.errors import CannotConnect
from llmledger.operations.settings_change import Change, Edit, Record, text_hash, way_back

AddressOf = Callable[[str], str | None]
"""From a provider's name to where it is reached from here."""

LOOPBACK = ("127.0.0.1", "localhost", "::1")


class State(StrEnum):
    """How a tool stands to the proxy."""

    CONNECTED = "connected"
    OPEN = "not connected"
    ELSEWHERE = "goes elsewhere"
    """To another gateway, or to a proxy at another address."""
    BY_HAND = "by hand"
    UNREACHABLE = "cannot be"


@dataclass(frozen=True, slots=True)
class Reading:
    """A settings file as it is, and what a connected tool has in it."""

    client: Client
    file: Path
    text: str | None
    wanted: tuple[Setting, ...]
    present: tuple[str | None, ...]
    """The value of each wanted setting now."""


def read_client(client: Client, file: Path, text: str | None, proxy: Proxy, beside: Mapping[str, str]) -> Reading:
    """Look at a tool's settings. Raises CannotConnect."""
    try:
        settings = _syntax(client).read(text or "")
    except Unclear:
        raise _unclear(client, file, ()) from None
    wanted = client.wanted(settings, proxy, beside)
    found = [inner(settings, one.place) for one in wanted]
    return Reading(client, file, text, wanted, tuple(None if one is None else str(one) for one in found))


def state_of(reading: Reading, address_of: AddressOf) -> State:
    """Whether the tool is connected to the proxy of the reading."""
    addresses = [(one, now) for one, now in zip(reading.wanted, reading.present, strict=True) if one.provider]
    if all(now is not None and _is_same_proxy(one, now) for one, now in addresses):
        return State.CONNECTED
    is_elsewhere = any(now is not None and not _is_own(one, now, address_of) for one, now in addresses)
    return State.ELSEWHERE if is_elsewhere else State.OPEN


def addresses(reading: Reading) -> Iterator[str]:
    """The addresses that the tool goes to now, as far as its settings name any."""
    for one, now in zip(reading.wanted, reading.present, strict=True):
        if one.provider and now and (found := address_in(now)):
            yield found


def connect(reading: Reading, address_of: AddressOf) -> tuple[Change, Record]:
    """What connects a tool: its own settings with the wanted values, everything else as it was; and the way back.

    A switch that the user has set stays. An address of another gateway is not replaced: the key it is used with would go
    to somebody else. Raises CannotConnect.
    """
    client, syntax = reading.client, _syntax(reading.client)
    texts, edits = [reading.text or ""], []
    for one, now in zip(reading.wanted, reading.present, strict=True):
        if now == one.value or (now is not None and one.provider is None):
            continue
        if now is not None and not _is_own(one, now, address_of) and not _is_proxy(one, now):
            raise _elsewhere(client, one, now)
        edits.append(Edit(one.place, now, one.value))
        try:
            texts.append(syntax.put(texts[-1], one.place, one.value))
        except Unclear:
            raise _unclear(client, reading.file, reading.wanted) from None
    settings = syntax.read(texts[0])
    outer = {edit.place[:length] for edit in edits for length in range(1, len(edit.place))}
    record = Record(
        file=reading.file,
        is_new=reading.text is None,
        after_hash=text_hash(texts[-1]),
        patches=way_back(texts),
        edits=tuple(edits),
        created=tuple(place for place in sorted(outer, key=len) if inner(settings, place) is None),
    )
    return Change(file=reading.file, before=reading.text, after=texts[-1] if edits else reading.text), record


def connect_again(
    reading: Reading, record: Record, address_of: AddressOf, look: Callable[[str | None], Reading]
) -> tuple[Change, Record]:
    """What connects a tool that is connected already, perhaps otherwise; the way back leads to what the user had.

    `look` reads the tool's settings anew from another text. Raises CannotConnect.
    """
    if record.file != reading.file:
        raise CannotConnect(
            f"{reading.client.title} is connected in {record.file} already", hint="Take that back first: --undo"
        )
    own = disconnect(reading.client, reading.text, record)
    change, anew = connect(look(own.after), address_of)
    return replace(change, before=reading.text), replace(anew, made=record.made)


def disconnect(client: Client, text: str | None, record: Record) -> Change:
    """What takes a connection back. Raises CannotConnect when the file has changed so that it cannot be.

    A file that is as it was left becomes what it was before, byte for byte; of one that was edited since only the
    values are taken back, and those that the user has changed stay.
    """
    file, syntax = record.file, _syntax(client)
    if text is None:
        return Change(file=file, before=None, after=None, notes=(f"{file} is not there any more.",))
    if record.is_of(text):
        return Change(file=file, before=text, after=record.restored(text), made=record.made)
    notes = []
    edited = text
    try:
        for edit in reversed(record.edits):
            place = _found(syntax.read(edited), edit)
            if place is None:
                notes.append(f"{_name(edit.place)} was changed since and stays as it is.")
            elif edit.before is not None:
                edited = syntax.put(edited, place, edit.before)
            else:
                edited = _without_empty(syntax, syntax.drop(edited, place), place, record)
        is_left = bool(syntax.read(edited)) or not record.is_new
    except Unclear:
        raise CannotConnect(
            f"{file} was changed since, so that the connection cannot be taken back by itself",
            hint="Take these out yourself: "
            + ", ".join(f"{_name(edit.place)} = {edit.after}" for edit in record.edits),
        ) from None
    return Change(file=file, before=text, after=edited if is_left else None, notes=tuple(notes), made=record.made)


def _syntax(client: Client) -> Syntax:
    if client.syntax is None:
        raise TypeError("only a tool with a settings file can be read and connected")
    return client.syntax


def _without_empty(syntax: Syntax, text: str, place: Place, record: Record) -> str:
    """The text without what the connection made on the way to a value and nobody else has filled since."""
    for length in range(len(place) - 1, 0, -1):
        outer = place[:length]
        settings = syntax.read(text)
        if outer not in record.created or inner(settings, outer):
            break
        if outer[-1] in (inner(settings, outer[:-1]) or {}):
            text = syntax.drop(text, outer)
    return text


def _found(settings: object, edit: Edit) -> Place | None:
    """Where the value that was set stands now: at its place, or elsewhere in its list."""
    if inner(settings, edit.place) == edit.after:
        return edit.place
    listed = inner(settings, edit.place[:-1])
    if isinstance(edit.place[-1], int) and isinstance(listed, list) and edit.after in listed:
        return (*edit.place[:-1], listed.index(edit.after))
    return None


def _is_own(setting: Setting, now: str, address_of: AddressOf) -> bool:
    """Whether an address that is set already is the provider's own."""
    own = parts_of(address_of(setting.provider or "") or "")
    told = parts_of(address_in(now))
    return (told.hostname, told.port) == (own.hostname, own.port) and bool(told.hostname)


def _is_proxy(setting: Setting, now: str) -> bool:
    """Whether an address is one that we set, perhaps with another port or project."""
    told = parts_of(address_in(now))
    return told.hostname in LOOPBACK and door(now) in {door(setting.value), *_LOGINS}


_LOGINS = ("openai", "chatgpt")
"""The two addresses of one tool, by how its user has signed in."""


def door(value: str) -> str:
    """The provider in an address behind the proxy."""
    return re.sub(r"^(/[pu]/[^/]+)*/", "", parts_of(address_in(value)).path).partition("/")[0]


def _is_same_proxy(setting: Setting, now: str) -> bool:
    """Whether an address leads to the proxy of a setting, perhaps for another project."""
    return now == setting.value or (
        _is_proxy(setting, now) and parts_of(address_in(now)).netloc == parts_of(setting.address).netloc
    )


def _elsewhere(client: Client, setting: Setting, now: str) -> CannotConnect:
    host = parts_of(address_in(now)).hostname or "another address"
    return CannotConnect(
        f"{client.title} goes to {host} already ({_name(setting.place)})",
        hint="Take that out first; or let the proxy forward there: "
        f"llmledger config set providers.{setting.provider}.base_url ADDRESS",
    )


def _unclear(client: Client, file: Path, wanted: tuple[Setting, ...]) -> CannotConnect:
    lines = "".join(f"\n  {_name(one.place)} = {one.value}" for one in wanted)
    return CannotConnect(
        f"{client.title}: {file} is written in a way that cannot be changed safely",
        hint=f"Set these yourself ({client.docs}):{lines}" if lines else f"Correct it, or see {client.docs}",
    )


def _name(place: Place) -> str:
    """A place as people write it."""
    return ".".join(str(step) for step in place)
