"""What goes into a prompt: the words of the command line, what is piped in, attachments and options."""

import json
import mimetypes
from collections.abc import Iterable, Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING

from llmledger.cli._context import surroundings
from llmledger.core.money import nanousd_from_usd
from llmledger.errors import InputFileError, UsageError

if TYPE_CHECKING:
    from llmledger.dialects._contract import Attachment

STDIN = "-"
_MAGIC = (
    (b"\x89PNG", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"%PDF", "application/pdf"),
    (b"ID3", "audio/mpeg"),
)


def read_prompt(words: Sequence[str] | None, *, stdin_is_attached: bool) -> str:
    """The prompt: what is piped in, then the words. Raises UsageError when there is none, or when it is no text."""
    typed = " ".join(words or ())
    piped = "" if stdin_is_attached or not surroundings().stdin_is_piped() else surroundings().read_stdin()
    parts = [part for part in (piped.rstrip("\n"), typed) if part.strip()]
    if not parts:
        raise UsageError(
            "the prompt is empty", hint='Write it behind the command, or pipe it in: llmledger run "Hello"'
        )
    return "\n\n".join(parts)


def read_attachments(given: Sequence[str] | None) -> "tuple[Attachment, ...]":
    """Attachments from files, addresses, or `-` for standard input. Raises InputFileError and UsageError."""
    return tuple(_attachment(one) for one in given or ())


def _attachment(given: str) -> "Attachment":
    from llmledger.dialects._contract import Attachment

    if given.startswith(("http://", "https://")):
        return Attachment(media_type=_type_by_name(given.partition("?")[0]) or "image/*", url=given)
    if given == STDIN:
        content = surroundings().stdin.buffer.read()
    else:
        try:
            content = Path(given).expanduser().read_bytes()
        except OSError as problem:
            raise InputFileError(f"attachment {given} cannot be read: {problem.strerror}") from problem
    if not content:
        raise InputFileError(f"attachment {given} is empty")
    return Attachment(media_type=_type_by_content(content) or _type_by_name(given) or _unknown(given), content=content)


def _type_by_content(content: bytes) -> str | None:
    if content[:4] == b"RIFF":
        return {b"WAVE": "audio/wav", b"WEBP": "image/webp"}.get(content[8:12])
    return next((kind for magic, kind in _MAGIC if content.startswith(magic)), None)


def _type_by_name(name: str) -> str | None:
    return mimetypes.guess_type(name)[0]


def _unknown(given: str) -> str:
    raise UsageError(
        f"nothing tells what kind of file {given} is", hint="Give it the usual ending, such as .png or .pdf."
    )


def read_options(given: Iterable[str] | None) -> dict[str, object]:
    """Options of the model from `NAME=VALUE`; a value is JSON where it can be, else text. Raises UsageError."""
    options: dict[str, object] = {}
    for one in given or ():
        name, equals, value = one.partition("=")
        if not equals or not name.strip():
            raise UsageError(f"-o {one!r} has no value", hint=f"Write it as -o {one or 'temperature'}=VALUE")
        try:
            options[name.strip()] = json.loads(value)
        except ValueError:
            options[name.strip()] = value
    return options


def read_money(given: str | None) -> int | None:
    """An amount of USD, as `0.05`, `$0.05` or `5USD`, in nano-USD. Raises UsageError."""
    if given is None:
        return None
    try:
        usd = Decimal(given.strip().removeprefix("$").upper().removesuffix("USD").strip())
    except InvalidOperation:
        usd = Decimal("NaN")
    if not usd.is_finite() or usd < 0:
        raise UsageError(f"{given!r} is no amount of money", hint="Write USD, as 0.05 or 5USD.")
    return nanousd_from_usd(usd)
