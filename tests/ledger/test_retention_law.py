"""Whatever is done to a ledger, in whatever order: every total that retention promises stays, to the nano-dollar."""

import shutil
import sqlite3
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import mkdtemp
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from tests.support.builders import NOON
from tests.support.histories import HISTORIES, NEW_YORK_AUTUMN, History, by_key, without_zeros, write_history
from tests.support.laws import examples_now
from tests.support.ledger_rows import Fact, LedgerRows, request_id
from tests.support.slow_report import Entry, slow_sums

from llmledger.core.report import Question
from llmledger.core.selection import DIMENSIONS, Selection
from llmledger.core.window import Window, from_unix_ms
from llmledger.exporters import load
from llmledger.ledger import open_ledger, open_reader
from llmledger.ledger.queries.aggregate import aggregate
from llmledger.ledger.queries.export import read_records
from llmledger.ledger.rollups.catch_up import catch_up
from llmledger.ledger.rollups.check import broken_rollups
from llmledger.operations.prune import PruneRequest, prune
from llmledger.operations.restore import open_lines, restore

FIVE_ZONES = ("UTC", "Asia/Kolkata", "America/New_York", "Pacific/Chatham", "Australia/Lord_Howe")
"""Half and three quarters of an hour away, and three with a clock change among the days of the histories."""
KEPT = [name for name in DIMENSIONS if name not in {"session", "branch", "hour", "day", "week"}]
"""What a pruned request still counts in, with its months."""
MOMENTS = st.integers(-40 * 24, 40 * 24).map(lambda hours: from_unix_ms(NEW_YORK_AUTUMN) + timedelta(hours=hours))


class AnyLife(RuleBasedStateMachine):
    """A ledger on disk, everything that may happen to it, and a plain list of what counts."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(mkdtemp(prefix="life-"))
        self.path = self.folder / "ledger.db"
        self.entries: list[Entry] = []
        self.facts: list[tuple[bytes, Fact]] = []
        self.archives: list[Path] = []
        self.is_archived = True
        self.restored = 0

    @initialize(home=st.sampled_from(FIVE_ZONES))
    def a_new_ledger(self, home: str) -> None:
        """At home in any zone."""
        open_ledger(self.path, now=lambda: NOON, home_zone=home).close()
        self.home = home
        self.connection = sqlite3.connect(self.path, isolation_level=None)
        self.rows = LedgerRows(self.connection)

    @rule(history=HISTORIES)
    def requests_and_corrections_arrive(self, history: History) -> None:
        """Of any time: what is older than a prune is late."""
        plain = [(replace(fact, source="run"), change, other) for fact, change, other in history]
        before = self.rows.count
        self.entries += write_history(self.rows, plain)
        ids = [request_id(number) for number in range(before + 1, self.rows.count + 1)]
        self.facts += [(identity, fact) for identity, (fact, *_) in zip(ids, plain, strict=True)]

    @precondition(lambda self: self.facts)
    @rule(data=st.data())
    def an_old_request_is_corrected(self, data: st.DataObject) -> None:
        """Its row may be gone."""
        identity, fact = data.draw(st.sampled_from(self.facts))
        self.rows.adjust(identity, fact, 1, "reprice", cost=-3)
        self.entries.append(Entry(fact, 1, -3, "reprice"))

    @rule(chunk=st.integers(1, 9))
    def it_is_rolled_up(self, chunk: int) -> None:
        """In chunks of any size."""
        catch_up(self.connection, self.home, size=lambda _: chunk)

    @rule(moment=MOMENTS, archives=st.booleans())
    def detail_is_pruned(self, moment: datetime, archives: bool) -> None:
        """Archived before, or not: then only the totals are promised."""
        rows = self._count()
        self._prune("detail", moment, self.folder / f"kept{len(self.archives)}" if archives else None)
        self.is_archived = self.is_archived and (archives or self._count() == rows)

    @rule(moment=MOMENTS)
    def rollups_are_pruned(self, moment: datetime) -> None:
        """Hours go, days become months; as the policy would, only where the detail is gone."""
        (cut,) = self.connection.execute("SELECT max(before_ms) FROM prunings WHERE what = 'detail'").fetchone()
        if cut is not None:
            self._prune("rollups", min(moment, from_unix_ms(cut)), None)

    @precondition(lambda self: self.archives)
    @rule()
    def archives_are_restored_into_the_ledger_itself(self) -> None:
        """Nothing is new, so nothing is doubled."""
        assert self._restore(self.path, self.archives) == 0

    @precondition(lambda self: self.is_archived)
    @rule(by=st.sampled_from([*DIMENSIONS, "tag:env"]), zone=st.sampled_from(FIVE_ZONES))
    def archives_and_export_make_a_whole_ledger(self, by: str, zone: str) -> None:
        """In every dimension, sessions and days of any zone too, with no gap at all."""
        self.restored += 1
        file, other = self.folder / f"rest{self.restored}.jsonl", self.folder / f"other{self.restored}.db"
        with open_reader(self.path) as reader:
            table = read_records(reader.connection, Window(), Selection(), content=True)
            file.write_text("".join(load("jsonl").write(table)))
        self._restore(other, [*self.archives, file])
        with open_reader(other) as reader:
            answer = aggregate(reader.connection, Question(window=Window(zone=zone), by=(by,), latencies=False))
        assert by_key(answer) == without_zeros(slow_sums(self.entries, (by,), zone))
        assert answer.gaps == ()

    @invariant()
    def the_rollups_are_what_they_say(self) -> None:
        """By the same check as `db verify`."""
        if hasattr(self, "connection"):
            assert list(broken_rollups(self.connection)) == []

    @rule(by=st.lists(st.sampled_from(KEPT), max_size=2, unique=True), home=st.booleans())
    def every_total_is_what_the_slow_report_says(self, by: list[str], home: bool) -> None:
        """In every dimension that retention keeps, months of UTC and of the home zone."""
        zone = self.home if home else "UTC"
        answer = aggregate(self.connection, Question(window=Window(zone=zone), by=tuple(by), latencies=False))
        assert by_key(answer) == without_zeros(slow_sums(self.entries, tuple(by), zone))
        assert answer.gaps == ()

    @rule(by=st.sampled_from([(), ("day",), ("day", "model"), ("user", "day"), ("session",), ("hour", "provider")]))
    def every_zone_is_exact_outside_of_what_it_says_is_missing(self, by: tuple[str, ...]) -> None:
        """Never a guess: what an answer has not is named in its coverage, to the hour."""
        for zone in FIVE_ZONES:
            answer = aggregate(self.connection, Question(window=Window(zone=zone), by=by, latencies=False))
            told = [
                entry
                for entry in self.entries
                for at in [from_unix_ms(entry.fact.started_ms)]
                if not any(gap.since <= at < gap.until for gap in answer.gaps)
            ]
            assert by_key(answer) == without_zeros(slow_sums(told, by, zone))

    def teardown(self) -> None:
        """Nothing stays on the disk."""
        if hasattr(self, "connection"):
            self.connection.close()
        shutil.rmtree(self.folder)

    def _count(self) -> int:
        return int(self.connection.execute("SELECT count(*) FROM requests").fetchone()[0])

    def _prune(self, tier: str, moment: datetime, archive: Path | None) -> None:
        source: Any = SimpleNamespace(connection=self.connection, home_zone=self.home, ledger_id="00000000")
        done = prune(source, self.path, PruneRequest(older_than={tier: moment}, archive=archive), now=lambda: NOON)
        self.archives += [archive / receipt.archive for receipt in done.receipts if archive and receipt.archive]

    def _restore(self, path: Path, files: list[Path]) -> int:
        added = 0
        with open_ledger(path, now=lambda: NOON, home_zone=self.home) as book:
            for file in files:
                with open_lines(file) as lines:
                    done = restore(book, lines, name=file.name, advance=lambda _: None)
                    added += done.added + done.booked
        return added


@pytest.mark.law
def test_any_sequence_keeps_every_total_that_retention_promises() -> None:
    """Writes, corrections, late rows, roll-ups, prunes, archives and restores, in any order, in five zones."""
    run_state_machine_as_test(AnyLife, settings=settings(max_examples=examples_now(20), stateful_step_count=20))
