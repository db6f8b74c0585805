"""From a path to its readable parts: plain, gzip and ZIP; byte order marks; and what to say about a PDF."""

import contextlib
import csv
import gzip
import hashlib
import io
import re
import zipfile
import zlib
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, cast

from llmledger.errors import InputFileError
from llmledger.statements._contract import HEAD_BYTES, Head, Part
from llmledger.statements._table import delimiter_of

_GZIP = b"\x1f\x8b"
_ZIP = b"PK\x03\x04"
_PARQUET = b"PAR1"
_SPREADSHEET = "[Content_Types].xml"
_HEAD_ROWS = 20
_KEY = re.compile(r'"([A-Za-z_][\w.-]{0,60})"\s*:')

_PLACES = {
    "openai": "platform.openai.com/usage, Export (owner or usage viewer; per UTC day);\n"
    "  or --fetch openai with an admin key",
    "anthropic": "platform.claude.com/cost and /usage, Export (admin or billing role; cost in whole cents);\n"
    "  or --fetch anthropic with an admin key (not for individual accounts, nor the Priority Tier)",
    "openrouter": "openrouter.ai/activity, Export; or --fetch openrouter with a management key (the last 30 completed days)",
    "deepseek": "platform.deepseek.com/usage, Export (whoever can log in; one month a ZIP, days in the account's own offset)",
    "google": "Cloud Console, Billing, Cost table or Reports by date and SKU, Download CSV, or the BigQuery export as JSON\n"
    "  (billing account viewer; Pacific days, final some days into the next month)",
    "aws": "Billing, Data Exports, CUR 2.0 or FOCUS as CSV (payer account; rewritten until some days into the next month)",
    "azure": "Cost Management, Exports, cost details or FOCUS (Cost Management reader on the billing scope; final about five\n"
    "  days after the month; the model's account, not its deployment)",
    "xai": "the management API's /v1/billing/teams/TEAM/postpaid/invoice/preview, saved as JSON (management key; whole cents\n"
    "  per month)",
    "mistral, groq, cerebras": "the console's usage page (no export that we know); put it into a table and give --rules",
}
"""Where each provider keeps the lines that a PDF lacks."""
_WORDS = {"aws": "amazon web services", "google": "google cloud", "azure": "microsoft", "xai": "x.ai"}
"""What an invoice calls a provider whose own name is too short or too common to look for."""
_PDF_READ = 1 << 16


def refuse_pdf(path: Path) -> None:
    """Raise when the file is a PDF invoice, and say where its data is and how its total alone can be compared.

    Of one provider where the file's name or its readable part names just one.
    """
    with _opened(path) as stream:
        head = stream.read(_PDF_READ)
        if not head[:1024].lstrip().startswith(b"%PDF-"):
            return
    told = f"{path.name} {head.decode('latin-1')}".casefold()
    named = [names for names in _PLACES if any(_WORDS.get(name, name) in told for name in names.split(", "))]
    chosen = named if len(named) == 1 else list(_PLACES)
    name = chosen[0] if len(chosen) == 1 and "," not in chosen[0] else "NAME"
    where = "\n".join(f"{names}: {_PLACES[names]}" for names in chosen)
    raise InputFileError(
        f"{path.name} is a PDF invoice: it has a total, but no lines to compare",
        hint=f"Get the lines from\n{where}\n"
        f"or compare the total alone: reconcile --provider {name} -p 2026-10 --total 412.33USD --tax 78.34",
    )


def sha256_of(path: Path) -> str:
    """The hash of a file's bytes: a statement is stored once."""
    with _opened(path) as stream:
        digest = hashlib.sha256()
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def open_parts(path: Path, rules: Mapping[str, Any]) -> list[Part]:
    """Open a file as its parts: the members of a ZIP, the inside of a gzip, or the file itself."""
    with _opened(path) as stream:
        magic = stream.read(4)
    if not magic:
        raise InputFileError(f"{path.name} is empty", hint="Download it again.")
    if magic == _PARQUET:
        raise InputFileError(f"{path.name} is a Parquet file", hint="Export it as CSV (or CSV.gz) instead.")
    try:
        if magic == _ZIP:
            names = _members(path)
            if _SPREADSHEET in names:
                raise InputFileError(f"{path.name} is a spreadsheet", hint="Save its sheet as CSV.")
            return [_part(name, partial(_open_member, path, name), rules) for name in names]
        if magic.startswith(_GZIP):
            return [_part(path.stem, partial(_open_gzip, path), rules)]
        return [_part(path.name, partial(_opened, path), rules)]
    except (EOFError, zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError, gzip.BadGzipFile) as reason:
        raise InputFileError(
            f"{path.name} cannot be unpacked: {reason}", hint="Download it again, without a password."
        ) from None


def _members(path: Path) -> list[str]:
    with zipfile.ZipFile(path) as archive:
        names = [info.filename for info in archive.infolist() if not info.is_dir()]
    return [name for name in names if not name.startswith("__MACOSX/") and not Path(name).name.startswith(".")]


def _opened(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as reason:
        raise InputFileError(f"{path.name} cannot be read: {reason.strerror}", hint="Is the path right?") from None


def _open_gzip(path: Path) -> BinaryIO:
    return cast(BinaryIO, gzip.open(path, "rb"))


def _open_member(path: Path, name: str) -> BinaryIO:
    return cast(BinaryIO, io.BufferedReader(cast(io.RawIOBase, zipfile.ZipFile(path).open(name))))


def _part(name: str, opener: Callable[[], BinaryIO], rules: Mapping[str, Any]) -> Part:
    with opener() as stream:
        begin = stream.read(HEAD_BYTES)
    encoding = "utf-16" if begin.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    text = begin.decode(encoding, errors="ignore")
    return Part(_head(Path(name).name, text), opener, encoding, rules)


def _head(name: str, text: str) -> Head:
    if text.lstrip()[:1] in ("{", "["):
        return Head(name, text, keys=frozenset(_KEY.findall(text)))
    return Head(name, text, rows=_first_rows(text))


def _first_rows(text: str) -> tuple[tuple[str, ...], ...]:
    table = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter_of(text))
    found: list[tuple[str, ...]] = []
    with contextlib.suppress(csv.Error):
        for cells in table:
            if any(cells):
                found.append(tuple(cell.strip().casefold() for cell in cells))
            if len(found) == _HEAD_ROWS:
                break
    return tuple(found)
