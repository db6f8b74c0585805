"""Settings files of other tools, read and replaced whole, and the records of what was changed in them."""

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from llmledger.errors import CannotConnect
from llmledger.operations.settings_change import Change, Edit, Patch, Record

BOUND = 4 * 1024 * 1024
"""Bytes of a settings file; what is longer is something else."""


def read_text(file: Path) -> str | None:
    """The text of a settings file, newlines as they are; None when there is none. Raises CannotConnect."""
    try:
        content = file.read_bytes()
        if len(content) > BOUND:
            raise CannotConnect(f"{file} is too large for a settings file")
        return content.decode()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as problem:
        raise CannotConnect(f"{file} cannot be read: {problem}") from problem


def missing_folders(file: Path) -> tuple[Path, ...]:
    """The folders that have to be made for a file, innermost first."""
    return tuple(folder for folder in file.parents if not folder.exists())


def carry_out(change: Change) -> None:
    """Write a settings file, or take it away; links stay links and permissions stay. Raises CannotConnect.

    The file is replaced as a whole, so that a tool never reads half of it; one that changed meanwhile is left alone.
    """
    if read_text(change.file) != change.before:
        raise CannotConnect(f"{change.file} was changed at this moment by somebody else", hint="Try again.")
    try:
        if change.after is None:
            change.file.unlink(missing_ok=True)
            for folder in change.made:
                with suppress(OSError):  # somebody has put something else there
                    folder.rmdir()
        else:
            _replace(change.file.resolve(), change.after)
    except OSError as problem:
        raise CannotConnect(f"{change.file} cannot be written: {problem.strerror}") from problem


def keep(folder: Path, name: str, record: Record) -> Path:
    """Write down how a tool's settings become again what they were; only the owner can read it. Raises CannotConnect."""
    file = folder / f"{name}.json"
    told = asdict(record) | {"file": str(record.file), "made": [str(one) for one in record.made]}
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        _replace(file, json.dumps(told, indent=1), mode=0o600)
    except OSError as problem:
        raise CannotConnect(f"{file} cannot be written: {problem.strerror}") from problem
    return file


def kept(folder: Path, name: str) -> Record | None:
    """The record of a tool; None when it was never connected. Raises CannotConnect."""
    file = folder / f"{name}.json"
    text = read_text(file)
    if text is None:
        return None
    try:
        told = json.loads(text)
        return Record(
            file=Path(told["file"]),
            is_new=told["is_new"],
            after_hash=told["after_hash"],
            patches=tuple(Patch(**one) for one in told["patches"]),
            edits=tuple(Edit(tuple(one["place"]), one["before"], one["after"]) for one in told["edits"]),
            created=tuple(tuple(place) for place in told["created"]),
            made=tuple(Path(one) for one in told["made"]),
        )
    except (ValueError, KeyError, TypeError) as problem:
        raise CannotConnect(f"{file} cannot be understood", hint="Take the settings out by hand.") from problem


def names_kept(folder: Path) -> Iterator[str]:
    """The tools that have a record."""
    if folder.is_dir():
        yield from sorted(file.stem for file in folder.glob("*.json"))


def forget(folder: Path, name: str) -> None:
    """Take a record away."""
    (folder / f"{name}.json").unlink(missing_ok=True)


def _replace(file: Path, text: str, *, mode: int | None = None) -> None:
    if mode is None:
        mode = file.stat().st_mode & 0o777 if file.exists() else 0o600
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_name(f".{file.name}.llmledger-{os.getpid()}")
    try:
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as written:
            written.write(text.encode())
            written.flush()
            os.fsync(written.fileno())
        temporary.chmod(mode)
        temporary.replace(file)
    finally:
        temporary.unlink(missing_ok=True)
