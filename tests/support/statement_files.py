"""A statement written to a file and read back as lines, for tests of single readers."""

import gzip
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from llmledger.core.statement import StatementLine
from llmledger.statements import read, recognise


def read_text(
    folder: Path, text: str | bytes, *, name: str = "statement.csv", rules: Mapping[str, Any] | None = None
) -> list[StatementLine]:
    """The lines of a file with this content, whichever reader recognises it."""
    path = folder / name
    path.write_bytes(text.encode("utf-8") if isinstance(text, str) else text)
    return read_file(path, rules=rules)


def read_file(path: Path, *, rules: Mapping[str, Any] | None = None) -> list[StatementLine]:
    """The lines of every statement in a file."""
    return [line for statement, parts in recognise(path, rules=rules) for line in read(statement, parts)]


def zipped(path: Path, members: Mapping[str, str]) -> Path:
    """A ZIP with these members."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in members.items():
            archive.writestr(name, text)
    return path


def gzipped(path: Path, text: str) -> Path:
    """A gzip file with this content."""
    path.write_bytes(gzip.compress(text.encode("utf-8"), mtime=0))
    return path
