"""Single differences, worked by hand: what is claimed with which evidence, and what is not."""

from datetime import timedelta
from decimal import Decimal

import pytest
from tests.support.planted import FIRST, FIRST_MS, PROVIDER, priced
from tests.support.reconcile_cases import DAY, HOUR_MS, a_line, a_row, both, classes, found, only

from llmledger.core.reconcile.booked import Booked
from llmledger.core.reconcile.causes import Cause, Grain, told_apart
from llmledger.core.statement import Format, LineKind


def _another(hours: int) -> Booked:
    """A request that is not like the first: 400 in and 220 out cost 0.0012 + 0.0033 = $0.0045 as well."""
    return a_row(9, hours=hours, usage={"input_tokens": 400, "output_tokens": 220})


def test_a_price_is_implied_from_the_bill_and_expected_from_the_ledger() -> None:
    """1,000 in for $0.019 are $19 per million where the ledger has $3; no mode costs more than six times as much."""
    one = only(found([a_line("input_tokens", 1_000, "0.019"), a_line("output_tokens", 100)], [a_row()]))

    assert (one.causes, one.amount) == ((Cause.PRICE,), Decimal("0.016"))
    assert (one.implied, one.expected) == (Decimal(19), Decimal(3))


def test_part_of_the_tokens_in_another_mode_is_ambiguous_with_a_price() -> None:
    """$0.0025 for 1,000 in lies between batch ($0.0015) and standard ($0.003)."""
    one = only(found([a_line("input_tokens", 1_000, "0.0025"), a_line("output_tokens", 100)], [a_row()]))

    assert one.causes == (Cause.PRICE, Cause.TIER)


def test_a_request_without_a_price_in_the_ledger_is_a_price_that_differs() -> None:
    """The ledger counts $0 for it and says why."""
    row = a_row(cost_nanousd=None, components={})
    comparison = found(both(), [row])

    assert classes(comparison) == {"price differs": Decimal("0.0045")}
    assert all("the ledger has no price" in one.evidence for one in comparison.findings if one.amount)


def test_a_model_that_no_table_knows_is_missing_for_what_it_was_billed() -> None:
    """Without any price the amount is the statement's own."""
    lines = [line._replace(model="unheard-of") for line in both()]

    assert classes(found(lines, [a_row(hours=30)], period=(FIRST_MS, FIRST_MS + 24 * HOUR_MS))) == {
        "ambiguous (missing in ledger or other key or host)": Decimal("0.0045")
    }


def test_lines_that_tell_their_tier_explain_it() -> None:
    """Half of the input billed as batch, and told so: 500 x $1.5 less per million is $0.00075 less."""
    lines = [
        a_line("input_tokens", 500),
        a_line("input_tokens", 500, "0.00075", context={"processing": "batch"}),
        a_line("output_tokens", 100, context={"unheard": "of"}),
    ]
    comparison = found(lines, [a_row()])

    assert classes(comparison) == {"tier or batch": Decimal("-0.00075")}
    assert "processing batch" in only(comparison).evidence


def test_money_without_tokens_tells_its_long_prompts() -> None:
    """$0.006 at the long price of $6 is 1,000 tokens; the ledger has them at $3."""
    lines = [
        a_line("input_tokens", amount="0.006", context={"context_window": "long"}),
        a_line("output_tokens", amount="0.0015"),
    ]

    assert classes(found(lines, [a_row()])) == {"context tier": Decimal("0.003")}


def test_what_lines_say_and_the_ledger_has_too_is_no_difference() -> None:
    """The request was batch on both sides."""
    row = priced(a_row()._replace(context={"processing": "batch"}))
    lines = [
        a_line("input_tokens", 1_000, "0.0015", context={"processing": "batch"}),
        a_line("output_tokens", 100, "0.00075", context={"processing": "batch"}),
    ]

    assert classes(found(lines, [row])) == {}


def test_a_discount_that_the_lines_tell_is_named() -> None:
    """List $0.003, billed $0.0027: ten percent off."""
    lines = [a_line("input_tokens", 1_000, "0.0027", list_amount=Decimal("0.003")), a_line("output_tokens", 100)]

    assert classes(found(lines, [a_row()])) == {"credits, tax, discount": Decimal("-0.0003")}


def test_a_free_amount_of_a_list_price_is_a_discount_too() -> None:
    """List $0.003, billed nothing."""
    lines = [a_line("input_tokens", 1_000, "0", list_amount=Decimal("0.003")), a_line("output_tokens", 100)]

    assert classes(found(lines, [a_row()])) == {"credits, tax, discount": Decimal("-0.003")}


def test_requests_that_failed_and_were_not_billed_are_named() -> None:
    """One of two requests broke off; the bill has the other alone."""
    comparison = found(both(), [a_row(1), a_row(2, status="failed", usage={"input_tokens": 700, "output_tokens": 3})])

    assert classes(comparison) == {"interrupted or estimated": -Decimal("0.002145")}
    assert only(comparison).request_ids == ((2).to_bytes(16, "big").hex(),)


def test_an_estimate_that_was_too_high_is_an_estimate() -> None:
    """We counted 100 out, 60 were billed."""
    comparison = found(both(output_tokens=60), [a_row(quality="estimated")])

    assert classes(comparison) == {"interrupted or estimated": Decimal("-0.0006")}


def test_more_output_without_a_reason_stays_unexplained() -> None:
    """No request has only output, and no row says that it is uncertain."""
    assert classes(found(both(output_tokens=160), [a_row()])) == {"unexplained": Decimal("0.0009")}
    assert classes(found(both(output_tokens=60), [a_row()])) == {"unexplained": Decimal("-0.0006")}


def test_the_count_of_requests_tells_missing_ones_from_estimates() -> None:
    """With as many billed requests as ours, more tokens are an uncertain row's or missing in one; with more, one is missing."""
    rows = [a_row(quality="partial")]
    day = a_line(quantities={"input_tokens": 1_500, "output_tokens": 130}, amount="0.00645", requests=1)

    assert list(classes(found([day], rows))) == ["ambiguous (missing in ledger or interrupted or estimated)"]
    assert list(classes(found([day._replace(requests=2)], rows))) == [
        "ambiguous (missing in ledger or other key or host)"
    ]
    assert list(classes(found([day], [a_row()]))) == ["missing in ledger"]
    mixed = a_line(quantities={"input_tokens": 900, "output_tokens": 130}, amount="0.00465", requests=1)
    assert list(classes(found([mixed], rows))) == ["interrupted or estimated"]
    assert list(classes(found([mixed], [a_row()]))) == ["unexplained"]


def test_money_alone_that_goes_both_ways_stays_unexplained() -> None:
    """Less input and more output in money, at prices that make no split of it."""
    lines = [a_line("input_tokens", amount="0.001"), a_line("output_tokens", amount="0.009")]

    assert list(classes(found(lines, [a_row()]))) == ["unexplained"]


def test_money_alone_of_another_model_is_missing() -> None:
    """The ledger has no request of it."""
    lines = [a_line("input_tokens", amount="0.001", model="small", key="k"), a_line("output_tokens", amount="0.0015")]

    assert "missing in ledger" in str(list(classes(found(lines, [a_row(usage={"output_tokens": 100})]))))


def test_tools_billed_for_all_models_meet_the_ledgers_searches() -> None:
    """Two searches of $0.01 on the row of a model, and on a line without one."""
    row = a_row(usage={"input_tokens": 1_000, "output_tokens": 100, "web_searches": 2})
    lines = [*both(), a_line("web_searches", 2, model="")]

    assert classes(found(lines, [row])) == {}


def test_a_total_by_day_shows_nothing_but_that_it_differs() -> None:
    """No model, no meter: the rest is unexplained, whatever would fit."""
    assert classes(found([a_line(model="", amount="0.0050")], [a_row()])) == {"unexplained": Decimal("0.0005")}
    assert classes(found([a_line(model="", amount="0.0045")], [a_row()])) == {}


def test_a_line_longer_than_a_day_makes_one_period_of_all() -> None:
    """A month in one line against requests of any day in it."""
    lines = [
        line._replace(until=FIRST + 30 * DAY, key="k", context={"speed": "fast"}, list_amount=None)
        for line in both(2_000, 200)
    ]
    rows = [a_row(1), a_row(2, hours=60)]

    assert classes(found([*lines], rows, period=None)) == {}


def test_hours_and_days_of_one_day_are_one_cell() -> None:
    """A line of an hour counts in the day that a line of the day is about, either way around."""
    hour = a_line("input_tokens", 1_000, since=FIRST + timedelta(hours=3), until=FIRST + timedelta(hours=4))
    for lines in ([a_line("output_tokens", 100), hour], [hour, a_line("output_tokens", 100)]):
        assert classes(found(lines, [a_row()])) == {}


def test_usage_without_money_is_compared_in_tokens() -> None:
    """Equal tokens match; other tokens are a finding of $0."""
    silent = [line._replace(amount=None) for line in both()]
    comparison = found(silent, [a_row(), _another(hours=30)])

    assert not comparison.has_money
    assert classes(comparison) == {"missing in statement": Decimal(0)}


def test_only_lines_of_the_period_count() -> None:
    """A line of the next month and a row outside are left out."""
    late = [line._replace(since=FIRST + 40 * DAY, until=FIRST + 41 * DAY) for line in both()]

    assert classes(found([*both(), *late], [a_row(), a_row(2, hours=80), a_row(3, hours=-2)])) == {}


def test_a_statement_of_taxes_alone_has_no_usage_to_compare() -> None:
    """The tax is a finding of its own."""
    comparison = found(
        [a_line(amount="3", kind=LineKind.TAX), a_line(amount="-1", kind=LineKind.ROUNDING)], [], period=None
    )

    assert classes(comparison) == {"credits, tax, discount": Decimal(3), "rounding": Decimal(-1)}


def test_twice_the_ledger_and_twice_the_bill_are_told() -> None:
    """Two requests, everything twice on one side."""
    rows = [a_row(1), a_row(2, usage={"input_tokens": 555, "output_tokens": 7})]
    twice = [*rows, a_row(3, hours=20), a_row(4, hours=21, usage={"input_tokens": 555, "output_tokens": 7})]
    bill = both(1_555, 107)

    assert list(classes(found([*bill, *bill], rows))) == ["duplicate import"]
    assert list(classes(found(bill, twice))) == ["duplicate import"]


def test_a_key_that_leaves_room_for_itself_in_the_ledger_is_not_unseen() -> None:
    """Two keys bill what the ledger has together: neither went past it; their shares are the coverage."""
    lines = [*both(600, 60, key="a"), *both(400, 40, key="b")]
    comparison = found(lines, [a_row()])

    assert classes(comparison) == {}
    assert [(one.key, one.seen_tokens) for one in comparison.coverage] == [("a", 660), ("b", 440)]


def test_a_key_is_unseen_in_money_too() -> None:
    """Amounts alone; the meter that only the other key has goes with it."""
    lines = [
        a_line("input_tokens", amount="0.003", key="a"),
        a_line("output_tokens", amount="0.0015", key="a"),
        a_line("web_searches", amount="7", key="b"),
    ]

    assert classes(found(lines, [a_row()])) == {"other key or host": Decimal(7)}


def test_tokens_of_another_key_are_taken_with_their_meter() -> None:
    """Its searches are no tool fees of ours."""
    lines = [*both(key="a"), a_line("web_searches", 3, key="b")]

    assert classes(found(lines, [a_row()])) == {"other key or host": Decimal("0.03")}


@pytest.mark.parametrize("grain", list(Grain))
@pytest.mark.parametrize("cause", list(Cause))
def test_a_cause_is_always_among_those_that_it_is_told_apart_from(grain: Grain, cause: Cause) -> None:
    """Whatever else is excluded, the cause itself stays."""
    assert cause in told_apart(grain, cause)
    assert told_apart(grain, cause, list(Cause)) == (cause,)


def test_a_request_of_a_day_before_the_first_line_is_missing_in_the_statement() -> None:
    """The period begins a day before the statement's first line; at 15:00 no zone's day has ended already."""
    comparison = found(both(since=FIRST + DAY, until=FIRST + 2 * DAY), [_another(hours=15), a_row(2, hours=39)])

    assert classes(comparison) == {"missing in statement": Decimal("-0.0045")}


def test_a_line_of_requests_alone_tells_no_tokens_and_no_money() -> None:
    """A count of requests without a meter, a model or an amount changes nothing."""
    counted = a_line(model="", requests=1)

    assert classes(found([*both(), counted], [a_row()])) == {}


def test_months_with_keys_tiers_and_discounts_become_one_period() -> None:
    """Whatever a line tells beside its amounts is kept when periods are joined."""
    month = {"until": FIRST + 30 * DAY, "key": "k", "context": {"unheard": "of"}, "list_amount": Decimal("0.003")}
    lines = [a_line("input_tokens", 1_000, "0.0027", **month), a_line("output_tokens", 100, until=FIRST + 30 * DAY)]

    assert "credits, tax, discount" in classes(found(lines, [a_row()], period=None))


def test_a_split_of_a_meter_without_a_price_is_no_claim() -> None:
    """Searches of storage and tokens of a model that nobody prices: unexplained, or what the tokens show."""
    lines = [
        a_line("input_tokens", 500, "1", model="unheard-of"),
        a_line("cache_read_tokens", 500, "1", model="unheard-of"),
    ]
    row = a_row(model="unheard-of", cost_nanousd=None, components={})

    assert len(classes(found(lines, [row]))) == 1


def test_money_for_a_meter_that_has_no_tokens_is_no_price() -> None:
    """Both sides agree in tokens; $1 more stands under a meter without any."""
    lines = [*both(), a_line("cache_read_tokens", amount="1")]

    assert classes(found(lines, [a_row()])) == {"unexplained": Decimal(1)}


def test_money_that_moves_between_meters_at_no_price_of_theirs_is_no_split() -> None:
    """$0.001 less for input and $0.0005 more for cache reads are no tokens that moved."""
    row = a_row(usage={"input_tokens": 2_000, "cache_read_tokens": 1_000, "output_tokens": 100})
    lines = [
        a_line("input_tokens", amount="0.002"),
        a_line("cache_read_tokens", amount="0.0008"),
        a_line("output_tokens", amount="0.0015"),
    ]

    assert classes(found(lines, [row])) == {"unexplained": Decimal("-0.0005")}


def test_reasoning_of_a_model_without_a_price_is_no_claim() -> None:
    """There is nothing to predict its amount from; the tokens alone show it."""
    row = a_row(
        model="unheard-of", components={}, usage={"input_tokens": 10, "output_tokens": 50, "reasoning_tokens": 20}
    )
    lines = [a_line("input_tokens", 10, "1", model="unheard-of"), a_line("output_tokens", 70, "2", model="unheard-of")]

    assert list(classes(found(lines, [row._replace(cost_nanousd=None)]))) == ["unexplained"]


def test_tools_in_one_amount_without_a_price_are_tool_fees_all_the_same() -> None:
    """Sessions that our table has no price for take what is left of the amount."""
    day = a_line(quantities={"input_tokens": 1_000, "output_tokens": 100, "code_sessions": 2}, amount="0.0645")

    assert classes(found([day], [a_row()])) == {"tool fees": Decimal("0.06")}


def test_large_prompts_of_a_model_without_a_price_are_no_claim() -> None:
    """The long price is unknown, so nothing is said of it; equal tokens at another amount are a price."""
    row = a_row(model="unheard-of", usage={"input_tokens": 300_000})
    lines = [a_line("input_tokens", 300_000, "3", model="unheard-of")]

    assert list(classes(found(lines, [row._replace(cost_nanousd=None, components={})]))) == ["price differs"]


def test_prompts_above_every_threshold_are_tried_at_each() -> None:
    """600,000 tokens at $6 instead of $3 per million are $1.80 more."""
    row = a_row(usage={"input_tokens": 600_000, "output_tokens": 100})
    lines = [a_line("input_tokens", 600_000, "3.6"), a_line("output_tokens", 100, "0.003")]

    assert classes(found(lines, [row])) == {"context tier": Decimal("1.8015")}


def test_a_lone_request_that_a_shift_would_move_off_the_edge_may_be_of_another_day() -> None:
    """At 03:00 of the first day: it is before the statement's days, if those begin four hours later than they say."""
    comparison = found(both(since=FIRST + DAY, until=FIRST + 2 * DAY), [a_row(1, hours=3), a_row(2, hours=39)])

    assert classes(comparison) == {"ambiguous (missing in statement or day boundary)": Decimal("-0.0045")}


def test_each_meter_is_rounded_by_its_own_lines() -> None:
    """Whole cents: $0.03 in and $0.0015 out are billed as $0.03 and $0.01; a cent too much is no rounding of four lines."""
    cents = Format(provider=PROVIDER, rounded_to=Decimal("0.01"))
    row = a_row(usage={"input_tokens": 10_000, "output_tokens": 100})

    def billed(output: str) -> dict[str, Decimal]:
        lines = [a_line("input_tokens", amount="0.03"), a_line("output_tokens", amount=output)]
        return classes(found(lines, [row], format=cents))

    assert billed("0.00") == {"rounding": Decimal("-0.0015")}
    assert "rounding" not in billed("0.01")


def test_a_meter_that_is_billed_for_all_models_together_is_explained_apart() -> None:
    """Five searches billed where the requests have three: two of $0.01 more, and the models agree."""
    rows = [priced(a_row(usage={"input_tokens": 1_000, "output_tokens": 100, "web_searches": 3}))]
    comparison = found([*both(), a_line("web_searches", 5, model="")], rows)

    assert classes(comparison) == {"tool fees": Decimal("0.02")}
    assert only(comparison).model == ""
