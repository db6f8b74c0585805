"""Opening what is no ledger, or not a whole one: each case has one clear line and something to do."""

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from tests.support.builders import NOON, a_finished

from llmledger.errors import LedgerForeign, LedgerMissing, LedgerNewer, LedgerReadOnly, StorageError
from llmledger.ledger import open_ledger, open_reader
from llmledger.ledger.connection import APPLICATION_ID, os_storage_error, storage_error
from llmledger.ledger.migrations import SCHEMA


def open_to_write(path: Path) -> None:
    open_ledger(path, create=False, now=lambda: NOON).close()


def open_to_read(path: Path) -> None:
    open_reader(path).close()


BOTH = pytest.mark.parametrize("opened", [open_to_write, open_to_read])


@pytest.fixture
def path(tmp_path):
    """A ledger with one request, closed."""
    path = tmp_path / "ledger.db"
    with open_ledger(path, now=lambda: NOON) as ledger:
        ledger.record(a_finished())
    return path


@BOTH
def test_a_missing_ledger_is_named_and_not_made(tmp_path, opened):
    """Reading never creates a file, nor does writing when it is told not to."""
    with pytest.raises(LedgerMissing, match=r"There is no ledger at .*ledger\.db") as caught:
        opened(tmp_path / "ledger.db")
    assert caught.value.hint
    assert list(tmp_path.iterdir()) == []


@BOTH
def test_an_empty_file_is_named(tmp_path, opened):
    """What a failed copy leaves behind."""
    (tmp_path / "ledger.db").touch()
    with pytest.raises(LedgerMissing, match="is empty"):
        opened(tmp_path / "ledger.db")


def test_an_empty_file_becomes_a_ledger_where_one_may_be_made(tmp_path):
    """A process that died right after it had made the file must not block the next one."""
    (tmp_path / "ledger.db").touch()
    with open_ledger(tmp_path / "ledger.db", now=lambda: NOON) as ledger:
        assert ledger.record(a_finished())


@BOTH
def test_a_folder_is_named(tmp_path, opened):
    """`--ledger` pointing to a folder."""
    with pytest.raises(StorageError, match="is a folder"):
        opened(tmp_path)


@BOTH
@pytest.mark.parametrize("content", [b"hello", b"SQLite format 2\0" + bytes(200), bytes(5000)])
def test_a_file_of_another_kind_is_named_and_left_alone(tmp_path, opened, content):
    """Text, an old SQLite, zeros."""
    path = tmp_path / "ledger.db"
    path.write_bytes(content)
    with pytest.raises(LedgerForeign, match="is not a ledger"):
        opened(path)
    assert path.read_bytes() == content


@BOTH
def test_a_database_of_another_program_is_named_and_left_alone(tmp_path, opened):
    """Its tables are not ours to migrate."""
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE notes (text)")
    connection.close()
    with pytest.raises(LedgerForeign, match="another program"):
        opened(path)
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT name FROM sqlite_schema").fetchall() == [("notes",)]
    connection.close()


@BOTH
@pytest.mark.parametrize("kept", [60, 4096, 40_000])
def test_a_truncated_file_is_named(path, opened, kept):
    """What a full disk or a broken copy leaves: the header promises more pages than there are."""
    os.truncate(path, kept)
    with pytest.raises(LedgerForeign, match="is truncated"):
        opened(path)


@BOTH
def test_a_newer_schema_is_refused(path, opened):
    """An older program must not guess what newer tables mean."""
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(LedgerNewer, match=f"schema 99; this llmledger reads up to {SCHEMA}") as caught:
        opened(path)
    assert "Update llmledger" in (caught.value.hint or "")


def test_tables_without_a_number_are_no_ledger(tmp_path):
    """Half a ledger, made by hand."""
    path = tmp_path / "ledger.db"
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute("CREATE TABLE requests (id)")
    connection.close()
    with pytest.raises(LedgerForeign, match="not a whole ledger"):
        open_ledger(path, now=lambda: NOON)


def test_a_damaged_page_is_said_to_be_damaged(path):
    """Not a traceback, and not a wrong answer."""
    content = bytearray(path.read_bytes())
    content[4096 : 4096 + 200 * 4096] = b"\xff" * len(content[4096 : 4096 + 200 * 4096])
    path.write_bytes(content)
    with pytest.raises(LedgerForeign, match="is damaged"):
        open_to_read(path)


READ_ONLY_SCRIPT = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from llmledger.errors import LedgerReadOnly
from llmledger.ledger import open_ledger, open_reader
path = Path(sys.argv[1])
with open_reader(path) as reader:
    print(reader.connection.execute("SELECT count(*) FROM requests").fetchone()[0])
try:
    open_ledger(path, now=lambda: datetime.now(UTC))
except LedgerReadOnly as error:
    print(error.message)
"""


def test_a_read_only_ledger_can_be_read_and_says_that_it_cannot_be_written(path):
    """A file without write permission in a folder without it; for root, a read-only mount."""
    with ReadOnly(path.parent):
        with open_reader(path) as reader:
            assert reader.connection.execute("SELECT count(*) FROM requests").fetchone() == (1,)
        done = subprocess.run(
            [sys.executable, "-c", READ_ONLY_SCRIPT, str(path)], capture_output=True, text=True, check=False
        )
    assert done.stderr == ""
    count, message = done.stdout.splitlines()
    assert count == "1"
    assert "cannot be written" in message or "is read-only" in message


def test_a_read_only_ledger_with_a_log_that_was_never_worked_in_is_not_half_read(path):
    """Without shared memory the log cannot be read, and the file alone would be a wrong answer."""
    copy = path.with_name("copied")
    copy.mkdir()
    with open_ledger(path, now=lambda: NOON) as ledger:
        ledger.record(a_finished())
        for name in ("ledger.db", "ledger.db-wal"):
            (copy / name).write_bytes((path.parent / name).read_bytes())
    with ReadOnly(copy), pytest.raises(StorageError):
        open_reader(copy / "ledger.db")


class ReadOnly:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __enter__(self) -> None:
        if os.geteuid() != 0:
            (self.folder / "ledger.db").chmod(0o400)
            self.folder.chmod(0o500)
            return
        bound = subprocess.run(["mount", "--bind", self.folder, self.folder], capture_output=True, check=False)
        if bound.returncode:
            pytest.skip("root can write anywhere, and nothing can be mounted here")
        subprocess.run(["mount", "-o", "remount,ro,bind", self.folder], capture_output=True, check=True)

    def __exit__(self, *_: object) -> None:
        if os.geteuid() != 0:
            self.folder.chmod(0o700)
            return
        subprocess.run(["umount", self.folder], capture_output=True, check=True)


def test_a_new_ledger_belongs_to_its_user_alone(tmp_path):
    """File 0600, folder 0700, and the files beside it no wider."""
    folder = tmp_path / "new"
    with open_ledger(folder / "ledger.db", now=lambda: NOON) as ledger:
        ledger.record(a_finished())
        modes = {found.name: found.stat().st_mode & 0o777 for found in folder.rglob("*")}
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {name for name, mode in modes.items() if mode & 0o077} == set()


def test_a_new_ledger_is_as_durable_as_promised(tmp_path):
    """WAL, FULL, incremental vacuum from the first page on, and our mark in the header."""
    path = tmp_path / "ledger.db"
    with open_ledger(path, now=lambda: NOON, home_zone="Europe/Berlin") as ledger:
        settings = ledger.call(
            lambda books: [
                books.connection.execute(f"PRAGMA {name}").fetchone()[0]
                for name in ("journal_mode", "synchronous", "auto_vacuum", "wal_autocheckpoint", "application_id")
            ]
        )
        assert ledger.home_zone == "Europe/Berlin"
    assert settings == ["wal", 2, 2, 0, APPLICATION_ID]


def test_the_home_zone_is_fixed_when_the_ledger_is_made(tmp_path):
    """The day cube is kept in it: another zone later changes nothing."""
    path = tmp_path / "ledger.db"
    open_ledger(path, now=lambda: NOON, home_zone="Asia/Kolkata").close()
    with open_ledger(path, now=lambda: NOON, home_zone="UTC") as ledger, open_reader(path) as reader:
        assert ledger.home_zone == reader.home_zone == "Asia/Kolkata"
        assert ledger.ledger_id == reader.ledger_id


@pytest.mark.parametrize(
    ("code", "kind", "words"),
    [
        (sqlite3.SQLITE_BUSY, "LedgerBusy", "is locked by another program"),
        (sqlite3.SQLITE_READONLY_DBMOVED, "LedgerReadOnly", "is read-only"),
        (sqlite3.SQLITE_FULL, "StorageError", "the disk is full"),
        (sqlite3.SQLITE_IOERR_WRITE, "StorageError", "cannot be read or written"),
        (sqlite3.SQLITE_CORRUPT, "LedgerForeign", "is damaged"),
        (sqlite3.SQLITE_NOTADB, "LedgerForeign", "is not a ledger"),
        (sqlite3.SQLITE_CANTOPEN, "StorageError", "cannot be opened"),
        (sqlite3.SQLITE_ERROR, "StorageError", "failed: odd"),
    ],
)
def test_each_failure_of_sqlite_is_told_in_one_place(code, kind, words):
    """The file is named, the sentence says what happened, the hint what to do."""
    error = sqlite3.OperationalError("odd")
    error.sqlite_errorcode = code
    told = storage_error(error, Path("/x/ledger.db"))
    assert type(told).__name__ == kind
    assert "/x/ledger.db" in told.message and words in told.message
    assert told.hint


def test_failures_of_the_file_system_are_told_too():
    """Permission denied, and the rest."""
    assert isinstance(os_storage_error(PermissionError(13, "no"), Path("x")), LedgerReadOnly)
    assert isinstance(os_storage_error(OSError(30, "Read-only file system"), Path("x")), LedgerReadOnly)
    assert "disk is full" in os_storage_error(OSError(28, "No space left on device"), Path("x")).message
    assert "Input/output" in os_storage_error(OSError(5, "Input/output error"), Path("x")).message
