"""One request that several tools wrote down counts once, and the best witness counts."""

from datetime import timedelta

import pytest
from tests.support.builders import NOON, a_begun, a_finished

from llmledger.core.witness import is_telling, rank
from llmledger.ledger import open_ledger, open_reader

ID = "chatcmpl-B9MHDbslfkBeAs8l4bebGdFOJ6PeG"


@pytest.fixture
def ledger(tmp_path):
    with open_ledger(tmp_path / "ledger.db", now=lambda: NOON) as ledger:
        yield ledger


def seen_by(source: str, *, nanousd: int, key: str | None = None, provider_id: str | None = ID, **begun):
    """The record of one source; importers have keys."""
    if source.startswith("import:"):
        key = key or f"{source}:1"
    return a_finished({"source": source, **begun}, nanousd=nanousd, provider_request_id=provider_id, source_key=key)


def totals(ledger):
    with open_reader(ledger.path) as reader:
        return reader.connection.execute("SELECT sum(requests), sum(cost_nanousd) FROM charges_v1").fetchone()


def test_our_own_finish_replaces_a_log_that_was_imported_first(ledger):
    """The row and the contra-adjustment are one transaction; both records stay readable."""
    assert ledger.record(seen_by("import:codex", nanousd=65))
    assert ledger.finish(seen_by("proxy", nanousd=70))
    assert totals(ledger) == (1, 70)
    with open_reader(ledger.path) as reader:
        by_source = reader.connection.execute("SELECT source, requests FROM requests_v1 ORDER BY source").fetchall()
        assert by_source == [("import:codex", 0), ("proxy", 1)]


def test_a_log_that_is_imported_after_our_own_row_is_linked(ledger):
    """It adds no row, and its key is known from then on."""
    ledger.finish(seen_by("proxy", nanousd=70))
    assert not ledger.record(seen_by("import:codex", nanousd=65))
    counts = ledger.record_many([seen_by("import:codex", nanousd=65), seen_by("import:claude_code", nanousd=66)])
    assert (counts.known, counts.linked) == (1, 1)
    assert totals(ledger) == (1, 70)


@pytest.mark.parametrize("order", [(0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)])
def test_the_best_of_three_witnesses_counts_in_any_order(ledger, order):
    """Gateway, OTel, log: whoever comes first, the gateway's figures count."""
    records = [
        seen_by("import:litellm", nanousd=1),
        seen_by("import:otel", nanousd=2),
        seen_by("import:codex", nanousd=3),
    ]
    for position in order:
        ledger.record(records[position])
    assert totals(ledger) == (1, 1)


def test_a_late_finish_takes_an_imported_record_away_too(ledger):
    """The row that was closed as interrupted did not know the provider's id; its late finish brings it."""
    from llmledger.core.adjustment import interrupted
    from llmledger.core.request import Estimate

    begun = a_begun(source="proxy", estimate=Estimate(input_tokens=1, low_nanousd=40))
    ledger.finish(interrupted(begun))
    ledger.record(seen_by("import:codex", nanousd=65))
    assert totals(ledger) == (2, 105)
    ledger.finish(a_finished(begun, nanousd=70, provider_request_id=ID))
    assert totals(ledger) == (1, 70)
    assert not ledger.record(seen_by("import:otel", nanousd=65))
    assert totals(ledger) == (1, 70)


@pytest.mark.parametrize(
    "other",
    [
        {"provider_id": "chatcmpl-1", "started_at": NOON + timedelta(minutes=1)},
        {"provider_id": None, "started_at": NOON + timedelta(minutes=1)},
        {"provider": "anthropic"},
        {"started_at": NOON + timedelta(hours=2)},
    ],
    ids=["a short id proves nothing", "no id", "another provider", "hours apart"],
)
def test_records_that_only_resemble_each_other_both_count(ledger, other):
    """An id must tell, or model, tokens and time must all be the same within seconds."""
    own = {key: value for key, value in other.items() if key == "provider_id"}
    ledger.finish(seen_by("proxy", nanousd=70, **own))
    ledger.record(seen_by("import:codex", nanousd=65, **other))
    assert totals(ledger) == (2, 135)


def test_one_row_of_ours_stands_for_one_record_of_a_source(ledger):
    """A careless server repeats even long ids: what was not ours is not swallowed."""
    ledger.finish(seen_by("proxy", nanousd=70))
    for number in range(3):
        ledger.record(seen_by("import:codex", nanousd=1, key=f"codex:{number}"))
    assert totals(ledger) == (3, 72)


@pytest.mark.parametrize("price", [1, 0], ids=["priced", "free"])
def test_a_fuller_snapshot_of_an_imported_message_replaces_the_first(ledger, price):
    """Logs are written while the answer streams; repetitions and thinner ones change nothing, in any order.

    That a free model costs nothing either way does not make its snapshots alike.
    """
    from tests.support.builders import a_charge, a_usage

    def snapshot(output: int):
        return a_finished(
            {"source": "import:claude_code"},
            usage=a_usage(100, output),
            charged=a_charge(output * price),
            source_key="claude:msg_1",
        )

    counts = ledger.record_many([snapshot(5), snapshot(20), snapshot(5), snapshot(20), snapshot(10)])
    assert (counts.added, counts.snapshots, counts.known) == (1, 1, 3)
    assert totals(ledger) == (1, 20 * price)


def test_a_pruned_record_is_not_counted_again_by_another_witness(ledger):
    """`remember_witnesses` keeps its id when the row goes; what it counted is in the roll-ups."""
    from llmledger.ledger.witnesses import remember_witnesses

    ledger.finish(seen_by("proxy", nanousd=70))

    def prune(books):
        remember_witnesses(books.connection, [1])
        books.connection.execute("INSERT INTO meta VALUES ('retention', 'test')")
        books.connection.execute("DELETE FROM requests")
        books.connection.execute("DELETE FROM meta WHERE key = 'retention'")

    ledger.call(prune)
    assert not ledger.record(seen_by("import:codex", nanousd=65))
    assert ledger.record(seen_by("import:codex", nanousd=65, provider_id=None, key="codex:2"))


def test_what_schema_1_remembered_of_pruned_records_still_counts(ledger):
    """Its keys had no hour in them, and are looked for as long as there are any."""
    from llmledger.ledger.dictionaries import digest_of

    log = seen_by("import:codex", nanousd=65)

    def remember(books):
        key = digest_of("pruned", log.begun.provider, log.provider_request_id, rank("proxy"))
        books.connection.execute("INSERT INTO seen VALUES (?, 1, 16, NULL)", (key,))
        books.connection.execute("INSERT INTO meta VALUES ('witnesses_pruned', '1')")

    ledger.call(remember)
    assert not ledger.record(log)


@pytest.mark.parametrize(
    ("source", "expected"),
    [("run", 0), ("proxy", 0), ("api", 0), ("import:openrouter", 1), ("import:otel_jsonl", 2), ("import:codex", 3)],
)
def test_witnesses_are_ranked(source, expected):
    """We ourselves, then a gateway, then OTel, then a tool's log."""
    assert rank(source) == expected


@pytest.mark.parametrize(("text", "expected"), [(None, False), ("", False), ("chatcmpl-1", False), (ID, True)])
def test_only_long_ids_tell(text, expected):
    """Sixteen characters and more."""
    assert is_telling(text) is expected
