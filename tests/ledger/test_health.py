"""What is found in a ledger that is not well, and what its owner is told to do."""

from pathlib import Path

import pytest
from tests.support.builders import NOON, a_begun, a_finished

from llmledger.ledger import Manners, open_ledger
from llmledger.ledger.desk import open_desk
from llmledger.ledger.events import Begin, Finish
from llmledger.ledger.finding import Level
from llmledger.ledger.health import examine, file_system
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
    findings = list(examine(path))
    assert {finding.level for finding in findings} == {Level.FINE}
    assert any("synchronous FULL" in finding.text for finding in findings)


def test_a_file_that_others_can_read_is_a_problem(path):
    """The command that mends it is given."""
    path.chmod(0o644)
    assert told(examine(path), Level.PROBLEM) == [(f"{path} can be read by others", f"chmod 600 {path}")]


def test_what_a_dead_process_left_is_told_before_it_is_put_right(path):
    """In flight and in a spool; looking changes nothing."""
    # A desk lives as a process does, but without the thread that empties the spool as soon as the lock is free.
    desk = open_desk(path, create=False, now=lambda: NOON, home_zone="UTC", manners=QUICK)
    desk.write([Begin(a_begun())])
    with FileLock(lock_path(path)) as lock:
        assert lock.acquire()
        desk.write([Finish(a_finished())])
        waiting = told(examine(path), Level.PROBLEM)
        assert waiting[0][0].startswith("1 record in the spool of a running process")
        assert told(examine(path), Level.FINE)[-1] == ("1 request running, processes: 1", None)
        desk.abandon()
    for _ in range(2):
        notes = [text for text, _ in told(examine(path), Level.NOTE)]
        assert notes[0].startswith("1 request of a process that died")
        assert notes[1].startswith("1 record in the spool of a process that ended")
    open_ledger(path, now=lambda: NOON).close()
    assert told(examine(path), Level.NOTE) == []


def test_spools_that_fit_nowhere_are_told(path):
    """Of another ledger, and of lines that nobody understands."""
    folder = spools_folder(path)
    (folder / "0123-abcd.jsonl").write_bytes(b'{"spool":1}\n{"event":"odd"}\n')
    (folder / "4567-abcd.unreadable").write_bytes(b"?")
    findings = list(examine(path))
    assert "1 record for another ledger: " in told(findings, Level.NOTE)[0][0]
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
