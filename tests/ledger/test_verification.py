"""Corruptions planted in a whole ledger: each is found, with the promise that it breaks and the place where."""

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from tests.benchmarks.big_ledger import make
from tests.support.builders import NOON, a_begun, a_finished

from llmledger.core.adjustment import Kind, reversal, standing_of
from llmledger.core.cost import Component
from llmledger.core.request import Attribution, Charged, Finished
from llmledger.core.words import CostSource
from llmledger.ledger import open_ledger, open_reader
from llmledger.ledger.finding import Finding, Level
from llmledger.ledger.rollups.upkeep import keep_up
from llmledger.ledger.verification import verify
from llmledger.operations.prune import PruneRequest, prune

DAYS = 40
BERLIN = "Europe/Berlin"


def a_day(number: int) -> Finished:
    """One request, at noon so many days ago; its cost is $0.01 and a nano-dollar a day, by two components."""
    nanousd = 10_000_000 + number
    charged = Charged(
        cost_nanousd=nanousd,
        computed_nanousd=nanousd,
        cost_source=CostSource.COMPUTED,
        components=(Component("input_tokens", 1000, 4_000_000), Component("output_tokens", 200, nanousd - 4_000_000)),
    )
    who = Attribution(user=("ada", "bob")[number % 2], project="web")
    begun = a_begun(
        started_at=NOON - timedelta(days=number), model=("gpt-5-mini", "gpt-5")[number % 2], attribution=who
    )
    return a_finished(begun, charged=charged)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty days, one duplicate, a text, all rolled up; what is older than ten days is in an archive."""
    folder = tmp_path_factory.mktemp("whole")
    path = folder / "ledger.db"
    with open_ledger(path, now=lambda: NOON, home_zone=BERLIN) as book:
        days = [a_day(number) for number in range(DAYS)]
        book.record_many(days)
        double = a_finished(replace(days[3].begun, request_id=bytes(16)))
        book.record(double)
        taken = reversal(
            standing_of(double), kind=Kind.DUPLICATE, cause="duplicate:00", reason="Recorded twice.", booked_at=NOON
        )
        book.adjust(taken)
        book.store_content(days[1].begun.request_id, NOON, prompt="p", response="r")
    with open_reader(path) as reader:
        ages = {"detail": NOON - timedelta(days=10)}
        prune(reader, path, PruneRequest(older_than=ages, archive=folder / "kept"), now=lambda: NOON)
        keep_up(reader.connection, BERLIN, worth_it=0)
    return path


@pytest.fixture
def path(whole: Path, tmp_path: Path) -> Path:
    """A copy of it, with its archive beside it."""
    shutil.copytree(whole.parent / "kept", tmp_path / "kept")
    with closing(sqlite3.connect(whole)) as source, closing(sqlite3.connect(tmp_path / "ledger.db")) as copy:
        source.backup(copy)
        copy.execute("PRAGMA journal_mode = DELETE").fetchone()
    return tmp_path / "ledger.db"


def problems(path: Path) -> dict[str, Finding]:
    """What is broken, by promise."""
    found = list(verify(path, [path.parent / "kept"]))
    return {one.promise or "": one for one in found if one.level is Level.PROBLEM}


def changed(path: Path, *statements: str) -> None:
    """Change history as somebody with another tool could, and put the triggers back."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        triggers = connection.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'").fetchall()
        for name, _ in triggers:
            connection.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            assert connection.execute(statement).rowcount != 0, statement
        for _, sql in triggers:
            connection.execute(sql)


def test_a_sound_ledger_needs_nothing(path: Path) -> None:
    """Every promise is named and kept."""
    findings = list(verify(path, [path.parent / "kept"]))

    assert {finding.level for finding in findings} == {Level.FINE}
    assert len({finding.promise for finding in findings}) == len(findings) >= 20


ONE = "WHERE id = 5"
TODAY = "zone = 0 AND day = (SELECT max(day) FROM rollup_days WHERE zone = 0)"
FIRST = "zone = 0 AND day = (SELECT min(day) FROM rollup_days WHERE zone = 0)"
LAST_HOUR = "(SELECT max(slot) FROM rollup_quarters WHERE grain = 3600)"
LATE = (
    "INSERT INTO adjustments (kind, cause, request_id, effective_ms, booked_ms, reason, model_id, attribution_id, trait_id, "
    "requests, failed, unpriced, estimated, untold, input_tokens, cache_read_tokens, cache_write_tokens, "
    "cache_write_1h_tokens, cache_write_12h_tokens, input_audio_tokens, input_image_tokens, output_tokens, "
    "reasoning_tokens, output_audio_tokens, output_image_tokens, web_searches, cost_nanousd, components) "
    "SELECT {kind}, {cause}, {request}, started_ms, 0, {reason}, model_id, attribution_id, trait_id, {requests}, "
    f"{'0, ' * 16} {{cost}}, {{components}} FROM requests {ONE}"
)


def an_entry(**values: str) -> str:
    """A correction of one request that nobody booked."""
    usual = {"kind": "'late'", "cause": "'x'", "request": "request_id", "reason": "'because'", "requests": "0"}
    return LATE.format(**{**usual, "cost": "5", "components": "NULL", **values})


CORRUPTIONS: dict[str, tuple[str, str, str]] = {
    "a changed cost": (
        f"UPDATE requests SET cost_nanousd = 1, components = '{{\"i\":[1,1]}}' {ONE}",
        "each cost is what was noted when its request was written",
        "requests row 5, request ",
    ),
    "a changed component": (
        f"UPDATE requests SET components = '{{\"i\":[1,1]}}' {ONE}",
        "each cost is the sum of its components",
        "requests row 5, request ",
    ),
    "a changed component of a correction": (
        an_entry(components='\'{"i":[1,4]}\''),
        "each correction's cost is the sum of its components",
        "adjustments row 2, cause x",
    ),
    "a lost sum of a day whose rows are there": (
        f"DELETE FROM rollup_days WHERE {TODAY}",
        "roll-ups are the sums of their rows",
        "rollup_days, UTC 2026-11-21, openai/gpt-5-mini",
    ),
    "a lost sum of a pruned day": (
        f"DELETE FROM rollup_days WHERE {FIRST}",
        "roll-ups are what is there and what was pruned",
        "rollup_days hold 39 requests; rows, corrections and the receipts of prunes make 40",
    ),
    "a sum of a pruned day that moved to somebody else": (
        f"UPDATE rollup_days SET attribution_id = 3 - attribution_id WHERE {FIRST}",
        "both calendars of the roll-ups hold the same",
        "rollup_days: UTC and home zone differ, openai/gpt-5, attributions row 1",
    ),
    "a changed hour": (
        f"UPDATE rollup_quarters SET output_tokens = 0 WHERE grain = 3600 AND slot = {LAST_HOUR}",
        "roll-ups are the same at every grain",
        "rollup_quarters, hours 2026-11-21, openai/gpt-5-mini: output_tokens is off by 200",
    ),
    "a dimension that does not sum": (
        f"UPDATE rollup_days SET attribution_id = 91 WHERE {FIRST}",
        "every dimension of the roll-ups sums to the total",
        "rollup_days, UTC 2026-10-13: the sums by client, user",
    ),
    "a watermark beyond the rows": (
        "UPDATE meta SET value = '1000' WHERE key = 'rolled_request'",
        "roll-ups stand on rows that were written",
        "meta key rolled_request is 1,000; the last row of requests ever written is 41",
    ),
    "a watermark that went back": (
        "UPDATE meta SET value = '10' WHERE key = 'rolled_request'",
        "roll-ups are the sums of their rows",
        "rollup_days, UTC 2026-11-11",
    ),
    "an orphan": (
        f"UPDATE requests SET attribution_id = 99 {ONE}",
        "every id points to something",
        "requests row 5 points to no row of attributions",
    ),
    "a text of nobody": (
        "UPDATE contents SET request_id = x'0102'",
        "each stored text belongs to a request",
        "contents row of request 0102",
    ),
    "a seen key that is missing": (
        f"DELETE FROM seen WHERE key = (SELECT request_id FROM requests {ONE})",
        "each row has its key among those that were ever seen",
        "requests row 5, request ",
    ),
    "a request in two rows": (
        f"UPDATE requests SET request_id = (SELECT request_id FROM requests {ONE}) WHERE id = 6",
        "each request is one row",
        "requests row 5, request ",
    ),
    "a request without a price that is not unpriced": (
        f"UPDATE requests SET cost_nanousd = NULL, components = NULL {ONE}",
        "each request without a price says so, and no other",
        "requests row 5, request ",
    ),
    "a correction of a request that never was": (
        an_entry(request="x'0102'"),
        "each correction is explained: by a cause, a reason, and the request or invoice that it corrects",
        "adjustments row 2, cause x",
    ),
    "a correction without a cause": (
        an_entry(cause="''"),
        "each correction is explained: by a cause, a reason, and the request or invoice that it corrects",
        "adjustments row 2, cause ",
    ),
    "half of a correction": (
        an_entry(kind="'reversal'", cause="'assign:1/reversal'", requests="-1"),
        "each correction is explained: by a cause, a reason, and the request or invoice that it corrects",
        "adjustments row 2, cause assign:1/reversal",
    ),
    "a request that counts twice": (
        an_entry(requests="1"),
        "each request counts once or, as a duplicate, not at all",
        "requests row 5, request ",
    ),
    "a finished request in flight": (
        f"INSERT INTO inflight SELECT request_id, 'gone', 0, '{{}}' FROM requests {ONE}",
        "no request is in flight that has ended",
        "inflight row of request ",
    ),
    "a mark that lets history go": (
        "INSERT INTO meta VALUES ('retention', 'left')",
        "history is protected",
        "meta key retention",
    ),
    "a receipt that tells another sum": (
        "UPDATE prunings SET cost_nanousd = cost_nanousd + 1",
        "roll-ups are what is there and what was pruned",
        "rollup_days hold 400,000,780 nano-dollars; rows, corrections and the receipts of prunes make 400,000,781",
    ),
}  # fmt: skip


@pytest.mark.parametrize("corruption", CORRUPTIONS)
def test_each_planted_corruption_is_found_with_its_promise_and_place(path: Path, corruption: str) -> None:
    """The finding names the promise, in how many places it is broken, the first of them, and what to do."""
    statement, promise, where = CORRUPTIONS[corruption]
    changed(path, statement)

    found = problems(path)

    assert promise in found, sorted(found)
    assert found[promise].where[0].startswith(where), found[promise].where
    assert found[promise].text.startswith(f"{promise}: broken in ")
    assert found[promise].broken >= 1 and found[promise].todo


def a_changed_view(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        (sql,) = connection.execute("SELECT sql FROM sqlite_schema WHERE name = 'charges_v1'").fetchone()
        connection.execute("DROP VIEW charges_v1")
        connection.execute(sql.replace("cost_nanousd AS cost,", "cost_nanousd + 1 AS cost,"))


def a_lost_view(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("DROP VIEW requests_v1")


def a_removed_trigger(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("DROP TRIGGER seen_no_delete")


def a_flipped_bit(path: Path) -> None:
    """One bit of the file, in the cost of a row: $0.010000001 as a 4-byte integer."""
    content, cost = path.read_bytes(), (10_000_001).to_bytes(4, "big")
    places = [at for at in range(len(content)) if content.startswith(cost, at)]
    for at in places:
        path.write_bytes(content[:at] + bytes([cost[0] ^ 1]) + content[at + 1 :])
        with closing(sqlite3.connect(path)) as connection:
            if connection.execute("SELECT count(*) FROM requests WHERE cost_nanousd = 10000001").fetchone() == (0,):
                return
    raise AssertionError("the cost is not in the file")


def a_lost_page(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        page = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'requests_started'").fetchone()[0]
    content = bytearray(path.read_bytes())
    content[(page - 1) * 4096 : page * 4096] = bytes(4096)
    path.write_bytes(content)


def a_changed_archive(path: Path) -> None:
    (archive,) = (path.parent / "kept").iterdir()
    archive.write_bytes(archive.read_bytes()[:-1] + b"?")


FILES: list[tuple[Callable[[Path], None], str, str]] = [
    (a_changed_view, "the public views agree with the rows", "charges_v1: openai/gpt-5"),
    (a_lost_view, "the public views agree with the rows", "no such table: requests_v1"),
    (a_removed_trigger, "history is protected", "triggers of seen"),
    (a_flipped_bit, "each cost is what was noted when its request was written", "requests row 2, request "),
    (a_lost_page, "the file is whole", "table requests: "),
    (a_changed_archive, "each archive is what the receipt of its prune says", "prunings row 1: "),
]


@pytest.mark.parametrize(("damage", "promise", "where"), FILES, ids=lambda value: getattr(value, "__name__", None))
def test_damage_to_the_file_and_its_archives_is_found(
    path: Path, damage: Callable[[Path], None], promise: str, where: str
) -> None:
    """A view, a trigger, one bit, one page, one byte of an archive."""
    damage(path)

    found = problems(path)

    assert promise in found, sorted(found)
    assert found[promise].where[0].startswith(where), found[promise].where


def test_an_archive_that_is_not_there_is_a_note_and_where_it_is_can_be_said(path: Path) -> None:
    """It may be on another disk; nothing is claimed about it."""
    kept = path.parent / "kept"
    away = kept.rename(path.parent / "away")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE prunings SET receipt = json_set(receipt, '$.archive_folder', ?)", (str(kept),))
        connection.commit()

    notes = [one for one in verify(path) if one.level is Level.NOTE]

    assert [(one.text.endswith(f"is not in {kept}: not checked"), one.todo) for one in notes] == [
        (True, "Say where it is: llmledger db verify --archive DIR")
    ]
    assert not [one for one in verify(path, [away]) if one.level is not Level.FINE]
    assert not [one for one in verify(path, list(away.iterdir())) if one.level is not Level.FINE]


def test_a_prune_that_was_cut_short_is_a_note(path: Path) -> None:
    """Totals are right in between; what to do is told."""
    changed(path, "UPDATE prunings SET receipt = '{}'")

    notes = [one.text for one in verify(path, [path.parent / "kept"]) if one.level is Level.NOTE]

    assert notes == ["prune 1 (detail before 2026-11-10) was cut short or still runs; totals are right"]


def test_the_archive_of_a_prune_that_was_cut_short_is_checked_too(path: Path) -> None:
    """Its folder is noted before anything goes."""
    changed(
        path, "UPDATE prunings SET receipt = json_object('archive_folder', json_extract(receipt, '$.archive_folder'))"
    )
    assert [one.text for one in verify(path) if one.level is Level.NOTE] == [
        "prune 1 (detail before 2026-11-10) was cut short or still runs; totals are right"
    ]

    a_changed_archive(path)

    assert "each archive is what the receipt of its prune says" in problems(path)


def test_the_ledger_of_the_benchmarks_keeps_every_promise(tmp_path: Path) -> None:
    """What is measured is what people have."""
    make(tmp_path / "big.db", 2_500)

    assert [one for one in verify(tmp_path / "big.db") if one.level is not Level.FINE] == []
