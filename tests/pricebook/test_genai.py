"""Prices of genai-prices in our schema: their rules, periods, tiers and modes, on models made up here."""

from datetime import date, time
from decimal import Decimal
from typing import Any

import pytest

from llmledger.pricebook.genai import convert, installed_version

types = pytest.importorskip("genai_prices.types")

EVIDENCE = {"source": "made up", "checked": date(2026, 11, 21), "evidence": "secondary"}


def price(**prices: Any) -> Any:
    """Their price of a model; a pair is a base with a tier above 200,000."""
    values = {
        key: types.TieredPrices(base=Decimal(str(value[0])), tiers=[types.Tier(200_000, Decimal(str(value[1])))])
        if isinstance(value, tuple)
        else Decimal(str(value))
        for key, value in prices.items()
    }
    return types.ModelPrice(**values)


def models(*theirs: Any, provider: str = "acme") -> list[dict[str, Any]]:
    """Their models as ours."""
    made = types.Provider(id=provider, name="Acme", api_pattern="https://acme", models=list(theirs))
    return convert(made, EVIDENCE).models


def model(prices: Any, match: Any = None, name: str = "rocket", variants: Any = None) -> Any:
    """One of their models."""
    return types.ModelInfo(id=name, match=match or types.ClauseEquals(name), prices=prices, price_variants=variants)


def test_the_installed_version_is_known() -> None:
    """Every rate names it as its source."""
    assert installed_version()[0].isdigit()


def test_prices_on_single_units_become_tiers_of_the_request() -> None:
    """Input and output change together above 200,000."""
    (found,) = models(model(price(input_mtok=(1, 2), output_mtok=(5, 9), cache_read_mtok=0.5)))
    period = found["period"][0]

    assert (period["input"], period["cache_read"], period["output"]) == (1, Decimal("0.5"), 5)
    assert period["tier"] == [{"above": 200_000, "input": 2, "output": 9}]
    assert period["source"] == "made up"


def test_rules_that_only_resemble_become_exact_names() -> None:
    """`starts_with` claims dated names; a stem with a delimiter is a prefix; what another model has is left to it."""
    match = types.ClauseOr(
        or_=[
            types.ClauseStartsWith("rocket-4"),
            types.ClauseStartsWith("rkt-4@"),
            types.ClauseContains("comet"),
            types.ClauseRegex(r"^rocket\.4-\d{8}$"),
            types.ClauseRegex(r"^ro(ck)+et$"),
            types.ClauseAnd(and_=[types.ClauseStartsWith("rocket-four"), types.ClauseRegex("^(?!.*tts)")]),
        ]
    )
    first, _ = models(model(price(input_mtok=1), match, "rocket"), model(price(input_mtok=2), name="comet"))

    assert first["names"] == ["rocket-4", "rocket-four"]
    assert (first["dated"], first["prefix"], first["regex"]) == (True, ["rkt-4@"], ["^ro(ck)+et$"])


def test_a_later_start_closes_the_earlier_period() -> None:
    """Their list is tried last to first."""
    start = types.StartDateConstraint(date(2026, 3, 13))
    listed = [
        types.ConditionalPrice(prices=price(input_mtok=2)),
        types.ConditionalPrice(start, prices=price(input_mtok=1)),
    ]
    (found,) = models(model(listed))

    assert [(one.get("from"), one.get("until"), one["input"]) for one in found["period"]] == [
        (None, date(2026, 3, 13), 2),
        (date(2026, 3, 13), None, 1),
    ]


def test_a_price_that_begins_later_has_no_past() -> None:
    """Nothing is known of the time before."""
    start = types.StartDateConstraint(date(2026, 3, 13))
    (found,) = models(model([types.ConditionalPrice(start, prices=price(input_mtok=1))]))

    assert [one.get("from") for one in found["period"]] == [date(2026, 3, 13)]


def test_hours_become_windows() -> None:
    """In UTC."""
    hours = types.TimeOfDateConstraint(time(0, 30), time(16, 30))
    listed = [
        types.ConditionalPrice(prices=price(input_mtok=1)),
        types.ConditionalPrice(hours, prices=price(input_mtok=2)),
    ]
    (found,) = models(model(listed))

    assert found["period"][0]["window"] == [{"hours": [["00:30", "16:30"]], "tz": "UTC", "input": 2}]


def test_a_mode_that_was_written_down_later_holds_as_long_as_the_price() -> None:
    """A date on which only batch was added is a day of observation; the first of two for the same requests wins."""
    start = types.StartDateConstraint(date(2026, 10, 14))
    batch = {"processing": "batch"}
    variants = [
        types.PriceVariant(batch, price(input_mtok=1), start),
        types.PriceVariant(batch, price(input_mtok=9, output_mtok=4), start),
        types.PriceVariant({"service_tier": "default"}, price(), None),
    ]
    (found,) = models(model(price(input_mtok=2, output_mtok=8), variants=variants))

    assert [one.get("from") for one in found["period"]] == [None]
    assert found["period"][0]["mode"] == [{"when": batch, "input": 1, "output": 4}]


def test_zero_is_free_and_empty_is_nothing() -> None:
    """They do not say whether an empty price is free, so it is no price."""
    free, *others = models(model(price(input_mtok=0, output_mtok=0)), model(price(), name="unknown"))

    assert (free["period"][0]["free"], others) == (True, [])


def test_a_price_that_we_cannot_say_is_noted_and_makes_nothing_free() -> None:
    """Beside others it is a note, alone it is no price."""
    both, *others = models(
        model(price(input_mtok=1, input_gpixels=3)), model(price(social_searches_kcount=3), name="social")
    )

    assert both["period"][0]["note"] == "input_gpixels has a price that this table cannot say"
    assert others == []


def test_days_on_which_a_router_was_seen_to_change_are_said_to_be_that() -> None:
    """OpenRouter publishes no dates."""
    start = types.StartDateConstraint(date(2026, 10, 19))
    listed = [
        types.ConditionalPrice(prices=price(input_mtok=2)),
        types.ConditionalPrice(start, prices=price(input_mtok=1)),
    ]
    (found,) = models(model(listed), provider="openrouter")

    assert found["period"][1]["observed"] is True
