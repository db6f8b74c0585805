"""The Python API writes the same rows as everything else, and answers in the words of the command line."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from tests.support.builders import NOON

from llmledger import Attribution, Ledger, Outcome, Selection, Status, Usage, UsageQuality
from llmledger.api.surroundings import price_book, user_paths
from llmledger.core.words import Billing, CostSource
from llmledger.errors import LedgerMissing, UsageError
from llmledger.ledger import open_ledger, open_reader
from llmledger.ledger.finding import Level
from llmledger.ledger.verification import verify

SONNET = "anthropic/claude-sonnet-4-5"


@pytest.fixture
def ledger(ledger_path: Path) -> Iterator[Ledger]:
    """An open ledger in an empty home, at noon."""
    store = open_ledger(ledger_path, now=lambda: NOON)
    with Ledger(store, price_book(user_paths()), now=lambda: NOON) as opened:
        yield opened


def test_a_request_is_begun_finished_and_priced(ledger: Ledger) -> None:
    """1,000 in x $3/M + 200 out x $15/M = $0.006, read back from the file."""
    request_id = ledger.begin(SONNET, attribution=Attribution(project="acme"), max_output_tokens=500)

    ledger.finish(request_id, Outcome(usage=Usage(input_tokens=1000, output_tokens=200), latency_ms=850))

    found = ledger.request(request_id)
    assert found is not None
    row = found.finished
    assert row.charged.cost_nanousd == 6_000_000
    assert row.begun.attribution.project == "acme"
    assert row.begun.billing is Billing.API
    assert (row.latency_ms, row.status, row.usage_quality) == (850, Status.COMPLETED, UsageQuality.EXACT)


def test_a_response_body_says_more_than_its_usage(ledger: Ledger) -> None:
    """Cached tokens and id are read from the bytes: 880 x $3/M + 120 x $0.30/M + 40 x $15/M = $0.003276."""
    body = {
        "id": "msg_01",
        "model": "claude-sonnet-4-5-20250929",
        "type": "message",
        "stop_reason": "end_turn",
        "content": [],
        "usage": {"input_tokens": 880, "cache_read_input_tokens": 120, "output_tokens": 40},
    }

    row = ledger.record(SONNET, Outcome(body=json.dumps(body).encode()), dialect="anthropic_messages")

    assert row.usage.input_tokens == 1000
    assert row.charged.cost_nanousd == 880 * 3_000 + 120 * 300 + 40 * 15_000 == 3_276_000
    assert row.provider_request_id == "msg_01"


def test_a_stated_cost_is_the_sum_of_its_components_too(ledger: Ledger) -> None:
    """OpenRouter says $0.00123 where the table computes something else; `db verify` finds nothing wrong."""
    usage = {"prompt_tokens": 1800, "completion_tokens": 240, "cost": 0.00123}
    body = json.dumps({"id": "gen-1", "model": "openai/gpt-4o-mini", "choices": [], "usage": usage}).encode()

    row = ledger.record("openrouter/openai/gpt-4o-mini", Outcome(body=body), dialect="openai_chat")

    assert row.charged.cost_nanousd == 1_230_000 != row.charged.computed_nanousd
    assert sum(part.nanousd for part in row.charged.components) == 1_230_000
    assert {finding.level for finding in verify(ledger.path)} == {Level.FINE}


def test_a_tier_that_the_caller_knows_is_priced(ledger: Ledger) -> None:
    """100,000 in at half of $3/M is $0.15: a batch is not told by the response itself."""
    batch = Outcome(usage=Usage(input_tokens=100_000), price_context={"processing": "batch"})

    row = ledger.record(SONNET, batch)

    assert row.charged.cost_nanousd == 150_000_000
    assert row.price_context == {"processing": "batch"}


def test_a_call_that_failed_costs_what_is_known(ledger: Ledger) -> None:
    """Refused before inference: nothing billed, not unpriced."""
    refused = Outcome(status=Status.FAILED, http_status=429, error_type="rate_limit", error_message="slow down")

    row = ledger.record(SONNET, refused)

    assert (row.charged.cost_nanousd, row.charged.cost_source) == (0, CostSource.NOT_BILLED)


def test_an_unknown_model_is_recorded_and_unpriced(ledger: Ledger) -> None:
    """A ledger never refuses a request for want of a price."""
    row = ledger.record("lark-2", Outcome(usage=Usage(input_tokens=5)), provider="stealth")

    assert row.charged.cost_nanousd is None
    assert row.begun.billing is Billing.UNKNOWN
    report = ledger.report("model")
    assert report.rows[0].key == ("stealth/lark-2",)
    assert report.totals.cost_nanousd is None


def test_reports_speak_the_words_of_the_command_line(ledger: Ledger) -> None:
    """Groups, periods and selections as on the command line; the usage is the sum over the selection."""
    ledger.record(SONNET, Outcome(usage=Usage(input_tokens=1000)), attribution=Attribution(user="ada"))
    ledger.record(
        SONNET,
        Outcome(usage=Usage(input_tokens=10)),
        attribution=Attribution(user="bob"),
        started_at=NOON - timedelta(days=40),
    )

    assert {row.key[0]: row.measures.requests for row in ledger.report(["user"]).rows} == {"ada": 1, "bob": 1}
    assert ledger.report("user", period="7d").totals.cost_nanousd == 3_000_000
    assert ledger.usage(selection=Selection(user=("bob",))).input_tokens == 10
    with pytest.raises(UsageError, match="ambiguous"):
        ledger.report(period="3m")


def test_a_request_begun_by_another_process_can_be_finished(ledger: Ledger, ledger_path: Path) -> None:
    """The id is all that has to be handed on."""
    request_id = ledger.begin(SONNET)
    store = open_ledger(ledger_path, now=lambda: NOON)

    with Ledger(store, price_book(user_paths()), now=lambda: NOON) as other:
        other.finish(request_id, Outcome(usage=Usage(input_tokens=1)))

    assert ledger.request(request_id[-8:]) is not None


def test_a_request_ends_once(ledger: Ledger) -> None:
    """The second finish, and a finish of nothing, are refused."""
    request_id = ledger.begin(SONNET)
    ledger.finish(request_id, Outcome(usage=Usage(input_tokens=1)))

    with pytest.raises(UsageError, match="is running"):
        ledger.finish(request_id)
    with pytest.raises(UsageError, match="is running"):
        ledger.finish("0" * 32)
    assert ledger.report().totals.requests == 1


def test_an_unknown_id_finds_nothing(ledger: Ledger) -> None:
    """None, not an error."""
    assert ledger.request("ffffffff") is None


def test_a_ledger_that_a_program_makes_has_the_zone_of_its_user(
    ledger_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one that the command line makes: it is fixed for good, so nobody may take UTC for it unasked."""
    monkeypatch.setenv("TZ", "Asia/Kolkata")

    with Ledger.open(), Ledger.open(tmp_path / "other.db"):
        for path in (ledger_path, tmp_path / "other.db"):
            with open_reader(path) as reader:
                assert reader.home_zone == "Asia/Kolkata"


def test_opening_finds_the_users_own_ledger(ledger_path: Path) -> None:
    """`create=False` never makes a file; the default does, where the command line looks for it."""
    with pytest.raises(LedgerMissing):
        Ledger.open(create=False)

    with Ledger.open() as ledger:
        assert ledger.path == ledger_path
    assert ledger_path.exists()
