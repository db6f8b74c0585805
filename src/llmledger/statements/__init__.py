"""Statement readers: one file per format. `recognise` asks all of them and accepts exactly one answer."""

import csv
import zlib
from collections.abc import Iterator, Mapping
from importlib import import_module
from itertools import chain
from pathlib import Path
from typing import Any, cast
from zipfile import BadZipFile

from llmledger.core.statement import Statement, StatementLine
from llmledger.errors import InputFileError
from llmledger.statements._contract import Part, Reader
from llmledger.statements._parts import open_parts, refuse_pdf, sha256_of

HINT = "Known formats: `reconcile --formats`. Any other table: reconcile --init-rules FILE drafts rules for it."


def names() -> list[str]:
    """The formats we read, by listing the folder; imports none of them."""
    return sorted(path.stem for path in Path(__file__).parent.glob("*.py") if not path.stem.startswith("_"))


def load(name: str) -> Reader:
    """Import the reader of a format."""
    return cast(Reader, import_module(f"{__name__}.{name}"))


def recognise(path: Path, *, rules: Mapping[str, Any] | None = None) -> list[tuple[Statement, list[Part]]]:
    """Say which format a file has, by asking every reader; a ZIP may hold several statements.

    With `rules` it is read by them. Raises `InputFileError` when no reader knows it, when two do (naming both), or when it is
    a PDF (naming where the data is to be had).
    """
    refuse_pdf(path)
    parts = open_parts(path, rules or {})
    by_format: dict[str, list[Part]] = {}
    for part in parts:
        by_format.setdefault("generic_csv" if rules else _format_of(part), []).append(part)
    digest = sha256_of(path)
    known = {name: group for name, group in by_format.items() if name}
    if not known:
        raise InputFileError(f"{path.name} is in no format that we know", hint=HINT)
    several = len(known) > 1
    return [
        (
            Statement(
                name=f"{path.name}:{name}" if several else path.name,
                sha256=f"{digest}:{name}" if several else digest,
                format_name=name,
                format=load(name).FORMAT,
            ),
            group,
        )
        for name, group in sorted(known.items())
    ]


def _format_of(part: Part) -> str:
    found = [name for name in names() if load(name).recognises(part.head)]
    if len(found) > 1:
        raise InputFileError(
            f"{part.name} is recognised as both {' and '.join(found)}", hint="Please report this file's header."
        )
    return found[0] if found else ""


def read(statement: Statement, parts: list[Part]) -> Iterator[StatementLine]:
    """Yield the lines of a recognised statement; a statement without one usable line is an error, never a zero."""
    lines = _guarded(statement, load(statement.format_name).read(parts))
    first = next(lines, None)
    if first is None:
        raise InputFileError(f"{statement.name} has no usable row", hint="Choose a period with usage and export again.")
    return chain((first,), lines)


def _guarded(statement: Statement, lines: Iterator[StatementLine]) -> Iterator[StatementLine]:
    try:
        yield from lines
    except UnicodeError:
        raise InputFileError(
            f"{statement.name} is not UTF-8 text", hint="Save it as UTF-8, or download it again."
        ) from None
    except csv.Error as reason:
        raise InputFileError(f"{statement.name} is no readable table: {reason}", hint="Download it again.") from None
    except (EOFError, BadZipFile, zlib.error) as reason:
        raise InputFileError(f"{statement.name} is cut or damaged: {reason}", hint="Download it again.") from None
    except (OSError, OverflowError) as reason:
        raise InputFileError(f"{statement.name} cannot be read: {reason}", hint="Download it again.") from None
