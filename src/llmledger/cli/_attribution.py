"""For whom a request of this command line is made: its flags, variables such as LLMLEDGER_PROJECT, settings, git."""

import socket
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from llmledger.cli._context import surroundings

if TYPE_CHECKING:
    from llmledger.config import MapRule
    from llmledger.core.request import Attribution

PANEL = "For whom (or LLMLEDGER_CLIENT, LLMLEDGER_PROJECT ...)"
APP = "llmledger"

ClientOption = Annotated[str | None, typer.Option("--client", metavar="NAME", help="For whom.", rich_help_panel=PANEL)]
UserOption = Annotated[str | None, typer.Option("--user", metavar="NAME", help="By whom.", rich_help_panel=PANEL)]
TeamOption = Annotated[str | None, typer.Option("--team", metavar="NAME", help="Their team.", rich_help_panel=PANEL)]
ProjectOption = Annotated[
    str | None,
    typer.Option("--project", metavar="NAME", help="For what; the git root's name by default.", rich_help_panel=PANEL),
]
OperationOption = Annotated[
    str | None, typer.Option("--operation", metavar="NAME", help="The kind of work.", rich_help_panel=PANEL)
]
SessionOption = Annotated[
    str | None, typer.Option("--session", metavar="NAME", help="One conversation.", rich_help_panel=PANEL)
]
TagOption = Annotated[
    list[str] | None, typer.Option("--tag", metavar="K=V", help="A tag; repeatable.", rich_help_panel=PANEL)
]


def attribution(
    flags: Mapping[str, str | None], tags: Sequence[str] | None, *, key: str | None = None
) -> "Attribution":
    """For whom a request is made that this command line sends; `key` is the fingerprint of the API key."""
    from llmledger.operations.attribute import Told, attribute, read_tags

    world = surroundings()
    told = Told(
        flags=flags,
        tags=read_tags(tags or ()),
        environ=world.environ,
        configured=world.config.attribution,
        rules=map_rules(),
        app=APP,
        host=socket.gethostname() or None,
        key=key,
    )
    return attribute(told, world.folder)


def default_attribution() -> "Attribution":
    """For whom requests are that say nothing themselves: the environment and the settings, but not this folder."""
    from llmledger.operations.attribute import Told, attribute

    world = surroundings()
    host = socket.gethostname() or None
    return attribute(Told(environ=world.environ, configured=world.config.attribution, host=host), None)


def map_rules() -> "tuple[MapRule, ...]":
    """The `[[map]]` rules of the settings, `~` in their paths as the user's home."""
    return tuple(replace(rule, matches=_expanded(rule.matches)) for rule in surroundings().config.map)


def _expanded(matches: Mapping[str, str]) -> dict[str, str]:
    return {name: str(Path(glob).expanduser()) if name == "path" else glob for name, glob in matches.items()}
