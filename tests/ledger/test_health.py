"""What is found in a ledger that is not well, and what its owner is told to do."""

import sqlite3
from pathlib import Path

import pytest
from tests.support.builders import NOON, a_begun, a_finished

from llmledger.ledger import Manners, open_ledger
from llmledger.ledger.health import Level, examine, file_system, verify
from llmledger.ledger.lock import FileLock, lock_path
from llmledger.ledger.spool import spools_folder

QUICK = Manners(patience_s=0.0, spool_bytes=64 * 1024)


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "private" / "ledger.db"
    with open_ledger(path, now=lambda: NOON) as ledger:
        ledger.record(a_finished())
        ledger.record(a_finished(nanousd=None))
    return path


def told(findings, level):
    return [(finding.text, finding.todo) for finding in findings if finding.level is level]


def test_a_sound_ledger_needs_nothing(path):
    """Every finding is fine, and durability is stated."""
    findings = [*examine(path), *verify(path)]
    assert {finding.level for finding in findings} == {Level.FINE}
    assert any("synchronous FULL" in finding.text for finding in findings)


def test_a_file_that_others_can_read_is_a_problem(path):
    """The command that mends it is given."""
    path.chmod(0o644)
    assert told(examine(path), Level.PROBLEM) == [(f"{path} can be read by others", f"chmod 600 {path}")]


def test_what_a_dead_process_left_is_told_before_it_is_put_right(path):
    """In flight and in a spool; looking changes nothing."""
    ledger = open_ledger(path, now=lambda: NOON, manners=QUICK)
    ledger.begin(a_begun())
    with FileLock(lock_path(path)) as lock:
        assert lock.acquire()
        ledger.record(a_finished())
        waiting = told(examine(path), Level.PROBLEM)
        assert waiting[0][0].startswith("1 records wait in the spool of a running process")
        assert told(examine(path), Level.FINE)[-1] == ("1 requests running in 1 processes", None)
        ledger._writer._desk.abandon()
    for _ in range(2):
        notes = [text for text, _ in told(examine(path), Level.NOTE)]
        assert notes[0].startswith("1 requests were running when their process died")
        assert notes[1].startswith("1 records of a process that ended wait in a spool")
    open_ledger(path, now=lambda: NOON).close()
    assert told(examine(path), Level.NOTE) == []


def test_spools_that_fit_nowhere_are_told(path):
    """Of another ledger, and of lines that nobody understands."""
    folder = spools_folder(path)
    (folder / "0123-abcd.jsonl").write_bytes(b'{"spool":1}\n{"event":"odd"}\n')
    (folder / "4567-abcd.unreadable").write_bytes(b"?")
    findings = list(examine(path))
    assert "1 records for another ledger wait" in told(findings, Level.NOTE)[0][0]
    assert "could not be understood" in told(findings, Level.PROBLEM)[0][0]


MOUNTS = """\
22 1 254:0 / / rw - ext4 /dev/root rw
40 22 0:35 / /mnt/my\\040disk rw - nfs4 server:/x rw
41 22 0:36 / /home rw - fuse.sshfs host:/ rw
"""


@pytest.mark.parametrize(
    ("folder", "kind"), [("/var/lib", "ext4"), ("/mnt/my disk/x", "nfs4"), ("/home/ada", "fuse.sshfs")]
)
def test_the_file_system_of_a_path_is_known(tmp_path, folder, kind):
    """The longest mount point that holds it."""
    mounts = tmp_path / "mountinfo"
    mounts.write_text(MOUNTS)
    assert file_system(Path(folder), mounts) == kind
    assert file_system(Path(folder), tmp_path / "absent") is None


def changed(path, *statements):
    """Change history as somebody with another tool could, and put the triggers back."""
    with sqlite3.connect(path) as connection:
        triggers = connection.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'").fetchall()
        for name, _ in triggers:
            connection.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            connection.execute(statement)
        for _, sql in triggers:
            connection.execute(sql)
    connection.close()


@pytest.mark.parametrize(
    ("promise", "statement"),
    [
        ("each cost is the sum of its components", """UPDATE requests SET components = '{"i":[1,1]}' WHERE id = 1"""),
        ("each request without a price says so", "UPDATE requests SET cost_nanousd = 0 WHERE id = 2"),
        ("each request is one row", "UPDATE requests SET request_id = (SELECT request_id FROM requests WHERE id = 1)"),
        ("each row has its key among those", "DELETE FROM seen"),
        ("no request is in flight that has ended",
         "INSERT INTO inflight SELECT request_id, 'gone', 0, '{}' FROM requests WHERE id = 1"),
        ("every id points to something", "UPDATE requests SET trait_id = 99 WHERE id = 1"),
        ("history is protected", "INSERT INTO meta VALUES ('retention', 'left')"),
    ],
)  # fmt: skip
def test_each_broken_promise_is_found(path, promise, statement):
    """The finding names the promise, how many rows break it, and the first of them."""
    changed(path, statement)
    problems = told(verify(path), Level.PROBLEM)
    assert any(text.startswith(promise) and "do not, first" in text for text, _ in problems), problems
    assert all(todo for _, todo in problems)


def test_a_correction_that_counts_twice_is_found(path):
    """A request can only be moved or taken away, never multiplied."""
    columns = (
        "kind, cause, request_id, effective_ms, booked_ms, reason, model_id, attribution_id, trait_id, requests,"
        " failed, unpriced, estimated, untold, input_tokens, cache_read_tokens, cache_write_tokens,"
        " cache_write_1h_tokens,"
        " cache_write_12h_tokens, input_audio_tokens, input_image_tokens, output_tokens, reasoning_tokens,"
        " output_audio_tokens, output_image_tokens, web_searches, cost_nanousd, components"
    )
    values = f"'late', 'x', request_id, 0, 0, '', 1, 1, 1, 1, {'0, ' * 16} 5, '{{\"i\":[1,4]}}'"
    changed(path, f"INSERT INTO adjustments ({columns}) SELECT {values} FROM requests WHERE id = 1")
    problems = [text for text, _ in told(verify(path), Level.PROBLEM)]
    assert any(text.startswith("each request counts once") for text in problems)
    assert any(text.startswith("each correction's cost is the sum") for text in problems)


def test_a_broken_page_is_found(path):
    """The file's own structure is checked first, and then nothing more is believed."""
    with sqlite3.connect(path) as connection:
        page = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'requests_started'").fetchone()[0]
    connection.close()
    content = bytearray(path.read_bytes())
    content[(page - 1) * 4096 : page * 4096] = bytes(4096)
    path.write_bytes(content)
    (finding,) = verify(path)
    assert finding.level is Level.PROBLEM and finding.text.startswith("the file is whole: it is not")
