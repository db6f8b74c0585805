"""Single differences, worked by hand: what is claimed with which evidence, and what is not."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from tests.support.planted import FIRST, FIRST_MS, PRICES, PROVIDER, TERMS, Rows, priced

from llmledger.core.reconcile import Comparison, compare
from llmledger.core.reconcile_causes import Cause, Finding, Grain, told_apart
from llmledger.core.reconcile_rows import Booked
from llmledger.core.statement import Format, LineKind, StatementLine

DAY = timedelta(days=1)
HOUR_MS = 3_600_000


def a_row(number: int = 1, *, hours: float = 12, usage: Mapping[str, int] | None = None, **changes: Any) -> Booked:
    """A request to `large` of 1,000 in and 100 out: 0.003 + 0.0015 = $0.0045, or the usage given."""
    told = {"input_tokens": 1_000, "output_tokens": 100} if usage is None else dict(usage)
    row = Booked(
        row=number,
        ledger=0,
        request_id=number.to_bytes(16, "big"),
        provider_request_id=f"resp-{number}",
        started_ms=FIRST_MS + round(hours * HOUR_MS),
        provider=PROVIDER,
        model="large",
        served_model=None,
        key=None,
        status="completed",
        quality="exact",
        cost_nanousd=None,
        usage=told,
        components={},
    )
    return replace(priced(row), **changes)


def a_line(
    meter: str | None = None, quantity: int | None = None, amount: str | None = None, **changes: Any
) -> StatementLine:
    """A line about the first day and `large`; with a quantity and no amount it costs what our table says."""
    told = {} if quantity is None or meter is None else {meter: quantity}
    price = None if quantity is None or meter is None else PRICES[meter] * quantity
    values: dict[str, Any] = {
        "number": 2,
        "since": FIRST,
        "until": FIRST + DAY,
        "provider": PROVIDER,
        "model": "large",
        "meter": meter,
        "quantities": told,
        "amount": price if amount is None else Decimal(amount),
    }
    return StatementLine(**(values | changes))


def both(input_tokens: int = 1_000, output_tokens: int = 100, **changes: Any) -> list[StatementLine]:
    """A line for each meter."""
    return [a_line("input_tokens", input_tokens, **changes), a_line("output_tokens", output_tokens, **changes)]


def found(lines: Sequence[StatementLine], rows: Sequence[Booked], **terms: Any) -> Comparison:
    """Compare within the first three days, amounts taken as USD."""
    ours = replace(TERMS, **({"period": (FIRST_MS, FIRST_MS + 72 * HOUR_MS)} | terms))
    comparison = compare(((line, line.amount) for line in lines), Rows(rows), ours)
    assert comparison.difference == sum((one.amount for one in comparison.findings), Decimal(0))
    return comparison


def classes(comparison: Comparison) -> dict[str, Decimal]:
    """Amounts by class, without what matched."""
    sums: dict[str, Decimal] = {}
    for one in comparison.findings:
        if one.causes != (Cause.MATCHED,):
            sums[one.class_name] = sums.get(one.class_name, Decimal(0)) + one.amount
    return sums


def only(comparison: Comparison) -> Finding:
    """The one finding that is not matched."""
    [one] = [one for one in comparison.findings if one.causes != (Cause.MATCHED,)]
    return one


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
    assert "the ledger has no price" in only(comparison).evidence


def test_a_model_that_no_table_knows_is_missing_for_what_it_was_billed() -> None:
    """Without any price the amount is the statement's own."""
    lines = [replace(line, model="unheard-of") for line in both()]

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
    row = priced(replace(a_row(), context={"processing": "batch"}))
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
    """With as many billed requests as ours, an uncertain row explains more tokens; with more, one is missing."""
    rows = [a_row(quality="partial")]
    day = a_line(quantities={"input_tokens": 1_500, "output_tokens": 130}, amount="0.00645", requests=1)

    assert list(classes(found([day], rows))) == ["interrupted or estimated"]
    assert list(classes(found([replace(day, requests=2)], rows))) == [
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
        replace(line, until=FIRST + 30 * DAY, key="k", context={"speed": "fast"}, list_amount=None)
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
    silent = [replace(line, amount=None) for line in both()]
    comparison = found(silent, [a_row(), a_row(2, hours=30)])

    assert not comparison.has_money
    assert classes(comparison) == {"missing in statement": Decimal(0)}


def test_only_lines_of_the_period_count() -> None:
    """A line of the next month and a row outside are left out."""
    late = [replace(line, since=FIRST + 40 * DAY, until=FIRST + 41 * DAY) for line in both()]

    assert classes(found([*both(), *late], [a_row(), a_row(2, hours=999)])) == {}


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


def by_request(identity: int = 1, amount: str | None = "0.0045", **changes: Any) -> StatementLine:
    """A line about one request."""
    at = datetime.fromtimestamp((FIRST_MS + 12 * HOUR_MS) / 1000, UTC)
    told = {"input_tokens": 1_000, "output_tokens": 100}
    values: dict[str, Any] = {
        "since": at,
        "until": at,
        "quantities": told,
        "requests": 1,
        "request_id": f"resp-{identity}",
    }
    return replace(a_line(amount="0"), **(values | {"amount": None if amount is None else Decimal(amount)} | changes))


def test_a_request_whose_id_differs_is_found_by_its_tokens_and_time() -> None:
    """Within two seconds, each row once: the second line finds none."""
    lines = [by_request(91), by_request(92)]
    comparison = found(lines, [a_row(1)])

    assert list(classes(comparison)) == ["ambiguous (missing in ledger or other key or host)"]
    assert comparison.ledger_requests == 1
    assert classes(found([by_request(91)], [a_row(1, hours=12.01)])) != {}


def test_two_lines_with_one_id_use_the_row_once() -> None:
    """The second is missing in the ledger."""
    assert len(classes(found([by_request(1), by_request(1)], [a_row(1)]))) == 1


def test_a_request_that_was_not_billed_is_told_by_why() -> None:
    """Broken off, among the newest days, or simply not there; one that cost nothing is no difference."""
    lines = [by_request(1)]
    terms = {"period": (FIRST_MS, FIRST_MS + 72 * HOUR_MS), "format": Format(provider=PROVIDER, late_days=1)}

    assert list(classes(found(lines, [a_row(1), a_row(2, hours=20, status="cancelled")], **terms))) == [
        "interrupted or estimated"
    ]
    assert "may not be complete" in only(found(lines, [a_row(1), a_row(2, hours=60)], **terms)).evidence
    assert "may not be complete" not in only(found(lines, [a_row(1), a_row(2, hours=20)], **terms)).evidence
    free = a_row(2, hours=20, cost_nanousd=0, components={})
    assert classes(found(lines, [a_row(1), free], **terms)) == {}
    nameless = a_row(2, hours=20, provider_request_id=None, request_id=None)
    assert list(classes(found(lines, [a_row(1), nameless], **terms))) == ["missing in statement"]


def test_rows_rounded_by_the_statement_are_rounding() -> None:
    """$0.0045 printed as $0.00 in whole cents."""
    comparison = found(
        [by_request(1, "0.00")], [a_row(1)], format=Format(provider=PROVIDER, rounded_to=Decimal("0.01"))
    )

    assert classes(comparison) == {"rounding": Decimal("-0.0045")}


def test_requests_without_money_are_compared_in_tokens() -> None:
    """Equal tokens match; others are a finding of $0; one that is missing is too."""
    more = {"input_tokens": 1_300, "output_tokens": 100}
    lines = [by_request(1, None), by_request(2, None, quantities=more), by_request(9, None, quantities=more)]
    comparison = found(lines, [a_row(1), a_row(2, hours=13), a_row(3, hours=14)])

    assert not comparison.has_money
    assert classes(comparison) == {
        "missing in ledger": Decimal(0),
        "ambiguous (missing in ledger or other key or host)": Decimal(0),
        "missing in statement": Decimal(0),
    }


def test_many_findings_keep_a_sample_of_their_lines() -> None:
    """Twenty lost requests of a day are one finding with eight line numbers."""
    lines = [by_request(100 + number, number=number + 2) for number in range(20)]
    one = only(found(lines, []))

    assert (one.requests, one.line_count, len(one.lines)) == (20, 20, 8)


@pytest.mark.parametrize("grain", list(Grain))
@pytest.mark.parametrize("cause", list(Cause))
def test_a_cause_is_always_among_those_that_it_is_told_apart_from(grain: Grain, cause: Cause) -> None:
    """Whatever else is excluded, the cause itself stays."""
    assert cause in told_apart(grain, cause)
    assert told_apart(grain, cause, list(Cause)) == (cause,)


def test_hundreds_of_requests_are_matched_in_chunks() -> None:
    """More than one chunk of ids, in any order; rows of another provider with the same id are not taken."""
    lines = [by_request(number, number=number + 2) for number in range(1, 1_201)]
    rows = [a_row(number) for number in range(1, 1_201)]
    foreign = [replace(row, provider="elsewhere") for row in rows[:1]]

    assert classes(found(lines[::-1], rows)) == {}
    assert len(classes(found(lines[:1], foreign))) == 1


def test_a_request_of_the_day_before_is_matched_and_not_counted_twice() -> None:
    """The provider's clock is a little behind ours: the row is outside the day, the line inside."""
    at = FIRST + timedelta(seconds=1)
    near = a_row(1, hours=-0.0001)

    assert classes(found([by_request(91, since=at, until=at)], [near])) == {}
