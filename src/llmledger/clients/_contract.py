"""What every client fulfils: a tool of somebody else's whose own settings can send it to the proxy.

A client is a module of this folder with:

    SUMMARY: str          one line for people
    CLIENT: Client        where its settings are and what stands in them when it is connected

It eats the text of a settings file and says which values it wants where; it opens no file and changes none.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeAlias

Place: TypeAlias = tuple[str | int, ...]
"""Where a value stands: keys of mappings, numbers of list entries."""


class Unclear(Exception):
    """A settings file is written in a way that cannot be changed without risk for what else stands in it."""


@dataclass(frozen=True, slots=True)
class Proxy:
    """The proxy as a client sees it."""

    url: str
    """Its address without a slash at the end, with the prefix of a project if there is one."""

    def at(self, provider: str, rest: str = "") -> str:
        """The address of one provider behind it."""
        return f"{self.url}/{provider}{rest}"


@dataclass(frozen=True, slots=True)
class Setting:
    """One value that a connected tool has."""

    place: Place
    value: str
    provider: str | None = None
    """Whose address this is; None for a switch, which stays as it is when the user has set it."""

    @property
    def address(self) -> str:
        """The address in the value, which may have a name in front of it."""
        return address_in(self.value)


def address_in(value: str) -> str:
    """The address in a setting such as `http://x` or `NAME=http://x`; empty when there is none."""
    start = value.find("http")
    return value[start:] if start >= 0 else ""


class Syntax(Protocol):
    """How a settings file is written: a module of this folder that changes one value and leaves the rest alone."""

    def read(self, text: str) -> Any:
        """The values as mappings, lists and texts. Raises Unclear."""

    def put(self, text: str, place: Place, value: str) -> str:
        """The text with one value set. Raises Unclear."""

    def drop(self, text: str, place: Place) -> str:
        """The text without one value. Raises Unclear."""


@dataclass(frozen=True, slots=True)
class Machine:
    """Where settings are looked for."""

    home: Path
    environ: Mapping[str, str]
    folder: Path
    """The working folder."""


Wanted: TypeAlias = Callable[[Any, Proxy, Mapping[str, str]], tuple[Setting, ...]]
"""From the settings as they are, the proxy and the files beside them to the values of a connected tool.

Raises CannotConnect."""


def _nothing(_settings: Any, _proxy: Proxy, _beside: Mapping[str, str]) -> tuple[Setting, ...]:
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """A tool that can be connected, or that its user connects by hand."""

    title: str
    docs: str
    """The public page that names the settings."""
    folders: Callable[[Machine], tuple[Path, ...]]
    """The folders and files that show that the tool is used here."""
    programs: tuple[str, ...] = ()
    """Its commands."""
    syntax: Syntax | None = None
    """How its settings are written; None when they cannot be changed from outside."""
    file: Callable[[Machine], Path] | None = None
    """Where its settings are."""
    beside: tuple[str, ...] = ()
    """Names of files in the same folder that decide which values are wanted."""
    wanted: Wanted = _nothing
    notes: Callable[[Proxy], tuple[str, ...]] = lambda _: ()
    """What its user should know or do."""
    is_reachable: bool = True
    """False for a tool that cannot reach an address of this machine."""
    is_of_a_folder: bool = False
    """Whether its settings belong to the working folder, so that it is connected only when it is named."""
    variables: Callable[[Proxy], Mapping[str, str]] = lambda _: {}
    """What it reads from its environment beyond the variables of the official SDKs."""
    arguments: Callable[[tuple[Setting, ...]], tuple[str, ...]] = lambda _: ()
    """The wanted settings as words of its command line, where they go before its files."""
    is_told_by_arguments: bool = False
    """Whether it reads no variable, so that only its command line or its files can send it anywhere."""


def inner(settings: Any, place: Place) -> Any:
    """The value at a place; None when there is none."""
    found = settings
    for step in place:
        is_there = (
            isinstance(found, Mapping) and step in found
            if isinstance(step, str)
            else isinstance(found, list) and step < len(found)
        )
        if not is_there:
            return None
        found = found[step]
    return found


def config_home(on: Machine) -> Path:
    """The folder of settings by the XDG base directory specification."""
    told = Path(on.environ.get("XDG_CONFIG_HOME", ""))
    return told if told.is_absolute() else on.home / ".config"
