"""Writing through the front door: what is durable, what is refused, what comes back."""

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.builders import NOON, a_begun, a_finished

from llmledger.core.adjustment import Kind, move
from llmledger.core.cost import Component
from llmledger.core.request import Attribution, Charged, Estimate
from llmledger.core.usage import Usage
from llmledger.core.words import CostSource, Status, UsageQuality
from llmledger.ledger import Ledger, open_ledger, open_reader


def opened(folder: Path) -> Ledger:
    return open_ledger(folder / "ledger.db", now=lambda: NOON)


def full_finish(**changes):
    """A request with something in nearly every field."""
    begun = a_begun(
        attribution=Attribution(client="acme", user="ada", session="s1", branch="main", tags={"team": "red", "a": "b"}),
        estimate=Estimate(input_tokens=1000, max_output_tokens=4096),
        client_request_id="sdk-1",
        price_version="2026-11-20+abc",
    )
    charged = Charged(
        cost_nanousd=500,
        cost_source=CostSource.COMPUTED,
        computed_nanousd=500,
        components=(Component("input_tokens", 900, 300), Component("output_tokens", 20, 200)),
        unpriced_units=("maps_searches",),
        rate_id="openai/gpt-5-mini@2025-08-07",
        rate={"input": "0.25", "output": "2"},
        price_version="2026-11-20+abc",
    )
    values = {
        "usage": Usage(input_tokens=1000, cache_read_tokens=100, output_tokens=20, audio_seconds=3, maps_searches=1),
        "charged": charged,
        "served_model": "gpt-5-mini-2025-08-07",
        "provider_request_id": "chatcmpl-B9MHDbslfkBeAs8l4bebGdFOJ6PeG",
        "timeline": (("attempt", 0), ("retry", 400), ("first_token", 700), ("end", 1200)),
        "finish_reason": "stop",
        "raw_usage": {"prompt_tokens": 1000, "details": {"cached": 100}},
        "price_context": {"service_tier": "default"},
        "flags": ("drained",),
    }
    return a_finished(begun, **{**values, **changes})


def test_a_request_comes_back_as_it_was_written(tmp_path):
    """Every field of a row is kept, and the short forms in which some are stored are undone."""
    finished = full_finish()
    with opened(tmp_path) as ledger:
        assert ledger.begin(finished.begun)
        assert ledger.finish(finished)
    with open_reader(tmp_path / "ledger.db") as reader:
        recorded = reader.request(finished.begun.request_id)
    assert recorded is not None
    assert recorded.finished == finished


@pytest.mark.parametrize("timeline", [(), (("attempt", 0), ("first_token", 300), ("end", 1200)), (("end", 1200),)])
def test_every_timeline_comes_back(tmp_path, timeline):
    """The plain timeline is stored as nothing, and is still told from an empty one."""
    finished = a_finished(timeline=timeline)
    with opened(tmp_path) as ledger:
        ledger.finish(finished)
    with open_reader(tmp_path / "ledger.db") as reader:
        assert reader.request(finished.begun.request_id).finished.timeline == timeline


def test_a_begun_request_is_seen_running_until_it_ends(tmp_path):
    """`begin` leaves one note, `finish` takes it away in the transaction of the row."""
    begun = a_begun()
    with opened(tmp_path) as ledger, open_reader(tmp_path / "ledger.db") as reader:
        ledger.begin(begun)
        assert [running.begun for running in reader.running()] == [begun]
        ledger.finish(a_finished(begun))
        assert not list(reader.running())


def test_a_second_finish_changes_nothing(tmp_path):
    """The same request id is one row however often its end is handed in."""
    finished = a_finished()
    with opened(tmp_path) as ledger, open_reader(tmp_path / "ledger.db") as reader:
        assert ledger.finish(finished)
        assert not ledger.finish(finished)
        assert reader.connection.execute("SELECT count(*) FROM requests").fetchone() == (1,)


def test_a_late_begin_of_an_ended_request_is_ignored(tmp_path):
    """A begin that is replayed after its finish must not make the request run again."""
    finished = a_finished()
    with opened(tmp_path) as ledger, open_reader(tmp_path / "ledger.db") as reader:
        ledger.finish(finished)
        assert not ledger.begin(finished.begun)
        assert not list(reader.running())


def test_an_import_is_counted_once_by_its_source_key(tmp_path):
    """The key decides, not our id, which is new each time a file is read."""
    with opened(tmp_path) as ledger:
        assert ledger.record(a_finished(source_key="claude:msg_1"))
        assert not ledger.record(a_finished(source_key="claude:msg_1"))
        counts = ledger.record_many([a_finished(source_key=f"claude:msg_{number}") for number in range(3)])
    assert (counts.added, counts.known) == (2, 1)


def test_a_correction_is_booked_once_and_only_on_what_its_author_saw(tmp_path):
    """The same cause, or a request that was corrected meanwhile, books nothing."""
    finished = a_finished(nanousd=100)
    with opened(tmp_path) as ledger, open_reader(tmp_path / "ledger.db") as reader:
        ledger.finish(finished)
        before = reader.standing(finished.begun.request_id)
        pair = move(before, _repriced(before, cause="reprice:1", nanousd=70))
        assert ledger.adjust(*pair)
        assert not ledger.adjust(*pair)
        assert not ledger.adjust(*move(before, _repriced(before, cause="reprice:2", nanousd=60)))
        after = reader.standing(finished.begun.request_id)
    assert after.measures.cost_nanousd == 70
    assert after.measures.requests == 1


def test_a_correction_moves_a_request_between_dimensions(tmp_path):
    """What is taken away where it counted is added where it counts: the total stays."""
    finished = a_finished({"attribution": Attribution(project="old")}, nanousd=100)
    with opened(tmp_path) as ledger, open_reader(tmp_path / "ledger.db") as reader:
        ledger.finish(finished)
        standing = reader.standing(finished.begun.request_id)
        new = _repriced(standing, cause="assign:1", nanousd=100, kind=Kind.ASSIGN)
        new = replace(new, place=replace(new.place, attribution=Attribution(project="new")))
        ledger.adjust(*move(standing, new))
        by_project = reader.connection.execute(
            "SELECT project, sum(requests), sum(cost_nanousd) FROM charges_v1 GROUP BY project ORDER BY project"
        ).fetchall()
        now = reader.connection.execute("SELECT project, cost_usd FROM requests_v1").fetchall()
    assert by_project == [("new", 1, 100), ("old", 0, 0)]
    assert now == [("new", "0.0000001")]


def _repriced(standing, *, cause, nanousd, kind=Kind.REPRICE):
    from llmledger.core.adjustment import Adjustment

    return Adjustment(
        kind=kind,
        cause=cause,
        effective_at=standing.started_at,
        booked_at=NOON,
        reason="as a test",
        place=standing.place,
        measures=replace(standing.measures, cost_nanousd=nanousd),
    )


def test_the_same_provider_id_a_hundred_times_is_a_hundred_rows(tmp_path):
    """Servers repeat `chatcmpl-1`, send null, and clients repeat theirs (litellm#28376, #39749, #35563, #6633)."""
    with opened(tmp_path) as ledger, open_reader(tmp_path / "ledger.db") as reader:
        for provider_id in ("chatcmpl-1", None, "chatcmpl-B9MHDbslfkBeAs8l4bebGdFOJ6PeG"):
            for _ in range(100):
                assert ledger.finish(a_finished({"client_request_id": "same"}, provider_request_id=provider_id))
        assert reader.connection.execute("SELECT count(*) FROM requests").fetchone() == (300,)


def test_an_unpriced_request_is_not_free_in_the_views(tmp_path):
    """NULL is unknown, '0' is free, in the public view as everywhere."""
    with opened(tmp_path) as ledger, open_reader(tmp_path / "ledger.db") as reader:
        ledger.finish(a_finished(nanousd=None))
        ledger.finish(a_finished(nanousd=0))
        ledger.finish(a_finished(nanousd=3_100_000))
        for view in ("requests_v1", "charges_v1"):
            costs = reader.connection.execute(f"SELECT cost_usd FROM {view}").fetchall()
            assert costs == [(None,), ("0",), ("0.0031",)]


def test_requests_are_found_by_prefix_and_suffix(tmp_path):
    """Any unique beginning or end of an id names its request; two that share it are both named."""
    first, second = a_finished(), a_finished()
    with opened(tmp_path) as ledger, open_reader(tmp_path / "ledger.db") as reader:
        ledger.finish(first)
        ledger.finish(second)
        digits = first.begun.request_id.hex()
        assert reader.find(digits) == reader.find(digits[-8:]) == reader.find(digits[-5:]) == [first.begun.request_id]
        assert set(reader.find(digits[:10])) == {first.begun.request_id, second.begun.request_id}
        assert reader.find("ffffffff") == []


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE requests SET cost_nanousd = 0",
        "DELETE FROM requests",
        "INSERT OR REPLACE INTO requests SELECT * FROM requests",
        "UPDATE seen SET status = 0",
        "DELETE FROM seen",
        "REPLACE INTO seen SELECT * FROM seen",
        "UPDATE rates SET body = '{}'",
        "DELETE FROM price_versions",
        "UPDATE models SET model = 'other'",
        "UPDATE OR REPLACE traits SET status = 'failed'",
        "REPLACE INTO outcomes SELECT * FROM outcomes",
    ],
)
def test_history_cannot_be_written_over(tmp_path, statement):
    """UPDATE, DELETE and REPLACE fail also for who opens the file with another tool."""
    with opened(tmp_path) as ledger:
        ledger.finish(full_finish())
    connection = sqlite3.connect(tmp_path / "ledger.db")
    with pytest.raises(sqlite3.IntegrityError, match="immutable"):
        connection.execute(statement)
    connection.close()


def test_one_request_is_one_row_whatever_inserts_it(tmp_path):
    """A second row with the same request id is refused by the file itself."""
    with opened(tmp_path) as ledger:
        ledger.finish(full_finish())
    connection = sqlite3.connect(tmp_path / "ledger.db")
    columns = [name for _, name, *_ in connection.execute("PRAGMA table_info(requests)") if name != "id"]
    listed = ", ".join(columns)
    with pytest.raises(sqlite3.IntegrityError, match="immutable"):
        connection.execute(f"INSERT INTO requests ({listed}) SELECT {listed} FROM requests")
    connection.close()


def test_retention_may_delete_inside_its_transaction(tmp_path):
    """While meta.retention is set rows can go; without it they cannot."""
    with opened(tmp_path) as ledger:
        ledger.finish(full_finish())
    connection = sqlite3.connect(tmp_path / "ledger.db")
    with connection:
        connection.execute("INSERT INTO meta VALUES ('retention', 'test')")
        assert connection.execute("DELETE FROM requests").rowcount == 1
        connection.execute("DELETE FROM meta WHERE key = 'retention'")
    connection.close()


def test_an_interrupted_request_gets_its_true_end_as_a_correction(tmp_path):
    """First the lower bound counts; when the finish comes late after all, it counts instead, once."""
    from llmledger.core.adjustment import interrupted

    begun = a_begun(estimate=Estimate(input_tokens=100, low_nanousd=40, high_nanousd=900))
    late = a_finished(begun, nanousd=70, provider_request_id="chatcmpl-late")
    with opened(tmp_path) as ledger, open_reader(tmp_path / "ledger.db") as reader:
        ledger.finish(interrupted(begun))
        assert reader.request(begun.request_id).finished.charged.cost_high_nanousd == 900
        assert ledger.finish(late)
        assert not ledger.finish(late)
        row = reader.connection.execute("SELECT status, requests, cost_nanousd, provider_request_id FROM requests_v1")
        assert row.fetchall() == [("completed", 1, 70, "chatcmpl-late")]
        standing = reader.standing(begun.request_id)
    assert (standing.measures.requests, standing.measures.failed, standing.measures.cost_nanousd) == (1, 0, 70)
    assert (standing.place.status, standing.place.usage_quality) == (Status.COMPLETED, UsageQuality.EXACT)
