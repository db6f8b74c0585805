"""Pricing: worked by hand beside each assertion; prices are nano-USD per 1M tokens, so $3 is 3_000_000_000."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmledger.core.pricing import price, unpriced
from llmledger.core.rates import Mode, Rate, Tier, Window
from llmledger.core.usage import Usage
from llmledger.core.words import Outcome

AT = datetime(2026, 11, 16, 2, tzinfo=UTC)
USD = 1_000_000_000

SONNET = Rate(
    id="example/sonnet",
    prices={
        "input_tokens": 3 * USD,
        "output_tokens": 15 * USD,
        "cache_read_tokens": 300_000_000,
        "cache_write_tokens": 3_750_000_000,
        "cache_write_1h_tokens": 6 * USD,
        "web_searches": 10 * USD,
    },
    tiers=(Tier(200_000, {"input_tokens": 6 * USD, "output_tokens": 22_500_000_000}),),
    modes=(Mode({"processing": "batch"}, multiply=Decimal("0.5"), only=frozenset({"input_tokens", "output_tokens"})),),
)


def nanousd(usage: Usage, rate: Rate = SONNET, **context: str) -> int | None:
    """The cost alone."""
    return price(usage, rate, at=AT, context=context).nanousd


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        (Usage(input_tokens=1000, output_tokens=200), 6_000_000),  # 1000 x 3000 + 200 x 15000
        (Usage(input_tokens=2006, cache_read_tokens=1920, output_tokens=300), 5_334_000),  # 86 x 3000 + 1920 x 300
        (Usage(input_tokens=0, output_tokens=0), 0),
        (Usage(web_searches=3), 30_000_000),  # 3 x $0.01
    ],
    ids=["plain", "cached-2006-1920-300", "nothing-used", "searches"],
)
def test_a_request_costs_what_the_hand_says(usage: Usage, expected: int) -> None:
    """litellm#6215: cached tokens are a part of the input, never added on top and never at the full price."""
    assert nanousd(usage) == expected


def test_the_lifetimes_of_cache_writes_have_their_own_prices() -> None:
    """litellm#42663: 1,000 written, 400 of them for an hour; the remainder has the short price, not zero."""
    usage = Usage(input_tokens=1500, cache_write_tokens=1000, cache_write_1h_tokens=400, output_tokens=0)

    # 500 x 3000 + 600 x 3750 + 400 x 6000
    assert nanousd(usage) == 1_500_000 + 2_250_000 + 2_400_000


def test_reasoning_without_a_price_is_billed_as_output() -> None:
    """litellm#18599: 482 out, of which 448 reasoning, are 482 tokens at the output price."""
    assert nanousd(Usage(input_tokens=0, output_tokens=482, reasoning_tokens=448)) == 482 * 15_000


def test_reasoning_with_a_price_is_billed_by_itself() -> None:
    """34 x 4000 + 448 x 12000."""
    rate = Rate(id="r", prices={"input_tokens": USD, "output_tokens": 4 * USD, "reasoning_tokens": 12 * USD})

    assert nanousd(Usage(input_tokens=0, output_tokens=482, reasoning_tokens=448), rate) == 34 * 4000 + 448 * 12_000


@pytest.mark.parametrize(("tokens", "expected"), [(200_000, 600_000_000), (200_001, 1_200_006_000)])
def test_a_tier_reprices_the_whole_request(tokens: int, expected: int) -> None:
    """litellm#28047: one token more doubles the price of every token, not of the last one."""
    assert nanousd(Usage(input_tokens=tokens, output_tokens=0)) == expected


def test_cached_tokens_count_towards_the_tier() -> None:
    """1 fresh and 200,000 cached are 200,001 of input: 1 x 6000 + 200,000 x 300, and the output is repriced too."""
    usage = Usage(input_tokens=200_001, cache_read_tokens=200_000, output_tokens=10)

    assert nanousd(usage) == 6000 + 60_000_000 + 10 * 22_500


def test_batch_halves_tokens_but_not_searches() -> None:
    """(1000 x 3000 + 200 x 15000) / 2 + 2 x $0.01: Anthropic's batch discount is on tokens."""
    cost = price(
        Usage(input_tokens=1000, output_tokens=200, web_searches=2), SONNET, at=AT, context={"processing": "batch"}
    )

    assert cost.nanousd == 3_000_000 + 20_000_000
    assert cost.rate_id == "example/sonnet#batch"
    assert cost.reason == "processing=batch"


@pytest.mark.parametrize(
    ("tokens", "context", "per_token"),
    [
        (200_000, {}, 3000),
        (200_001, {}, 6000),
        (200_000, {"processing": "batch"}, 1500),
        (200_001, {"processing": "batch"}, 3000),
        (200_001, {"service_tier": "priority"}, 6000),
    ],
)
def test_tier_and_mode_meet(tokens: int, context: dict[str, str], per_token: int) -> None:
    """litellm#13810, litellm#39861: the matrix of context and batch; an unknown mode changes nothing."""
    assert nanousd(Usage(input_tokens=tokens, output_tokens=0), **context) == tokens * per_token


def test_the_first_mode_that_names_a_unit_sets_its_price_and_all_multipliers_apply() -> None:
    """Input 7 of the first, output 9 of the second, both times 1.1 for the region."""
    rate = Rate(
        id="r",
        prices={"input_tokens": USD, "output_tokens": USD},
        modes=(
            Mode({"speed": "fast"}, {"input_tokens": 7 * USD}),
            Mode({"processing": "batch"}, {"input_tokens": 2 * USD, "output_tokens": 9 * USD}),
            Mode({"inference_geo": "us"}, multiply=Decimal("1.1")),
        ),
    )
    context = {"speed": "fast", "processing": "batch", "inference_geo": "us"}
    cost = price(Usage(input_tokens=100, output_tokens=10), rate, at=AT, context=context)

    assert cost.nanousd == (100 * 7000 + 10 * 9000) * 11 // 10
    assert cost.rate_id == "r#fast#batch#us"


def test_a_mode_may_have_tiers_of_its_own() -> None:
    """Batch above 272,000 tokens has a price of its own: litellm#39861."""
    batch = Mode({"processing": "batch"}, {"input_tokens": USD}, tiers=(Tier(272_000, {"input_tokens": 2 * USD}),))
    rate = Rate(
        id="r",
        prices={"input_tokens": 2 * USD, "output_tokens": USD},
        tiers=(Tier(272_000, {"input_tokens": 4 * USD}),),
        modes=(batch,),
    )

    assert nanousd(Usage(input_tokens=272_000, output_tokens=0), rate, processing="batch") == 272_000 * 1000
    assert nanousd(Usage(input_tokens=272_001, output_tokens=0), rate, processing="batch") == 272_001 * 2000
    assert nanousd(Usage(input_tokens=272_001, output_tokens=0), rate) == 272_001 * 4000


def test_the_highest_tier_reached_counts_and_keeps_what_it_does_not_name() -> None:
    """Above 256k only the input changes again; the output keeps the price of the tier below."""
    rate = Rate(
        id="r",
        prices={"input_tokens": USD, "output_tokens": USD},
        tiers=(
            Tier(32_000, {"input_tokens": 2 * USD, "output_tokens": 3 * USD}),
            Tier(256_000, {"input_tokens": 5 * USD}, inclusive=True),
        ),
    )
    cost = price(Usage(input_tokens=256_000, output_tokens=10), rate, at=AT)

    assert cost.nanousd == 256_000 * 5000 + 10 * 3000
    assert cost.reason == "from 256,000 input tokens"


def test_an_open_window_changes_prices_or_multiplies_them() -> None:
    """At 02:00 on a Monday both windows are open, and the first counts; at 05:00 neither is."""
    window = Window(hours=((60, 240),), zone=UTC, days=frozenset(range(5)), multiply=Decimal(2))
    other = Window(hours=((60, 240),), zone=UTC, prices={"input_tokens": 9 * USD})
    usage, prices = Usage(input_tokens=1000, output_tokens=0), {"input_tokens": USD, "output_tokens": USD}

    assert nanousd(usage, Rate(id="r", prices=prices, windows=(window, other))) == 2_000_000
    assert nanousd(usage, Rate(id="r", prices=prices, windows=(other, window))) == 9_000_000
    shut = price(usage, Rate(id="r", prices=prices, windows=(window,)), at=AT + timedelta(hours=3))
    assert shut.nanousd == 1_000_000


def test_a_request_is_counted_once_when_requests_have_a_price() -> None:
    """Tokens plus $5 per 1,000 requests; a usage that tells how many is believed."""
    rate = Rate(id="r", prices={"input_tokens": USD, "output_tokens": USD, "billed_requests": 5 * USD})

    assert nanousd(Usage(input_tokens=1000, output_tokens=0), rate) == 1_000_000 + 5_000_000
    assert nanousd(Usage(input_tokens=1000, output_tokens=0, billed_requests=3), rate) == 1_000_000 + 15_000_000


def test_seconds_are_priced_by_the_hour_without_a_float() -> None:
    """7.5 s at $0.36 an hour are $0.00075."""
    rate = Rate(id="r", prices={"audio_seconds": 360_000_000})

    assert nanousd(Usage(audio_seconds=Decimal("7.5")), rate) == 750_000


def test_a_short_recording_is_billed_as_the_shortest_there_is() -> None:
    """3 s at a least of 10 s and $0.36 an hour are $0.001; 12 s are 12 s, none are none."""
    rate = Rate(id="r", prices={"audio_seconds": 360_000_000}, least={"audio_seconds": 10})

    assert [nanousd(Usage(audio_seconds=count), rate) for count in (3, 12, 0)] == [1_000_000, 1_200_000, 0]


def test_half_a_nanodollar_rounds_to_even_once_per_request() -> None:
    """1 token at $0.0005 per 1M is half a nano-USD; three units of half each round together, not one by one."""
    half = 500_000
    rate = Rate(id="r", prices={"input_tokens": half, "output_tokens": half, "cache_read_tokens": half})

    assert nanousd(Usage(input_tokens=1, output_tokens=0), rate) == 0
    assert nanousd(Usage(input_tokens=2, cache_read_tokens=1, output_tokens=1), rate) == 2


def test_free_is_a_stated_zero() -> None:
    """Not unpriced, not priced at nothing by omission; usage need not even be told."""
    cost = price(Usage(), Rate(id="local/any", free=True), at=AT, version="v1")

    assert (cost.outcome, cost.nanousd, cost.price_version) == (Outcome.FREE, 0, "v1")


def test_a_reported_unit_without_any_price_makes_the_cost_partial() -> None:
    """The tokens have a price, the two searches have none: the cost is kept and the gap is listed."""
    rate = Rate(id="r", prices={"input_tokens": USD, "output_tokens": USD})
    cost = price(Usage(input_tokens=1000, output_tokens=0, web_searches=2), rate, at=AT)

    assert (cost.outcome, cost.nanousd, cost.unpriced_units) == (Outcome.PARTIAL, 1_000_000, ("web_searches",))
    assert cost.reason == "no price for web_searches"


def test_output_is_not_free_where_only_input_has_a_price() -> None:
    """A half-given price must not make the other half free: amx#235."""
    cost = price(Usage(input_tokens=10, output_tokens=5), Rate(id="r", prices={"input_tokens": USD}), at=AT)

    assert (cost.outcome, cost.unpriced_units) == (Outcome.PARTIAL, ("output_tokens",))


def test_units_that_were_not_used_need_no_price() -> None:
    """Zero output of an embedding is no gap, and neither is the count of requests."""
    usage = Usage(input_tokens=10, output_tokens=0, web_searches=0, billed_requests=1)
    cost = price(usage, Rate(id="r", prices={"input_tokens": USD}), at=AT)

    assert (cost.outcome, cost.nanousd) == (Outcome.PRICED, 10_000)


def test_a_usage_of_which_nothing_has_a_price_is_unpriced() -> None:
    """Seconds at a model that sells tokens: None, never 0."""
    cost = price(Usage(audio_seconds=9), Rate(id="r", prices={"input_tokens": USD}), at=AT)

    assert (cost.outcome, cost.nanousd, cost.unpriced_units) == (Outcome.UNPRICED, None, ("audio_seconds",))
    assert cost.reason == "r has no price for audio_seconds"


def test_untold_usage_is_unpriced() -> None:
    """Nothing told is not nothing used."""
    cost = price(Usage(), SONNET, at=AT)

    assert (cost.outcome, cost.nanousd, cost.reason) == (Outcome.UNPRICED, None, "no usage was told")
    assert unpriced("why").nanousd is None


def test_cached_audio_takes_its_own_price_and_is_taken_out_of_both_wholes() -> None:
    """1000 in: 300 audio, 200 cached, 100 of them cached audio: 600 text, 200 audio, 100 cached, 100 cached audio."""
    prices = {"input_tokens": USD, "input_audio_tokens": 10 * USD, "cache_read_tokens": 2 * USD, "output_tokens": USD}
    usage = Usage(input_tokens=1000, input_audio_tokens=300, cache_read_tokens=200, cache_read_audio_tokens=100)
    full = Rate(id="r", prices={**prices, "cache_read_audio_tokens": 5 * USD})

    assert nanousd(usage, full) == 600 * 1000 + 200 * 10_000 + 100 * 2000 + 100 * 5000
    # without a price of its own it is charged as cached input, and still counted once
    assert nanousd(usage, Rate(id="r", prices=prices)) == 600 * 1000 + 200 * 10_000 + 200 * 2000
    # without a price for cached input it is audio
    del prices["cache_read_tokens"]
    assert nanousd(usage, Rate(id="r", prices=prices)) == 700 * 1000 + 300 * 10_000


def test_cached_audio_needs_no_price_for_plain_input() -> None:
    """200 audio, 100 cached, 100 cached audio; and alone it is only itself."""
    prices = {"input_audio_tokens": 10 * USD, "cache_read_tokens": 2 * USD, "cache_read_audio_tokens": 5 * USD}
    usage = Usage(input_audio_tokens=300, cache_read_tokens=200, cache_read_audio_tokens=100)

    assert nanousd(usage, Rate(id="r", prices=prices)) == 200 * 10_000 + 100 * 2000 + 100 * 5000
    assert nanousd(Usage(cache_read_audio_tokens=100), Rate(id="r", prices=prices)) == 100 * 5000


def test_a_part_whose_whole_was_not_told_is_charged_and_not_lost() -> None:
    """100 cached tokens, the input untold: 100 at the input price; written ones for an hour are counted once."""
    rate = Rate(id="r", prices={"input_tokens": USD, "output_tokens": USD})

    assert nanousd(Usage(cache_read_tokens=100), rate) == 100_000
    assert nanousd(Usage(cache_write_tokens=100, cache_write_1h_tokens=40), rate) == 100_000


def test_a_part_larger_than_its_whole_counts_and_the_whole_counts_nothing() -> None:
    """More cached than input: never negative, and the reason says so."""
    cost = price(Usage(input_tokens=10, cache_read_tokens=30, output_tokens=0), SONNET, at=AT)

    assert (cost.nanousd, cost.reason) == (30 * 300, "parts exceed input_tokens")


def test_an_unpriced_whole_is_missing_only_as_far_as_its_parts_do_not_cover_it() -> None:
    """All of the input is audio, and audio has a price."""
    rate = Rate(id="r", prices={"input_audio_tokens": USD})

    assert nanousd(Usage(input_tokens=50, input_audio_tokens=50), rate) == 50_000
    assert price(Usage(input_tokens=60, input_audio_tokens=50), rate, at=AT).unpriced_units == ("input_tokens",)


counts = st.integers(min_value=0, max_value=10**9)
prices = st.integers(min_value=0, max_value=10**12)


@given(tokens=st.tuples(counts, counts, counts, counts), rates=st.tuples(prices, prices, prices, prices))
def test_components_always_sum_to_the_cost(tokens: tuple[int, ...], rates: tuple[int, ...]) -> None:
    """Whatever the counts and prices; and the cost is within half a nano-USD of the exact amount."""
    fresh, read, written, out = tokens
    names = ("input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens")
    usage = Usage(
        input_tokens=fresh + read + written, cache_read_tokens=read, cache_write_tokens=written, output_tokens=out
    )
    cost = price(usage, Rate(id="r", prices=dict(zip(names, rates, strict=True))), at=AT)
    exact = sum(count * rate for count, rate in zip((fresh, read, written, out), rates, strict=True))

    assert cost.nanousd is not None
    assert sum(part.nanousd for part in cost.components) == cost.nanousd
    assert abs(2 * (cost.nanousd * 10**6 - exact)) <= 10**6


@given(tokens=counts, cached=counts)
def test_without_cache_prices_the_cached_part_changes_nothing(tokens: int, cached: int) -> None:
    """A part without its own price is charged as its whole."""
    rate = Rate(id="r", prices={"input_tokens": 1_234_567, "output_tokens": 1})
    plain = Usage(input_tokens=tokens + cached, output_tokens=0)
    split = Usage(input_tokens=tokens + cached, cache_read_tokens=cached, output_tokens=0)

    assert price(plain, rate, at=AT).nanousd == price(split, rate, at=AT).nanousd
