"""Importers: one file per tool whose logs tell what was requested, found by its name; each fulfils `_contract.py`."""

from importlib import import_module
from pathlib import Path
from typing import cast

from llmledger.errors import InputFileError
from llmledger.importers._contract import Importer


def names() -> tuple[str, ...]:
    """The log sources, by file name, without importing any."""
    return tuple(sorted(file.stem for file in Path(__file__).parent.glob("[a-z]*.py")))


def load(name: str) -> Importer:
    """Import one source's module; raises KeyError when there is none of that name."""
    if name not in names():
        raise KeyError(name)
    return cast(Importer, import_module(f"llmledger.importers.{name}"))


def recognise(path: Path, head: bytes) -> str:
    """Name the one source a file belongs to, by its first bytes; raises InputFileError when none or several take it."""
    found = [name for name in names() if load(name).recognises(head)]
    if len(found) == 1:
        return found[0]
    if not found:
        raise InputFileError(
            f"{path}: no log source recognises this file",
            hint=f"name its source: import --source NAME PATH, with one of {', '.join(names())}",
        )
    raise InputFileError(
        f"{path}: several log sources recognise this file: {', '.join(found)}",
        hint=f"name one: import --source {found[0]} PATH",
    )
