"""Connecting one tool, or taking that back: shown first, and written when that is meant."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from llmledger.cli._connect.tools import Tool, addresses_of_providers, beside_of, read_tool
from llmledger.cli._context import Surroundings
from llmledger.clients._contract import Proxy
from llmledger.errors import AnswerIsNo
from llmledger.operations.connect import State, connect, connect_again, disconnect, read_client
from llmledger.operations.connection_store import carry_out, forget, keep, kept, missing_folders, read_text
from llmledger.operations.settings_change import Change


@dataclass(frozen=True, slots=True)
class Done:
    """What was done about one tool, or would be."""

    tool: Tool
    state: str
    """As it stands afterwards; `would change` when nothing was written."""
    change: Change | None = None
    notes: tuple[str, ...] = ()
    kept_at: Path | None = None

    def row(self) -> Mapping[str, object]:
        """For JSON."""
        return {
            "tool": self.tool.name,
            "title": self.tool.client.title,
            "state": self.state,
            "file": self.change.file if self.change else self.tool.file,
            "diff": self.change.diff() if self.change else "",
            "notes": list(self.notes),
        }


def records(world: Surroundings) -> Path:
    """The folder of what was there before."""
    return world.paths.data / "connections"


def connected(world: Surroundings, tool: Tool, proxy: Proxy, *, is_meant: bool) -> Done:
    """Connect a tool; one that cannot be connected from here says what its user can do. Raises CannotConnect."""
    notes = tool.client.notes(proxy)
    reading = read_tool(tool, proxy)
    if reading is None:
        return Done(tool, State.BY_HAND if tool.client.is_reachable else State.UNREACHABLE, notes=notes)
    record = kept(records(world), tool.name)
    address_of = addresses_of_providers(world)
    if record is None:
        change, anew = connect(reading, address_of)
        anew = replace(anew, made=missing_folders(reading.file))
    else:
        beside = beside_of(tool)
        change, anew = connect_again(
            reading, record, address_of, lambda text: read_client(tool.client, reading.file, text, proxy, beside)
        )
    if change.is_nothing:
        return Done(tool, State.CONNECTED, change, notes)
    if not is_meant:
        return Done(tool, "would change", change, notes)
    where = keep(records(world), tool.name, anew)
    try:
        carry_out(change)
    except BaseException:
        with suppress(OSError):
            forget(records(world), tool.name) if record is None else keep(records(world), tool.name, record)
        raise
    return Done(tool, State.CONNECTED, change, notes, where)


def undone(world: Surroundings, tool: Tool, *, is_meant: bool) -> Done:
    """Take a connection back. Raises AnswerIsNo when there is none, CannotConnect when it cannot be taken back."""
    record = kept(records(world), tool.name)
    if record is None:
        raise AnswerIsNo(f"{tool.name} was not connected from here", hint="See how it stands: llmledger connect")
    change = disconnect(tool.client, read_text(record.file), record)
    if not is_meant:
        return Done(tool, "would change", change, change.notes)
    if not change.is_nothing:
        carry_out(change)
    forget(records(world), tool.name)
    return Done(tool, State.OPEN, change, change.notes)
