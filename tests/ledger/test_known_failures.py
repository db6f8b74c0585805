"""How other systems lost and doubled records, each as a test of ours; their public issues are named.

More of them: killed writers in test_crashes.py (litellm#34820, #35531), outages in test_outages.py (litellm#38193),
bad text in test_storable.py (litellm#21290, #15519, #31705), repeated provider ids in test_ledger.py (litellm#28376).
"""

import sqlite3

import pytest
from tests.support.builders import NOON, a_begun, a_charge, a_finished

from llmledger.core.request import Attribution, Estimate
from llmledger.core.words import Billing, Status
from llmledger.ledger import open_ledger, open_reader


@pytest.fixture
def path(tmp_path):
    return tmp_path / "ledger.db"


def test_closing_drains_what_is_queued(path):
    """Shutdown must not disconnect before the queue is empty (litellm#38157, #34805, #40949)."""
    ledger = open_ledger(path, now=lambda: NOON)
    begun = [a_begun() for _ in range(50)]
    for request in begun:
        ledger.begin_soon(request)
    done = [ledger.finish_soon(a_finished(request, nanousd=1)) for request in begun]
    ledger.close()
    assert all(future.done() for future in done)
    with open_reader(path) as reader:
        assert reader.connection.execute("SELECT count(*), sum(cost_nanousd) FROM requests").fetchone() == (50, 50)


def test_a_future_that_is_given_up_is_written_all_the_same(path):
    """CancelledError is no Exception: a cancelled caller once took its row with it (litellm#34820)."""
    with open_ledger(path, now=lambda: NOON) as ledger:
        future = ledger.finish_soon(a_finished())
        assert not future.cancel()
        assert future.result()
    with open_reader(path) as reader:
        assert reader.connection.execute("SELECT count(*) FROM requests").fetchone() == (1,)


def test_a_write_that_fails_leaves_no_mark_that_it_was_done(path):
    """The key of a record is written in the transaction of its row (langfuse#16017, #6380)."""
    finished = a_finished(source_key="key-1")
    with open_ledger(path, now=lambda: NOON) as ledger:

        def written_then_broken(books):
            books.finish(finished)
            raise sqlite3.IntegrityError("after the row")

        with pytest.raises(sqlite3.IntegrityError):
            ledger.call(written_then_broken)
        assert ledger.record(finished)
        assert not ledger.record(finished)


def test_a_bad_event_costs_nobody_else_a_row(path):
    """One that cannot be written fails alone, in the same transaction as its neighbours (litellm#21290)."""
    with open_ledger(path, now=lambda: NOON) as ledger:
        bad = ledger.finish_soon(a_finished({"request_id": "not bytes"}))
        good = [ledger.finish_soon(a_finished()) for _ in range(20)]
        assert all(future.result() == "added" for future in good)
        assert bad.exception() is not None


def test_a_wrong_statement_of_one_write_does_not_send_the_ledger_away(path):
    """It is that write's own mistake; the connection is as good as before."""
    with open_ledger(path, now=lambda: NOON) as ledger:
        with pytest.raises(sqlite3.OperationalError, match="no such table"):
            ledger.call(lambda books: books.connection.execute("SELECT * FROM nowhere"))
        assert ledger.record(a_finished())
        assert ledger.state().trouble is None


def test_a_request_that_was_retried_inside_is_one_row(path):
    """A bridged request was logged twice (litellm#15740): attempts are a number on the one row."""
    begun = a_begun()
    with open_ledger(path, now=lambda: NOON) as ledger:
        ledger.begin(begun)
        for attempts in (1, 2, 3):
            ledger.finish(a_finished(begun, attempts=attempts))
    with open_reader(path) as reader:
        assert reader.connection.execute("SELECT count(*), max(attempts) FROM requests").fetchone() == (1, 1)


DIMENSIONS = (
    *("provider", "model", "source", "status", "billing", "cost_source", "usage_quality"),
    *("client", "user", "team", "project", "operation", "app", "key", "host", "session"),
)


@pytest.mark.parametrize("dimension", DIMENSIONS)
def test_the_sum_over_any_single_valued_dimension_is_the_total(path, dimension):
    """Tags fan out and cubes drift elsewhere ($5,634 shown as $9,436, litellm#21894; 25x, #32581); here it adds up."""
    from llmledger.core.adjustment import interrupted

    with open_ledger(path, now=lambda: NOON) as ledger:
        for number in range(24):
            who = Attribution(
                user=f"u{number % 3}", project=f"p{number % 2}", session=f"s{number % 5}",
                client=None if number % 4 else "acme", tags={"a": "1", "b": str(number % 2)},
            )  # fmt: skip
            begun = a_begun(
                model=f"m{number % 2}", attribution=who, billing=list(Billing)[number % 4],
                estimate=Estimate(input_tokens=5, low_nanousd=3),
            )  # fmt: skip
            if number % 3 == 0:
                ledger.finish(interrupted(begun))
            status = Status.COMPLETED if number % 5 else Status.FAILED
            ledger.finish(a_finished(begun, status=status, charged=a_charge(None if number % 7 == 0 else number)))
    with open_reader(path) as reader:
        groups = reader.connection.execute(
            f"SELECT {dimension}, sum(requests), sum(unpriced), sum(cost_nanousd) FROM charges_v1 GROUP BY 1"
        ).fetchall()
    total = sum(number for number in range(24) if number % 7)
    unpriced = len([number for number in range(24) if number % 7 == 0])
    assert [sum(group[position] or 0 for group in groups) for position in (1, 2, 3)] == [24, unpriced, total]
