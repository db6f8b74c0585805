"""The writing side without its thread: what is kept aside, what is forgotten, what a broken part costs."""

import pytest
from tests.support.builders import NOON, a_begun, a_finished

from llmledger.errors import LedgerUnavailable, StorageError
from llmledger.ledger import Manners, open_ledger, open_reader
from llmledger.ledger.desk import open_desk
from llmledger.ledger.events import Begin, Call, Finish, StoreContent
from llmledger.ledger.lock import FairLock, FileLock, lock_path
from llmledger.ledger.owners import Owner, dead_owners, forget, is_alive
from llmledger.ledger.spool import UNREADABLE, spools_folder
from llmledger.ledger.store import Failure, Store

QUICK = Manners(patience_s=0.0, open_patience_s=0.0, spool_bytes=64 * 1024)


@pytest.fixture
def desk(tmp_path):
    desk = open_desk(tmp_path / "ledger.db", create=True, now=lambda: NOON, home_zone="UTC", manners=QUICK)
    yield desk
    desk.close()


def test_lines_that_became_unreadable_are_kept_when_the_ledger_is_back(desk):
    """They are no reason to stop, and not thrown away."""
    with FileLock(lock_path(desk.path)) as lock:
        assert lock.acquire()
        desk.write([Finish(a_finished())])
        desk._spool.append([b"a line that nobody wrote\n"])
        assert not desk.come_back()
    assert desk.come_back()
    (kept,) = spools_folder(desk.path).glob(f"*{UNREADABLE}")
    assert b"a line that nobody wrote" in kept.read_bytes()
    with open_reader(desk.path) as reader:
        assert reader.connection.execute("SELECT count(*) FROM requests").fetchone() == (1,)


def test_what_cannot_wait_in_the_spool_says_so(desk):
    """Text and other writes fail while the ledger is away; the records beside them do not."""
    with FileLock(lock_path(desk.path)) as lock:
        assert lock.acquire()
        finished = a_finished()
        results = desk.write(
            [Begin(finished.begun), StoreContent(b"x" * 16, NOON, "prompt", None), Call(lambda _: 1), Finish(finished)]
        )
    assert [isinstance(result, Failure) for result in results] == [False, True, True, False]
    assert isinstance(results[1].error, StorageError)


def test_a_record_that_has_no_line_fails_alone(desk):
    """A value that JSON cannot hold is the caller's mistake, and is told to him."""
    with FileLock(lock_path(desk.path)) as lock:
        assert lock.acquire()
        bad, good = desk.write([Finish(a_finished(raw_usage={"x": object()})), Finish(a_finished())])
    assert isinstance(bad, Failure) and isinstance(bad.error, LedgerUnavailable)
    assert good == "added"


def test_content_is_filled_in_and_never_replaced(desk):
    """The prompt is stored first, the answer later; NUL and lone surrogates are mended."""
    for prompt, response in (("a\x00b", None), (None, "\ud800!"), ("other", "other")):
        desk.write([StoreContent(b"x" * 16, NOON, prompt, response)])
    with open_reader(desk.path) as reader:
        assert reader.connection.execute("SELECT prompt, response FROM contents").fetchall() == [("a␀b", "\ufffd!")]


def test_the_log_is_worked_into_the_file_now_and_then(desk):
    """After some hundred events; a lock held by another only puts it off."""
    for _ in range(3):
        desk.write([Finish(a_finished()) for _ in range(200)])
        desk.idle()
    with open_reader(desk.path) as reader:
        assert reader.connection.execute("SELECT count(*) FROM requests").fetchone() == (600,)
    assert desk.path.stat().st_size > 100_000


def test_two_stores_may_not_be_written_by_a_process_that_forgot_the_first(tmp_path):
    """An owner's name is its own."""
    first = Owner(tmp_path / "owners", name="one")
    with pytest.raises(FileExistsError):
        Owner(tmp_path / "owners", name="one")
    assert is_alive(tmp_path / "owners", "one")
    assert not is_alive(tmp_path / "owners", "two")
    first.abandon()
    assert dead_owners(tmp_path / "owners") == ["one"]
    forget(tmp_path / "owners", "one")
    forget(tmp_path / "owners", "one")
    assert dead_owners(tmp_path / "owners") == [] == dead_owners(tmp_path / "absent")


def test_a_fair_lock_is_one_at_a_time(tmp_path):
    """Who waits is told when the patience is over; who closes lets the next one in."""
    first, second, third = (FairLock(tmp_path / "lock") for _ in range(3))
    assert first.acquire()
    assert not second.acquire(patience_s=0.01)
    second._turnstile.acquire()
    assert not third.acquire(patience_s=0.01)
    second._turnstile.release()
    first.abandon()
    assert second.acquire()
    second.close()
    assert third.acquire()
    third.close()


def test_a_lock_that_cannot_be_made_is_an_error(tmp_path):
    """And leaves no handle behind."""
    (tmp_path / "lock.next").mkdir()
    with pytest.raises(OSError):
        FairLock(tmp_path / "lock")


def test_a_store_is_not_opened_while_another_holds_the_lock(tmp_path, desk):
    """With no patience at all it says so at once."""
    with FileLock(lock_path(desk.path)) as lock:
        assert lock.acquire()
        with pytest.raises(StorageError, match="locked by another llmledger"):
            Store(desk.path, create=False, now=lambda: NOON, home_zone="UTC", patience_s=0)


def test_a_closed_ledger_takes_nothing_more(tmp_path):
    """Closing twice is fine; writing after it is not."""
    ledger = open_ledger(tmp_path / "ledger.db", now=lambda: NOON)
    ledger.close()
    ledger.close()
    with pytest.raises(StorageError, match="is closed"):
        ledger.begin(a_begun())


def test_a_write_of_another_kind_waits_for_a_locked_ledger(tmp_path):
    """It is tried again as long as its patience allows, and then fails."""
    with open_ledger(tmp_path / "ledger.db", now=lambda: NOON, manners=Manners(patience_s=0.0)) as ledger:
        with FileLock(lock_path(ledger.path)) as lock:
            assert lock.acquire()
            with pytest.raises(StorageError, match="locked"):
                ledger.call(lambda _: 1, patience_s=0.3)
        assert ledger.call(lambda _: 1, patience_s=10) == 1
