"""From what a log tells to a row: the fast way and the long way are one, and every kind of row says what it is."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.builders import NOON
from tests.support.claude_logs import BOOK, rows

from llmledger.core.request import Attribution, Finished
from llmledger.core.words import Billing, CostSource, Status, UsageQuality
from llmledger.importers._contract import Imported
from llmledger.ledger import open_ledger
from llmledger.ledger.bulk import Heading, RowValues, Sheaf, pack, whole_of
from llmledger.ledger.imports import Batch, import_batch
from llmledger.operations._import_rows import Rows, merged, without_git
from llmledger.operations._import_sheaves import Sheaves

_COUNTS = st.fixed_dictionaries(
    {"input_tokens": st.integers(0, 400_000), "output_tokens": st.integers(0, 10_000)},
    optional={
        "cache_read_tokens": st.integers(0, 100_000),
        "cache_write_tokens": st.integers(0, 9_000),
        "cache_write_1h_tokens": st.integers(0, 5_000),
        "reasoning_tokens": st.integers(0, 5_000),
        "web_searches": st.integers(0, 3),
        "images": st.integers(0, 1),
    },
)


def told(**changes: Any) -> Imported:
    """A request to claude-sonnet-4-5: 1,000 tokens in, 200 out."""
    standard: dict[str, Any] = {
        "key": "claude:msg_1",
        "started_at": NOON - timedelta(days=20),
        "provider": "anthropic",
        "model": "claude-sonnet-4-5",
        "counts": {"input_tokens": 1000, "output_tokens": 200},
        "quality": UsageQuality.ESTIMATED,
    }
    return Imported(**{**standard, **changes})


def maker(billing: Billing = Billing.API) -> Rows:
    """Rows of Claude Code."""
    return Rows("import:claude_code", billing, BOOK, lambda folder, app: Attribution(host="here", app=app))


def sheaves_of(*records: Imported) -> tuple[list[RowValues | None], list[Heading]]:
    """The plain rows of some records, None where there is none, and their headings."""
    sheaves = Sheaves(BOOK)
    found = [next(iter(sheaves.rows([record])[0]), None) for record in records]
    return found, [Heading(maker().whole(record)) for record in sheaves.take_headings()[1]]


def whole(**changes: Any) -> Finished:
    """The row of a request, made the long way."""
    return maker().whole(told(**changes))


@given(
    counts=_COUNTS,
    model=st.sampled_from(["claude-sonnet-4-5", "claude-opus-4-1", "gpt-5", "gpt-5-mini", "no-such-model"]),
    provider=st.sampled_from(["anthropic", "openai", "openrouter"]),
)
def test_the_fast_way_costs_what_the_long_way_costs(counts: dict[str, int], model: str, provider: str) -> None:
    """To the nano-dollar and the component; what it cannot do it leaves to the long way."""
    record = told(counts=counts, model=model, provider=provider)
    (row,), headings = sheaves_of(record)
    if row is not None:
        expected, found = maker().whole(record), whole_of(headings[row[0]], row)

        assert expected.charged.components == found.charged.components
        assert expected == replace(found, flags=expected.flags)


def test_both_ways_write_the_same_row(tmp_path: Path) -> None:
    """Column by column, ids included."""
    records = [told(key=f"claude:{i}", counts={"input_tokens": i, "output_tokens": 7}) for i in range(3)]
    made, source = maker(), "import:claude_code"
    plain, headings = sheaves_of(*records)
    batches = {
        "fast.db": Batch(source, [Sheaf(source, headings, pack([row for row in plain if row]), 3)]),
        "long.db": Batch(source, [], [made.whole(record) for record in records]),
    }
    for name, batch in batches.items():
        with open_ledger(tmp_path / name, now=lambda: NOON) as ledger:
            assert import_batch(ledger, batch, now=NOON).added == 3

    for table in ("requests", "seen", "models", "attributions", "traits", "outcomes", "rates", "requests_v1"):
        query = f"SELECT * FROM {table} ORDER BY 1"
        assert rows(tmp_path / "long.db", query) == rows(tmp_path / "fast.db", query), table


def test_a_cost_that_the_log_reports_wins() -> None:
    """OpenRouter's charge counts, ours is kept beside it."""
    charged = whole(reported_usd=Decimal("0.0042")).charged

    assert (charged.cost_source, charged.cost_nanousd) == (CostSource.REPORTED, 4_200_000)
    assert charged.computed_nanousd == 1000 * 3_000 + 200 * 15_000


def test_a_cached_answer_costs_nothing() -> None:
    """litellm#14749: a gateway's own cache answered."""
    charged = whole(cache_hit=True).charged

    assert (charged.cost_source, charged.cost_nanousd) == (CostSource.CACHE, 0)


def test_parts_of_other_models_are_priced_by_their_own_rates() -> None:
    """100 x $3/M + 50 x $15/M for one, 400 x $15/M + 30 x $75/M for the other."""
    parts = (
        ("claude-sonnet-4-5", {"input_tokens": 100, "output_tokens": 50}),
        ("claude-opus-4-1", {"input_tokens": 400, "output_tokens": 30}),
    )
    row = whole(counts={"input_tokens": 500, "output_tokens": 80}, parts=parts)

    assert row.charged.cost_nanousd == 100 * 3_000 + 50 * 15_000 + 400 * 15_000 + 30 * 75_000
    assert len(row.parts) == 2


def test_one_hour_writes_cost_twice_the_input_price() -> None:
    """1,000 written for an hour: $6/M, not $3.75/M."""
    counts = {"input_tokens": 1000, "cache_write_tokens": 1000, "cache_write_1h_tokens": 1000, "output_tokens": 0}

    assert whole(counts=counts).charged.cost_nanousd == 1000 * 6_000


def test_a_long_context_is_a_cliff_on_the_whole_request() -> None:
    """Above 200,000 input tokens every token costs double: 200,001 x $6/M; ccusage#1414 prices the margin alone."""
    edge = whole(counts={"input_tokens": 200_000, "output_tokens": 0}).charged.cost_nanousd
    above = whole(counts={"input_tokens": 200_001, "output_tokens": 0}).charged.cost_nanousd

    assert (edge, above) == (200_000 * 3_000, 200_001 * 6_000)


def test_the_logs_word_on_billing_wins_over_the_sources() -> None:
    """A local model inside a tool that is otherwise on a plan."""
    made = maker(Billing.SUBSCRIPTION)

    assert Billing.LOCAL is made.whole(told(billing=Billing.LOCAL)).begun.billing
    assert Billing.SUBSCRIPTION is made.whole(told()).begun.billing


def test_what_the_log_says_of_people_wins_over_the_folder() -> None:
    """User, team, client and project of a gateway's row."""
    record = told(user="u", team="t", client="c", project="p", tags={"env": "prod"})

    who = maker().whole(record).begun.attribution
    assert (who.user, who.team, who.client, who.project, who.host) == ("u", "t", "c", "p", "here")
    assert sheaves_of(record)[0] == [None]


def test_a_failed_request_is_failed() -> None:
    """It has a row and no price."""
    row = whole(status=Status.FAILED, counts={}, quality=UsageQuality.MISSING)

    assert (row.status, row.charged.cost_nanousd) == (Status.FAILED, None)


@given(st.permutations([told(counts={"input_tokens": 10, "output_tokens": n}) for n in (1, 50, 9)]))
def test_merging_does_not_care_for_order(records: list[Imported]) -> None:
    """The fullest snapshot counts, whichever comes first."""
    first, second, third = records

    assert merged(merged(first, second), third) == merged(first, merged(second, third))
    assert merged(merged(first, second), third).counts["output_tokens"] == 50


def test_merging_keeps_the_owner_and_the_earlier_time() -> None:
    """A sidechain's copy gives way to the session's own line."""
    early = told(started_at=NOON - timedelta(days=21), session="copy", is_copy=True)
    found = merged(told(session="own"), early)

    assert ("own", NOON - timedelta(days=21)) == (found.session, found.started_at)


def test_a_folder_that_is_gone_gives_its_name_as_the_project() -> None:
    """A git root's name is better where there is one."""
    assert without_git(Path("/home/u/ledger"), Attribution()).project == "ledger"
    assert without_git(Path("/home/u/ledger"), Attribution(project="root")).project == "root"
    assert without_git(None, Attribution()).project is None
    assert without_git(Path("/"), Attribution()).project is None


@pytest.mark.parametrize("changes", [{"price_context": {"speed": "fast"}}, {"tags": {"a": "b"}}, {"counts": {}}])
def test_what_is_special_goes_the_long_way(changes: dict[str, Any]) -> None:
    """Selectors, tags, no counts."""
    assert sheaves_of(told(**changes))[0] == [None]


def test_a_part_larger_than_its_whole_goes_the_long_way() -> None:
    """Which flags it; the fast way has no place for that."""
    record = told(counts={"input_tokens": 10, "cache_read_tokens": 11, "output_tokens": 1})

    assert sheaves_of(record)[0] == [None]
