"""Opening the ledger file: where it may be, how SQLite is set, and what each of its failures means for a person."""

import errno
import os
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from llmledger.errors import LedgerBusy, LedgerForeign, LedgerMissing, LedgerReadOnly, StorageError

APPLICATION_ID = 0x6C6C6D6C
"""`llml` in the header of every ledger, so that `file` and we can tell it from other SQLite files."""

READER_PATIENCE_S = 5.0
_CACHE_KIB, _BULK_CACHE_KIB = 16_000, 12_000
_MAGIC = b"SQLite format 3\x00"
_PAGE_COUNT_AT = 28

_CODES: dict[int, type[StorageError]] = {
    sqlite3.SQLITE_BUSY: LedgerBusy,
    sqlite3.SQLITE_LOCKED: LedgerBusy,
    sqlite3.SQLITE_READONLY: LedgerReadOnly,
    sqlite3.SQLITE_PERM: LedgerReadOnly,
    sqlite3.SQLITE_CANTOPEN: StorageError,
    sqlite3.SQLITE_CORRUPT: LedgerForeign,
    sqlite3.SQLITE_NOTADB: LedgerForeign,
    sqlite3.SQLITE_FULL: StorageError,
    sqlite3.SQLITE_IOERR: StorageError,
}

_SENTENCES: dict[int, tuple[str, str]] = {
    sqlite3.SQLITE_BUSY: ("is locked by another program", "Close the program that has it open, then try again."),
    sqlite3.SQLITE_LOCKED: ("is locked by another program", "Close the program that has it open, then try again."),
    sqlite3.SQLITE_READONLY: (
        "is read-only",
        "Make the file and its folder writable (chmod u+w), or use --ledger PATH.",
    ),
    sqlite3.SQLITE_PERM: ("is read-only", "Make the file and its folder writable (chmod u+w), or use --ledger PATH."),
    sqlite3.SQLITE_CANTOPEN: ("cannot be opened", "Check that you own the file and its folder, or use --ledger PATH."),
    sqlite3.SQLITE_CORRUPT: ("is damaged", "Restore a backup, or save what can be read with `sqlite3 FILE .recover`."),
    sqlite3.SQLITE_NOTADB: ("is not a ledger", "Check --ledger and LLMLEDGER_HOME; move the other file away."),
    sqlite3.SQLITE_FULL: ("cannot grow: the disk is full", "Free some space; nothing that was recorded is lost."),
    sqlite3.SQLITE_IOERR: (
        "cannot be read or written",
        "Check the disk; `llmledger db verify` says whether the file is whole.",
    ),
}


def storage_error(error: sqlite3.Error, path: Path) -> StorageError:
    """Say what a failure of SQLite means: one line that names the file, and what to do about it."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    kind = _CODES.get(code, StorageError)
    said, hint = _SENTENCES.get(code, (f"failed: {error}", "`llmledger doctor` may say more."))
    return kind(f"Ledger {path} {said}.", hint=hint)


@contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Turn every failure of SQLite, and of the files around it, into a StorageError."""
    try:
        yield
    except sqlite3.Error as error:
        raise storage_error(error, path) from error
    except OSError as error:
        raise os_storage_error(error, path) from error


def os_storage_error(error: OSError, path: Path) -> StorageError:
    """Say what a failure of the file system means for the ledger."""
    if isinstance(error, TimeoutError):
        hint = "Another llmledger holds it for long; try again."
        return LedgerBusy(f"Ledger {path} is locked by another llmledger.", hint=hint)
    if isinstance(error, PermissionError) or error.errno == errno.EROFS:
        hint = "Check that you own the file and its folder, or use --ledger PATH."
        return LedgerReadOnly(f"Ledger {path} cannot be written: {error.strerror or error}.", hint=hint)
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        said, hint = _SENTENCES[sqlite3.SQLITE_FULL]
        return StorageError(f"Ledger {path} {said}.", hint=hint)
    return StorageError(
        f"Ledger {path} cannot be used: {error.strerror or error}.", hint="Check the path and the disk."
    )


def prepare_file(path: Path, *, create: bool) -> None:
    """Make sure that there is a file to open; make it (0600, its folder 0700) when allowed. Raises StorageError."""
    with storage_errors(path):
        if create:
            _make(path)
    check_file(path, may_be_empty=create)


def check_file(path: Path, *, may_be_empty: bool = False) -> None:
    """Refuse what SQLite would misread or make: no file, a folder, an empty, foreign or truncated file."""
    with storage_errors(path):
        if path.is_dir():
            raise StorageError(f"Ledger {path} is a folder.", hint="Name a file inside it: --ledger FOLDER/ledger.db.")
        if not path.exists():
            raise LedgerMissing(
                f"There is no ledger at {path}.", hint="The first `llmledger run` or `import` makes one."
            )
        with path.open("rb") as file:
            head = file.read(100)
        if not head:
            if may_be_empty:
                return
            hint = "Delete the empty file; the first `llmledger run` or `import` makes a ledger."
            raise LedgerMissing(f"Ledger {path} is empty.", hint=hint)
        _check_head(path, head)


def _make(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        return


def _check_head(path: Path, head: bytes) -> None:
    if not head.startswith(_MAGIC):
        raise LedgerForeign(
            f"{path} is not a ledger: it is no SQLite file.",
            hint="Check --ledger and LLMLEDGER_HOME; move the file away.",
        )
    page_size = int.from_bytes(head[16:18], "big")
    page_size = 65536 if page_size == 1 else page_size
    pages = int.from_bytes(head[_PAGE_COUNT_AT : _PAGE_COUNT_AT + 4], "big")
    wal = Path(f"{path}-wal")
    is_whole = path.stat().st_size >= pages * page_size and len(head) == 100
    if not is_whole and not (wal.exists() and wal.stat().st_size):
        raise LedgerForeign(
            f"Ledger {path} is truncated: {path.stat().st_size:,} of {pages * page_size:,} bytes are there.",
            hint="Restore a backup, or save what can be read with `sqlite3 FILE .recover`.",
        )


def open_for_writing(path: Path, *, busy_s: float = 1.0) -> sqlite3.Connection:
    """Connect for the one writer of a process: no transaction begins by itself, the content is not checked."""
    connection = _connect(path, "mode=rw", busy_s)
    try:
        _set_durable(connection)
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """One transaction, rolled back as a whole when anything fails."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


@contextmanager
def in_bulk(connection: sqlite3.Connection) -> Iterator[None]:
    """Set a connection for transactions of thousands of rows, which can all be made again; then as it was.

    A power cut may take the last of them back, never a part of one. Half a statement can be undone from memory, and
    pages stay there until they are full.
    """
    before = connection.execute("PRAGMA synchronous").fetchone()[0]
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA temp_store = MEMORY")
    connection.execute(f"PRAGMA cache_size = -{_BULK_CACHE_KIB}")
    try:
        yield
    finally:
        connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        connection.execute("PRAGMA temp_store = DEFAULT")
        connection.execute(f"PRAGMA synchronous = {before}")


def open_for_reading(path: Path, *, busy_s: float = READER_PATIENCE_S) -> sqlite3.Connection:
    """Connect without ever writing, also to a file in a folder that cannot be written.

    A ledger on a read-only medium has no shared memory for its log: when nothing waits there, the file alone is read.
    """
    connection = _connect(path, "mode=ro", busy_s)
    try:
        connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    except sqlite3.OperationalError as error:
        connection.close()
        wal = Path(f"{path}-wal")
        if error.sqlite_errorcode & 0xFF not in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY) or (
            wal.exists() and wal.stat().st_size
        ):
            raise
        connection = _connect(path, "mode=ro&immutable=1", busy_s)
    return connection


def is_writable(path: Path) -> bool:
    """Whether this user may write the ledger and the files beside it."""
    return os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)


def check_is_ledger(connection: sqlite3.Connection, path: Path) -> None:
    """Refuse a SQLite file of another program; an empty one passes."""
    if connection.execute("PRAGMA application_id").fetchone()[0] == APPLICATION_ID:
        return
    if connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]:
        hint = "Check --ledger and LLMLEDGER_HOME; move the other file away."
        raise LedgerForeign(f"{path} is not a ledger: it is a SQLite file of another program.", hint=hint)


def _connect(path: Path, options: str, busy_s: float) -> sqlite3.Connection:
    return sqlite3.connect(
        f"{path.absolute().as_uri()}?{options}",
        uri=True,
        timeout=busy_s,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=256,
    )


def _set_durable(connection: sqlite3.Connection) -> None:
    if connection.execute("PRAGMA page_count").fetchone()[0] == 0:
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
    connection.execute("PRAGMA journal_mode = WAL").fetchone()
    connection.execute("PRAGMA synchronous = FULL")
    if sys.platform == "darwin":
        connection.execute("PRAGMA fullfsync = 1")
        connection.execute("PRAGMA checkpoint_fullfsync = 1")
    connection.execute("PRAGMA wal_autocheckpoint = 0").fetchone()
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
