"""Where records wait: durable line by line, bounded, and harmless when it is torn."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.builders import NOON, a_begun, a_finished

from llmledger.core.adjustment import Adjustment, Answer, Kind, measures_of, place_of
from llmledger.core.cost import Component
from llmledger.core.request import Attribution, Estimate, Finished, Part
from llmledger.core.usage import Usage
from llmledger.ledger import open_ledger, open_reader
from llmledger.ledger.codec import from_json, to_json
from llmledger.ledger.events import Adjust, Begin, Call, Finish, StoreContent, event_from, event_line
from llmledger.ledger.recovery import recover
from llmledger.ledger.spool import Spool, found_spools, read_lines, spool_path, spools_folder
from llmledger.ledger.store import Store


def test_lines_come_back_in_their_order(tmp_path):
    """What was appended is there, and nothing else."""
    spool = Spool(tmp_path / "a-b.jsonl", size=4096)
    assert spool.append([b"one\n", b"two\n"]) and spool.append([b"three\n"])
    assert spool.lines() == [b"one\n", b"two\n", b"three\n"]
    spool.clear()
    assert spool.lines() == [] and spool.used == 0
    assert spool.append([b"4\n"])
    assert spool.lines() == [b"4\n"]
    spool.close()
    assert (tmp_path / "a-b.jsonl").exists()


def test_an_empty_spool_leaves_no_file(tmp_path):
    """Its room goes back to the disk when the process ends."""
    spool = Spool(tmp_path / "a-b.jsonl", size=4096)
    assert (tmp_path / "a-b.jsonl").stat().st_size == 4096
    spool.close()
    spool.close()
    assert not (tmp_path / "a-b.jsonl").exists()


def test_what_does_not_fit_is_refused_whole(tmp_path):
    """The file never grows beyond the room that was taken."""
    spool = Spool(tmp_path / "a-b.jsonl", size=1024)
    assert not spool.append([b"x" * 2000 + b"\n"])
    line = b"y" * 99 + b"\n"
    count = 0
    while spool.append([line]):
        count += 1
    assert count == (1024 - len(b'{"spool": 1, "file": "a-b"}\n') - 1) // 100
    assert spool.lines() == [line] * count
    assert (tmp_path / "a-b.jsonl").stat().st_size == 1024
    spool.close()


def test_a_spool_grows_as_far_as_it_may(tmp_path):
    """Twice as large each time; beyond the limit, or without room on the disk, it stays as it is."""
    spool = Spool(tmp_path / "a-b.jsonl", size=4096)
    spool.append([b"kept\n"])
    assert spool.grow(10_000) and spool.size == 8192
    assert spool.grow(10_000) and spool.size == 10_000
    assert not spool.grow(10_000)
    assert (tmp_path / "a-b.jsonl").stat().st_size == 10_000
    assert spool.lines() == [b"kept\n"]
    spool.abandon()
    assert not spool.grow(1 << 40)


@pytest.mark.parametrize("cut", range(1, 12))
def test_a_torn_line_was_never_promised(tmp_path, cut):
    """The process died while it wrote: complete lines count, the last one does not."""
    path = tmp_path / "a-b.jsonl"
    spool = Spool(path, size=4096)
    spool.append([b"complete\n"])
    spool.abandon()
    with path.open("r+b") as file:
        file.seek(len(b'{"spool": 1, "file": "a-b"}\ncomplete\n'))
        file.write(b"incomplete\n"[: cut if cut < 11 else 10])
    assert list(read_lines(path)) == [b"complete\n"]


def test_no_room_on_the_disk_is_an_error_and_leaves_nothing(tmp_path):
    """The room is taken when the spool is made, not when it is needed."""
    with pytest.raises(OSError):
        Spool(tmp_path / "a-b.jsonl", size=1 << 60)
    assert list(tmp_path.iterdir()) == []


def test_spools_are_found_by_ledger_and_owner(tmp_path):
    """The name says both."""
    spool = Spool(spool_path(tmp_path, "ledger", "owner"), size=4096)
    (waiting,) = found_spools(tmp_path)
    assert (waiting.ledger_id, waiting.owner) == ("ledger", "owner")
    assert found_spools(tmp_path / "absent") == []
    spool.close()


def full_finish() -> Finished:
    """Every kind of value that a record can hold."""
    begun = a_begun(
        attribution=Attribution(user="a\x00\ud800", tags={"k": "v"}), estimate=Estimate(input_tokens=1, low_nanousd=2)
    )
    part = Part(
        provider="p", model="m", usage=Usage(input_tokens=1), nanousd=3, components=(Component("images", 1, 3),)
    )
    return a_finished(
        begun, parts=(part,), timeline=(("end", 3),), raw_usage={"a": [1, None, {"b": 1.5}]}, cache_hit=True
    )


def test_every_event_survives_its_line():
    """What is spooled is what is replayed, to the last field; text and calls do not wait there."""
    finished = full_finish()
    place = place_of(finished)
    entry = Adjustment(
        kind=Kind.LATE, cause="c", effective_at=NOON, booked_at=NOON, reason="r", place=place,
        measures=-measures_of(finished), answer=Answer(flags=("x",)), detail={"raw": {"y": 1}}, rate={"input": "1"},
    )  # fmt: skip
    for event in (Begin(finished.begun), Finish(finished), Adjust((entry, replace(entry, cause="d")))):
        assert event_from(event_line(event.plain())) == event
    assert StoreContent(b"", NOON, None, None).plain() is None
    assert Call(lambda _: None).plain() is None


@pytest.mark.parametrize(
    "line", [b"{}\n", b"[]\n", b"nonsense\n", b'{"event":"odd","record":{}}\n', b'{"event":"begin"}\n']
)
def test_a_line_that_is_no_event_is_an_error(line):
    """Counted and set aside by whoever replays."""
    with pytest.raises((ValueError, KeyError, TypeError)):
        event_from(line)


def test_fields_of_a_newer_program_do_not_cost_the_record():
    """An older program replays what it understands."""
    line = to_json(a_finished()).replace('{"begun"', '{"from_the_future":1,"begun"', 1)
    assert from_json(Finished, line).status == "completed"


@given(st.decimals(allow_nan=False, allow_infinity=False, places=6, min_value=0, max_value=10**6))
def test_decimal_durations_survive(seconds):
    """Exactly, not as floats."""
    finished = a_finished(usage=Usage(audio_seconds=seconds))
    assert from_json(Finished, to_json(finished)).usage.audio_seconds == seconds


def test_a_spool_with_lines_that_nobody_understands_is_set_aside(tmp_path):
    """What can be read is replayed, the file is kept for a person to look at."""
    path = tmp_path / "ledger.db"
    with open_ledger(path, now=lambda: NOON) as ledger:
        ledger_id = ledger.ledger_id
    spool = Spool(spool_path(spools_folder(path), ledger_id, "dead"), size=64 * 1024)
    spool.append([b"what is this\n", event_line(Finish(a_finished()).plain())])
    spool.abandon()
    store = Store(path, create=False, now=lambda: NOON, home_zone="UTC", patience_s=1)
    found = recover(store, patience_s=1)
    store.close()
    assert (found.replayed, found.unreadable) == (1, 1)
    assert [kept.suffix for kept in spools_folder(path).iterdir()] == [".unreadable"]
    with open_reader(path) as reader:
        assert reader.connection.execute("SELECT count(*) FROM requests").fetchone() == (1,)


def test_a_spool_on_a_broken_disk_is_a_clear_refusal(tmp_path):
    """When ledger and spool both fail, the request must not be sent."""
    from llmledger.errors import LedgerUnavailable
    from llmledger.ledger import Manners
    from llmledger.ledger.lock import FileLock, lock_path

    path = tmp_path / "ledger.db"
    ledger = open_ledger(path, now=lambda: NOON, manners=Manners(patience_s=0.0))
    with ledger, FileLock(lock_path(path)) as lock:
        assert lock.acquire()
        ledger._writer._desk._spool.abandon()
        with pytest.raises(LedgerUnavailable, match="spool failed"):
            ledger.begin(a_begun())
