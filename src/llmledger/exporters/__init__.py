"""Export formats: one file each, found by listing this folder, imported only when it is used."""

from importlib import import_module
from pathlib import Path
from typing import cast

from llmledger.errors import UsageError
from llmledger.exporters._contract import Exporter

_ENDING = "_text"
"""A file name may end so, where the format's own name would shadow a module of the standard library."""


def names() -> tuple[str, ...]:
    """Every format."""
    found = (path.stem for path in Path(__file__).parent.glob("*.py") if not path.stem.startswith("_"))
    return tuple(sorted(stem.removesuffix(_ENDING) for stem in found))


def load(name: str) -> Exporter:
    """Import one format; raises UsageError for one that is not there."""
    if name not in names():
        raise UsageError(f"there is no export format {name!r}", hint=f"Use {', '.join(names())}.")
    stem = name if (Path(__file__).parent / f"{name}.py").exists() else f"{name}{_ENDING}"
    return cast(Exporter, import_module(f"llmledger.exporters.{stem}"))
