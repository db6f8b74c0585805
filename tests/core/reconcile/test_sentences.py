"""A comparison in words: periods as people say them, sentences, advice, and rows that add up."""

import tomllib
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from llmledger.core.reconcile.causes import Cause, Finding, Grain
from llmledger.core.reconcile.compare import Comparison
from llmledger.core.reconcile.coverage import Coverage
from llmledger.core.reconcile.digest import Digest
from llmledger.core.reconcile.sentences import advice, class_rows, coverage_text, group_rows, period_text, sentences
from llmledger.core.statement import LineKind, StatementLine

OCTOBER = datetime(2026, 10, 1, tzinfo=UTC)


def a_finding(*causes: Cause, amount: str = "1", **changes: object) -> Finding:
    """A dollar of `demo/m` on the first of October."""
    values: dict[str, object] = {
        "causes": causes,
        "amount": Decimal(amount),
        "billed": Decimal(amount),
        "since": OCTOBER,
        "until": OCTOBER + timedelta(days=1),
        "provider": "demo",
        "model": "m",
    }
    return Finding(**(values | changes))  # type: ignore[arg-type]


def a_comparison(
    *findings: Finding, has_money: bool = True, requests: int = 3, coverage: tuple[Coverage, ...] = ()
) -> Comparison:
    """A comparison of October with these findings."""
    return Comparison(
        since=OCTOBER,
        until=datetime(2026, 11, 1, tzinfo=UTC),
        grain=Grain.METER,
        billed=sum((one.billed for one in findings), Decimal(0)),
        ledger=sum((one.ledger for one in findings), Decimal(0)),
        findings=findings,
        ledger_requests=requests,
        has_money=has_money,
        coverage=coverage,
    )


@pytest.mark.parametrize(
    ("since", "until", "zone", "expected"),
    [
        ("2026-10-01T00:00+00:00", "2026-11-01T00:00+00:00", "UTC", "October 2026"),
        ("2026-10-01T00:00+00:00", "2026-10-02T00:00+00:00", "UTC", "2026-10-01"),
        ("2026-10-01T00:00+00:00", "2026-10-15T00:00+00:00", "UTC", "2026-10-01 .. 2026-10-14"),
        ("2026-10-01T07:00+00:00", "2026-11-01T07:00+00:00", "America/Los_Angeles", "October 2026"),
    ],
)
def test_a_period_is_said_in_its_own_zone(since: str, until: str, zone: str, expected: str) -> None:
    """A month by its name, else its days."""
    assert period_text(datetime.fromisoformat(since), datetime.fromisoformat(until), zone) == expected


def test_the_sentences_name_every_class_and_what_is_left() -> None:
    """As in the design: what went past, what is rounding, what is unexplained."""
    comparison = a_comparison(
        a_finding(Cause.MATCHED, amount="0", billed=Decimal("409.87"), ledger=Decimal("409.87")),
        a_finding(Cause.OTHER_KEY, amount="1.9", key="sk-proj-abcdefgh4f2a"),
        a_finding(Cause.ROUNDING, amount="0.56"),
    )

    assert sentences(comparison, provider="OpenAI", zone="UTC") == [
        (
            "OpenAI billed $412.33 for October 2026 (UTC). The ledger has $409.87; $1.90 went past it (key …4f2a),"
            " $0.56 is rounding."
        ),
        "Unexplained: $0.00.",
    ]


def test_many_keys_are_counted_and_not_listed() -> None:
    """Three are named."""
    comparison = a_comparison(*(a_finding(Cause.OTHER_KEY, key=f"k{number}") for number in range(5)))

    assert "(key k0, k1, k2 and 2 more)" in sentences(comparison, provider="X", zone="UTC")[0]


def test_tokens_without_money_have_sentences_of_their_own() -> None:
    """One finding, several, none; with an empty ledger nothing is compared."""
    odd = a_finding(Cause.CACHED_SPLIT, amount="0")
    matched = a_finding(Cause.MATCHED, amount="0")

    assert sentences(a_comparison(matched, has_money=False), provider="X", zone="UTC")[1].startswith("Every token")
    assert sentences(a_comparison(odd, has_money=False), provider="X", zone="UTC")[1].startswith(
        "Tokens differ in 1 finding;"
    )
    assert sentences(a_comparison(odd, odd, has_money=False), provider="X", zone="UTC")[1].startswith(
        "Tokens differ in 2 findings;"
    )
    assert len(sentences(a_comparison(odd, has_money=False, requests=0), provider="X", zone="UTC")) == 1


def test_opposite_amounts_that_are_unexplained_do_not_cancel_out() -> None:
    """$3 too much on one day and $3 too little on another are $6 unexplained."""
    comparison = a_comparison(a_finding(Cause.UNEXPLAINED, amount="3"), a_finding(Cause.UNEXPLAINED, amount="-3"))

    assert comparison.unexplained == Decimal(6)


def test_rows_by_model_day_and_key_add_up_to_the_difference() -> None:
    """Whichever heading is chosen."""
    findings = [
        a_finding(Cause.PRICE, ledger=Decimal("0.4"), billed=Decimal("1.4")),
        a_finding(Cause.OTHER_KEY, key="k", model="", since=OCTOBER + timedelta(days=3)),
        a_finding(Cause.CREDITS, amount="-2", provider="", model=""),
    ]
    for by in ("model", "day", "key"):
        assert sum(row.difference for row in group_rows(findings, by, "UTC")) == Decimal(0)
    assert [row.name for row in group_rows(findings, "model", "UTC")] == ["demo", "demo/m", "—"]
    assert sum(row.amount for row in class_rows(findings)) == Decimal(0)


def test_a_price_becomes_one_patch_from_its_first_day() -> None:
    """Two days at $5 instead of $3 per million; a name with a quote stays TOML."""
    days = [
        a_finding(
            Cause.PRICE,
            meter="input_tokens",
            model='m"\n',
            implied=Decimal("5.000000000000000000001"),
            expected=Decimal(3) if day else None,
            since=OCTOBER + timedelta(days=day),
        )
        for day in (4, 2)
    ]
    nothing = a_finding(Cause.PRICE, meter="output_tokens", implied=Decimal(0))
    [patch] = advice(a_comparison(*days, nothing), statement="cost.csv", today=date(2026, 11, 21))
    [model] = tomllib.loads(patch.toml)["model"]

    assert model["id"] == 'm"\n'
    assert model["period"][0]["from"] == date(2026, 10, 3)
    assert model["period"][0]["input"] == 5
    assert "(2 days)" in patch.text


def test_a_price_per_thousand_is_written_in_its_own_scale() -> None:
    """$10,000 per million searches are $10 per thousand."""
    one = a_finding(Cause.PRICE, meter="web_searches", implied=Decimal(10_000), expected=None)
    [patch] = advice(a_comparison(one), statement="cost.csv", today=date(2026, 11, 21))

    assert tomllib.loads(patch.toml)["model"][0]["period"][0]["per_1k_web_searches"] == 10


def test_without_tokens_by_key_there_is_no_coverage() -> None:
    """Nothing is said then."""
    assert coverage_text(a_comparison()) == ""
    assert coverage_text(a_comparison(coverage=(Coverage(key="k", billed_tokens=0, seen_tokens=0),))) == ""


def test_coverage_is_told_by_key_the_least_seen_first_and_never_rounded_up() -> None:
    """1,999 of 2,000 tokens are 99.9%, 9,999 of 10,000 are not 100%; requests are told where they are counted."""
    coverage = (
        Coverage(key="a", billed_tokens=10_000, seen_tokens=9_999, billed_requests=4, seen_requests=3, is_shared=True),
        Coverage(key="b", billed_tokens=2_000, seen_tokens=0, billed_requests=1, seen_requests=0),
        Coverage(key="", billed_tokens=0, seen_tokens=0, billed_requests=5, seen_requests=5),
    )
    many = tuple(Coverage(key=f"k{number}", billed_tokens=1, seen_tokens=1) for number in range(10))

    # (3 + 0 + 5) of (4 + 1 + 5) requests are 80%; 9,999 of 12,000 tokens are 83.325%.
    assert coverage_text(a_comparison(coverage=coverage)) == (
        "Coverage: the ledger saw 80% of the billed requests and 83.3% of the billed tokens"
        " (b 0%, a about 99.9%, no key 100%)."
    )
    assert coverage_text(a_comparison(coverage=coverage, requests=0)) == ""
    assert coverage_text(a_comparison(coverage=many)).endswith("k7 100% and 2 other keys).")


def no_price(provider: str, model: str, meter: str, at_ms: int, context: Mapping[str, str]) -> Decimal | None:
    """$3 per million of everything but `unheard`."""
    return None if model == "unheard" else Decimal("0.000003")


def test_a_digest_compares_each_meters_price_with_the_table() -> None:
    """$3 is ours, $4 is not, half a cent of rounding is allowed; a tax is no usage."""
    digest = Digest(lambda _, model: model, no_price)
    for model, amount, kind in (
        ("right", "3", LineKind.USAGE),
        ("wrong", "4", LineKind.USAGE),
        ("unheard", "1", LineKind.USAGE),
        ("tax", "1", LineKind.TAX),
    ):
        line = StatementLine(
            number=1,
            since=OCTOBER,
            until=OCTOBER + timedelta(days=1),
            provider="demo",
            model=model,
            meter="input_tokens",
            quantities={"input_tokens": 1_000_000},
            kind=kind,
        )
        digest.add(line, Decimal(amount))

    assert [(one.model, one.implied, one.expected) for one in digest.check_prices().odd] == [
        ("unheard", Decimal(1), None),
        ("wrong", Decimal(4), Decimal(3)),
    ]
    assert [one.model for one in digest.check_prices(step=Decimal(2)).odd] == ["unheard"]
    assert (digest.check_prices().agreeing, digest.check_prices(step=Decimal(2)).agreeing) == (1, 2)
    assert digest.kinds() == [("tax", Decimal(1), 1), ("usage", Decimal(8), 3)]
    assert [name for name, _ in digest.shares("model")] == ["demo/wrong", "demo/right", "demo/unheard"]
    assert [(name, share.lines) for name, share in digest.shares("day")] == [("2026-10-01", 3)]


def test_a_digest_passes_over_lines_without_a_meter() -> None:
    """A whole request has no unit price, nor has a line without money; two lines of one place are one entry."""
    digest = Digest(lambda _, model: model, no_price)
    line = StatementLine(number=1, since=OCTOBER, until=OCTOBER, provider="demo", quantities={"input_tokens": 5})
    digest.add(line, None)
    digest.add(line, None)

    digest.add(line._replace(model="m", meter="input_tokens"), None)

    assert (digest.check_prices().agreeing, digest.check_prices().odd) == (0, ())
    assert digest.shares("model")[0][1].lines == 2
