"""What writes the packaged table: conventions of two lists turned into ours, joined, with their past."""

import json
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from pricing._generate.joining import Joined, join
from pricing._generate.litellm_list import LIST, LitellmModel, read_list
from pricing._generate.past import Issue
from pricing._generate.table import keep_known

from llmledger.pricebook.writer import file_text

TODAY = date(2026, 11, 21)
HEADER = {"schema": 1, "provider": "acme", "routes": ["acme/"]}


def listed(folder: Path, **facts: Any) -> LitellmModel:
    """One model of their list, read back."""
    path = folder / LIST
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"acme/rocket": {"litellm_provider": "acme", "mode": "chat", **facts}}))
    return next(read_list(folder))


def entry(**period: Any) -> dict[str, Any]:
    """A model of the dated list."""
    evidence = {"source": "dated 1", "checked": TODAY, "evidence": "secondary"}
    prices = {key: Decimal(str(value)) if isinstance(value, (int, float)) else value for key, value in period.items()}
    return {"id": "rocket", "names": [], "dated": True, "regex": [], "period": [{**prices, **evidence}]}


def test_a_flat_list_becomes_prices_tiers_and_modes(tmp_path: Path) -> None:
    """USD per token to USD per 1M; kind, tier and mode stand in the field's name."""
    found = listed(
        tmp_path,
        input_cost_per_token=3e-06,
        output_cost_per_token=1.5e-05,
        cache_read_input_token_cost=3e-07,
        input_cost_per_token_above_200k_tokens=6e-06,
        input_cost_per_token_batches=1.5e-06,
        input_cost_per_token_above_200k_tokens_batches=3e-06,
        output_cost_per_token_priority=3e-05,
        search_context_cost_per_query={
            "search_context_size_low": 0.005,
            "search_context_size_medium": 0.008,
            "search_context_size_high": 0.008,
        },
        provider_specific_entry={"us": 1.1},
        deprecation_date="2026-12-01",
        source="https://acme.example/prices",
    )
    modes = {"+".join(mode["when"].values()): mode for mode in found.table["mode"]}

    assert (found.provider, found.model, found.retired) == ("acme", "rocket", "2026-12-01")
    assert {key: str(found.table[key]) for key in ("input", "output", "cache_read", "per_1k_web_searches")} == {
        "input": "3",
        "output": "15",
        "cache_read": "0.3",
        "per_1k_web_searches": "8",
    }
    assert found.table["tier"] == [{"above": 200_000, "input": Decimal(6)}]
    assert modes["batch"]["tier"] == [{"above": 200_000, "input": Decimal(3)}]
    assert modes["priority"]["output"] == 30
    assert modes["low"]["per_1k_web_searches"] == 5
    assert modes["us"]["only"] == ["input", "cache_read", "output"]


def test_a_price_of_reasoning_that_modes_would_not_lower_is_left_to_output(tmp_path: Path) -> None:
    """The list halves a batch's output and says nothing of its thoughts, which would keep their full price."""
    flash = {"input_cost_per_token": 3e-07, "output_cost_per_token": 2.5e-06, "output_cost_per_token_batches": 1.25e-06}

    assert "reasoning" not in listed(tmp_path, **flash, output_cost_per_reasoning_token=2.5e-06).table
    assert listed(tmp_path, **flash, output_cost_per_reasoning_token=3e-06).table["reasoning"] == 3


def test_ranges_are_tiers_of_the_whole_request(tmp_path: Path) -> None:
    """The first range is the base."""
    ranges = [
        {"range": [0, 256000.0], "input_cost_per_token": 5e-08, "output_cost_per_token": 4e-07},
        {"range": [256000.0, 1000000.0], "input_cost_per_token": 2.5e-07, "output_cost_per_token": 2e-06},
    ]
    found = listed(tmp_path, tiered_pricing=ranges).table

    assert (found["input"], found["tier"]) == (
        Decimal("0.05"),
        [{"above": 256_000, "input": Decimal("0.25"), "output": Decimal(2)}],
    )


def test_seconds_pages_and_pixels_say_their_unit(tmp_path: Path) -> None:
    """A second at $0.0001 is $0.36 an hour."""
    heard = listed(tmp_path, mode="audio_transcription", input_cost_per_second=0.0001, output_cost_per_second=0.0)
    drawn = listed(tmp_path, mode="image_generation", output_cost_per_image=0.04, input_cost_per_pixel=2e-08)

    assert heard.table == {"per_hour_audio": Decimal("0.36")}
    assert drawn.table == {"per_1k_output_images": Decimal(40), "per_1m_input_pixels": Decimal("0.02")}


def test_a_stated_zero_is_free_and_a_missing_price_is_nothing(tmp_path: Path) -> None:
    """A zero needs a page that says so; without one, and at subscriptions, it is a placeholder."""
    zero = {"input_cost_per_token": 0, "output_cost_per_token": 0}
    page = {"source": "https://acme.example/prices"}

    assert listed(tmp_path, **zero, **page).table == {"free": True}
    assert listed(tmp_path, **zero).table == {}
    assert listed(tmp_path, **{**zero, **page, "litellm_provider": "chatgpt"}).table == {}
    assert listed(tmp_path, input_cost_per_token=0).table == {}


def test_a_price_beyond_belief_is_left_out_and_said(tmp_path: Path) -> None:
    """A price per 1,000 tokens that was taken for one per token."""
    found = listed(tmp_path, input_cost_per_token=0.0032, output_cost_per_token=0.00971)

    assert found.table == {}
    assert found.note is not None
    assert "3.2E+3 USD per 1M" in found.note


def test_cheaper_hours_keep_their_weekdays(tmp_path: Path) -> None:
    """In the zone in which the weekdays are counted: 10:00 to midnight UTC is 18:00 to 08:00 in Shanghai."""
    off_peak = {
        "input_cost_per_token": 1e-06,
        "weekday_timezone": "Asia/Shanghai",
        "windows": [
            {"hours_utc": ["10:00-00:00"], "weekdays": [1, 5]},
            {"hours_utc": "00:00-00:00", "weekdays": ["saturday"]},
        ],
    }
    found = listed(tmp_path, input_cost_per_token=2e-06, output_cost_per_token=1e-06, off_peak_pricing=off_peak)

    assert found.table["window"] == [
        {
            "hours": [["00:00", "08:00"], ["18:00", "24:00"]],
            "days": ["mon", "fri"],
            "tz": "Asia/Shanghai",
            "input": Decimal(1),
        },
        {"hours": [["00:00", "24:00"]], "days": ["sat"], "tz": "Asia/Shanghai", "input": Decimal(1)},
    ]


def model(name: str = "rocket", provider: str = "acme", **table: Any) -> LitellmModel:
    """A model of the broad list."""
    prices = {key: Decimal(str(value)) for key, value in table.items()}
    return LitellmModel(
        key=f"acme/{name}", provider=provider, model=name, mode="chat", table=prices, url=None, retired=None
    )


def joined(entries: list[dict[str, Any]], *issues: list[LitellmModel]) -> dict[str, dict[str, Any]]:
    """Both lists joined, models by id; the issues are a month apart, the last is of today."""
    work = Joined("acme", dict(HEADER), entries)
    days = [date(2026, 9 + number, 2) for number in range(len(issues) - 1)] + [TODAY]
    numbered = [
        Issue(day, f"broad {number}", {one.key: one for one in models})
        for number, (day, models) in enumerate(zip(days, issues, strict=True), 1)
    ]
    join(work, numbered, checked=TODAY)
    return {one["id"]: one for one in work.models}


def test_where_both_agree_the_broad_list_adds_what_only_it_knows() -> None:
    """And the source says which price is from where."""
    period = joined([entry(input=3, output=15)], [model(input=3, output=15, cache_read=0.3)])["rocket"]["period"][0]

    assert period["cache_read"] == Decimal("0.3")
    assert period["source"] == "dated 1; broad 1 for cache_read"


def test_where_they_differ_the_dated_list_keeps_its_word_and_the_other_is_noted() -> None:
    """Nothing of the other is added then; a rounding is no difference."""
    period = joined([entry(input=3, output=15)], [model(input=4, output=15, cache_read=0.3)])["rocket"]["period"][0]
    rounded = joined([entry(input=3, output=15)], [model(input=3.0001, output=15)])["rocket"]["period"][0]

    assert (period["input"], period["disputed"]) == (3, "broad 1 has input 4, output 15")
    assert "cache_read" not in period
    assert "disputed" not in rounded


def test_a_dated_version_is_a_name_when_it_costs_the_same_and_a_model_when_not() -> None:
    """gpt-4o of May is dearer than gpt-4o."""
    found = joined(
        [entry(input=3, output=15)],
        [model("rocket-2026-01-02", input=3, output=15), model("rocket-2025-05-13", input=5, output=15)],
    )

    assert found["rocket"]["names"] == ["rocket-2026-01-02"]
    assert found["rocket-2025-05-13"]["period"][0]["input"] == 5


def test_what_a_list_has_dropped_stays_priceable() -> None:
    """With the last price it had, and a note."""
    found = joined([], [model("old", input=1, output=1)], [model("new", input=1, output=1)])

    assert found["old"]["period"][0]["note"] == "not in the list any more since broad 1"


def test_what_the_sources_have_no_more_stays_in_the_file(tmp_path: Path) -> None:
    """A model on disk that no source lists any more is written again as it was; one that is listed is theirs."""
    path = tmp_path / "acme.toml"
    old = [{**entry(input=1, output=1), "id": "gone", "names": ["away"]}, entry(input=9, output=9)]
    path.write_text(file_text(HEADER, old))
    work = Joined("acme", dict(HEADER), [entry(input=3, output=15)])
    keep_known(work, path)
    keep_known(work, tmp_path / "absent.toml")
    found = {one["id"]: one for one in work.models}

    assert found["gone"]["names"] == ["away"]
    assert found["gone"]["period"][0]["input"] == 1
    assert found["rocket"]["period"][0]["input"] == 3


def test_a_price_that_moved_between_two_issues_has_a_past_at_resellers_only() -> None:
    """Dated by the issue in which it was first seen, and said to be seen; a vendor's own price was corrected."""
    first, second, third = (model(input=usd, output=1) for usd in (1, 2, 2))
    periods = joined([], [first], [second], [third])["rocket"]["period"]
    own = [model(provider="openai", input=usd, output=1) for usd in (1, 2)]
    slip = [model(input=usd, output=1) for usd in (1, 100)]

    assert [(one.get("from"), one.get("until"), one["input"]) for one in periods] == [
        (None, date(2026, 10, 2), 1),
        (date(2026, 10, 2), None, 2),
    ]
    assert periods[1]["observed"] is True
    assert len(joined([], [own[0]], [own[1]])["rocket"]["period"]) == 1
    assert len(joined([], [slip[0]], [slip[1]])["rocket"]["period"]) == 1
