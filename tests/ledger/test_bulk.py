"""The fast way of an import: guards that come back, others who are let in, and rows that need the long way."""

import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest
from tests.support.builders import NOON, a_begun, a_finished, a_usage
from tests.support.claude_logs import BOOK, import_files, line, rows, totals
from tests.support.import_cases import requests_of

from llmledger.core.request import Attribution
from llmledger.core.words import Billing
from llmledger.importers._contract import LogFile
from llmledger.importers.claude_code import read
from llmledger.ledger import open_ledger, open_reader
from llmledger.ledger.booking import Booked, Books
from llmledger.ledger.bulk import Heading, Sheaf, pack
from llmledger.ledger.connection import open_for_writing
from llmledger.ledger.imports import Batch, import_batch
from llmledger.ledger.rollups.upkeep import keep_up
from llmledger.ledger.rows import ms_of
from llmledger.ledger.witnesses import ALWAYS, time_of_others
from llmledger.operations._import_rows import Rows, request_id_of
from llmledger.operations._import_sheaves import Sheaves

_GUARDS = "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' ORDER BY name"
_MANY = 2_500
SOURCE = "import:claude_code"


def maker() -> Rows:
    """Rows of Claude Code."""
    return Rows(SOURCE, Billing.API, BOOK, lambda folder, app: Attribution(host="here", app=app))


def sheaf_of(log: Path) -> Sheaf:
    """The plain rows of a log."""
    sheaves = Sheaves(BOOK)
    plain, _ = sheaves.rows(requests_of(read(LogFile(log))))
    headings = [Heading(maker().whole(one)) for one in sheaves.take_headings()[1]]
    return Sheaf(SOURCE, headings, pack(plain), len(plain))


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Enough answers for the guards to be laid aside."""
    path = tmp_path / "s1.jsonl"
    path.write_text("".join(line(number, minute=number % 1000) for number in range(_MANY)))
    return path


def test_strangers_are_refused_after_a_large_import_as_before(log: Path, ledger_path: Path) -> None:
    """Every guard stands again, word for word, and replaces nothing."""
    with open_ledger(ledger_path, now=lambda: NOON):
        before = rows(ledger_path, _GUARDS)
    import_files(ledger_path, [log])

    assert rows(ledger_path, _GUARDS) == before
    with closing(sqlite3.connect(ledger_path)) as stranger:
        for table in ("requests", "seen"):
            with pytest.raises(sqlite3.IntegrityError, match="immutable"):
                stranger.execute(f"INSERT OR REPLACE INTO {table} SELECT * FROM {table} LIMIT 1")
            with pytest.raises(sqlite3.IntegrityError, match="immutable"):
                stranger.execute(f"DELETE FROM {table}")


def test_nobody_sees_the_ledger_without_its_guards(log: Path, ledger_path: Path) -> None:
    """While they are laid aside no other connection can write, and one that reads still finds them."""
    sheaf = sheaf_of(log)
    with open_ledger(ledger_path, now=lambda: NOON):
        guards = rows(ledger_path, _GUARDS)
    seen_by_others = []

    def look() -> bool:
        seen_by_others.append(rows(ledger_path, _GUARDS))
        with (
            closing(sqlite3.connect(ledger_path, timeout=0)) as stranger,
            pytest.raises(sqlite3.OperationalError, match="locked"),
        ):
            stranger.execute("DELETE FROM meta")
        return True

    with closing(open_for_writing(ledger_path)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        books = Books(connection, owner="", now=lambda: NOON)
        books.is_awaited = look
        done, _ = books.finish_sheaves([sheaf, sheaf])
        connection.execute("ROLLBACK")

    assert (done, seen_by_others) == (1, [guards])
    assert rows(ledger_path, _GUARDS) == guards


def test_an_import_gives_way_between_two_sheaves(log: Path, ledger_path: Path) -> None:
    """What is written then stands, with its keys; the rest is written in the next transactions."""
    sheaf = sheaf_of(log)
    with open_ledger(ledger_path, now=lambda: NOON), closing(open_for_writing(ledger_path)) as connection:
        books = Books(connection, owner="", now=lambda: NOON)
        books.is_awaited = lambda: True
        done, booked = books.finish_sheaves([sheaf, sheaf])
        again, known = books.finish_sheaves([sheaf])

    assert (done, booked) == (1, Counter({Booked.ADDED: _MANY, Booked.KNOWN: 0}))
    assert (again, known[Booked.KNOWN], known[Booked.ADDED]) == (1, _MANY, 0)


def test_packed_rows_come_back_whole_and_in_the_order_of_what_they_share(log: Path) -> None:
    """Some tell more than others, some nothing but the least; the keys and digests go with them."""
    plain, _ = Sheaves(BOOK).rows(requests_of(read(LogFile(log)))[:6])
    least = tuple(None if place in (5, 6, 7) else value for place, value in enumerate(plain[1]))
    most = tuple(7 if value is None else value for value in plain[3])
    other_heading = (1, *plain[4][1:])
    mixed = [plain[0], least, plain[2], most, other_heading, plain[5]]

    packed = Sheaf(SOURCE, (), pack(mixed), len(mixed))
    assert packed.rows() == [plain[0], plain[2], plain[5], least, most, other_heading]
    assert packed.unpacked().since_ms == min(row[4] for row in mixed)
    assert Sheaf(SOURCE, (), pack([]), 0).rows() == []


def test_what_turns_out_to_be_known_among_many_new_rows_is_taken_back(tmp_path: Path, ledger_path: Path) -> None:
    """A sheaf is taken for new when none of some keys was seen: two were, one as it is and one with a smaller output."""
    early, log = tmp_path / "s1.jsonl", tmp_path / "s2.jsonl"
    early.write_text(line(7, minute=7) + line(8, minute=8, output=1))
    log.write_text("".join(line(number, minute=number % 1000) for number in range(_MANY)))
    import_files(ledger_path, [early])
    result = import_files(ledger_path, [log])

    assert (result.added, result.known, result.snapshots) == (_MANY - 2, 1, 1)
    assert totals(ledger_path)[:3] == (_MANY, 10 * _MANY, 100 * _MANY)
    assert rows(ledger_path, "SELECT count(*), count(DISTINCT request_id) FROM requests") == [(_MANY, _MANY)]
    assert rows(
        ledger_path, "SELECT count(*) FROM seen WHERE row NOT IN (SELECT id FROM requests) AND status < 16"
    ) == [(0,)]
    assert rows(ledger_path, "SELECT count(*) FROM seen WHERE status IN (0, 8)") == [(2 * _MANY,)]


def test_a_bulk_write_that_fails_leaves_nothing_and_the_connection_as_it_was(ledger_path: Path) -> None:
    """What follows it is as durable as ever."""

    def fail(books: Books) -> None:
        books.connection.execute("INSERT INTO models (provider, model) VALUES ('a', 'b')")
        raise ValueError("a bad row")

    def settings(books: Books) -> list[int]:
        names = ("synchronous", "temp_store", "cache_size")
        return [books.connection.execute(f"PRAGMA {name}").fetchone()[0] for name in names]

    with open_ledger(ledger_path, now=lambda: NOON) as ledger:
        before = ledger.call(settings)
        inside = ledger.call(settings, is_bulk=True)
        with pytest.raises(ValueError, match="a bad row"):
            ledger.call(fail, is_bulk=True)
        after = ledger.call(settings)

    assert before == after == [2, 0, -16_000]
    assert inside[:2] == [1, 2]
    assert rows(ledger_path, "SELECT * FROM models") == []


def test_the_same_rows_twice_in_one_transaction_count_once(log: Path, ledger_path: Path) -> None:
    """Their keys are written at its end."""
    sheaf = sheaf_of(log)
    with open_ledger(ledger_path, now=lambda: NOON) as ledger:
        counts = import_batch(ledger, Batch(SOURCE, [sheaf, sheaf]), now=NOON)

    assert (counts.added, counts.known) == (_MANY, _MANY)
    assert totals(ledger_path)[0] == _MANY


def test_requests_that_came_without_source_keys_are_not_doubled(tmp_path: Path, ledger_path: Path) -> None:
    """An export that was read back has none: the request's id, which follows from the log, tells."""
    log = tmp_path / "s1.jsonl"
    log.write_text(line(1) + line(2, minute=1))
    (first,) = [one for one in requests_of(read(LogFile(log))) if one.key.endswith("1")]
    begun = a_begun(request_id=request_id_of(first), started_at=first.started_at, source=SOURCE)
    with open_ledger(ledger_path, now=lambda: NOON) as ledger:
        ledger.record(a_finished(begun=begun, usage=a_usage(input_tokens=10, output_tokens=100)))
    result = import_files(ledger_path, [log])

    assert (result.added, result.known) == (1, 1)
    assert totals(ledger_path)[0] == 2


@pytest.mark.parametrize("top", [{"sessionId": "a\x00b"}, {"gitBranch": "half \ud83d"}], ids=["NUL", "surrogate"])
def test_what_cannot_be_stored_is_mended_and_its_neighbours_stay(
    top: dict[str, str], tmp_path: Path, ledger_path: Path
) -> None:
    """The row says so in its flags."""
    log = tmp_path / "s1.jsonl"
    log.write_text(line(1, **top) + line(2, minute=1))
    import_files(ledger_path, [log])

    flags = rows(ledger_path, "SELECT o.flags FROM requests r JOIN outcomes o ON o.id = r.outcome_id ORDER BY r.id")
    assert flags == [("text_mended",), (None,)]


def test_a_message_id_that_cannot_be_stored_goes_the_long_way(tmp_path: Path, ledger_path: Path) -> None:
    """It is mended there, or cut."""
    log = tmp_path / "s1.jsonl"
    usage = {"input_tokens": 10, "output_tokens": 1}
    ids = ("msg\x00", "m" * 600, "msg_1")
    messages = [{"id": one, "model": "claude-sonnet-4-5", "stop_reason": "end_turn", "usage": usage} for one in ids]
    log.write_text("".join(line(n, minute=n, message=message) for n, message in enumerate(messages)))
    import_files(ledger_path, [log])

    found = rows(ledger_path, "SELECT provider_request_id FROM requests_v1 ORDER BY started_at")
    assert found == [("msg␀",), ("m" * 499 + "…",), ("msg_1",)]


def test_the_last_word_on_a_message_makes_it_exact(tmp_path: Path, ledger_path: Path) -> None:
    """A later line may hold the same counts, and say that they are final: then the row is no estimate any more."""
    log, later = tmp_path / "s1.jsonl", tmp_path / "s2.jsonl"
    usage = {"input_tokens": 10, "output_tokens": 100}
    for path, stop_reason in ((log, None), (later, "end_turn")):
        message = {"id": "msg_1", "model": "claude-sonnet-4-5", "stop_reason": stop_reason, "usage": usage}
        path.write_text(line(1, message=message))
    results = [import_files(ledger_path, [path]) for path in (log, later, log, later)]

    assert [(one.added, one.known, one.snapshots) for one in results[:2]] == [(1, 0, 0), (0, 0, 1)]
    assert rows(
        ledger_path, "SELECT sum(estimated) FROM (SELECT 1 estimated UNION ALL SELECT estimated FROM adjustments)"
    ) == [(0,)]
    assert totals(ledger_path)[:3] == (1, 10, 100)


@pytest.mark.parametrize("is_rolled", [False, True], ids=["rows", "roll-ups"])
def test_only_what_another_witness_may_have_seen_goes_the_long_way(
    is_rolled: bool, tmp_path: Path, ledger_path: Path
) -> None:
    """Thirty answers in three months, two of them through the proxy: those are linked, and no other is touched."""
    log = tmp_path / "s1.jsonl"
    log.write_text("".join(line(number, minute=number * -4_320) for number in range(30)))
    told = requests_of(read(LogFile(log)))
    with open_ledger(ledger_path, now=lambda: NOON) as ledger:
        for one in (told[3], told[4]):
            begun = a_begun(started_at=one.started_at, provider=one.provider, model=one.model, source="proxy")
            ledger.record(a_finished(begun=begun, usage=a_usage(10, 100), provider_request_id=one.provider_request_id))
    if is_rolled:
        with open_reader(ledger_path) as reader:
            assert keep_up(reader.connection, reader.home_zone, worth_it=1) == 2
    with closing(open_for_writing(ledger_path)) as connection:
        since, until = time_of_others(connection, 3) or (0, 0)
    result = import_files(ledger_path, [log])

    inside = [one for one in told if since <= ms_of(one.started_at) <= until]
    assert 2 <= len(inside) < 20
    assert (result.added, result.linked) == (28, 2)
    assert totals(ledger_path)[:3] == (30, 300, 3_000)


def test_nobody_else_leaves_no_time_to_be_careful_in(ledger_path: Path) -> None:
    """And a pruned witness may have seen anything: its key alone is left."""
    with open_ledger(ledger_path, now=lambda: NOON), closing(open_for_writing(ledger_path)) as connection:
        assert time_of_others(connection, 3) is None
        connection.execute("INSERT INTO meta (key, value) VALUES ('witnesses_pruned', '1')")
        assert time_of_others(connection, 3) == ALWAYS
