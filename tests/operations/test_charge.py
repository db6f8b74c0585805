"""What a request costs, whatever way it ended: told, partly told, reported, cached, refused or unknown."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from llmledger.core.cost import Component, Cost
from llmledger.core.money import round_half_even, share_out
from llmledger.core.request import Begun, Estimate
from llmledger.core.usage import Usage, leaves
from llmledger.core.words import CostSource, Outcome, Status, UsageQuality
from llmledger.dialects._contract import MeteredPart, Reading
from llmledger.operations.charge import Outcomes, estimate, settle
from llmledger.pricebook import load, packaged_folder

AT = datetime(2026, 11, 21, 12, tzinfo=UTC)

IN_OUT = {"input_tokens": 3_000, "output_tokens": 15_000}
"""$3 and $15 per million tokens, in nano-USD a token."""


class Table:
    """A price table of two models: `sonnet` at $3/$15, `haiku` at $1/$5; nothing else has a price."""

    version = "2026.11.20+test"

    def price(
        self, provider: str, model: str, usage: Usage, *, at: datetime, context: Mapping[str, str] | None = None
    ) -> Cost:
        """Price by counting; batch is half."""
        per_token = {"sonnet": IN_OUT, "haiku": {"input_tokens": 1_000, "output_tokens": 5_000}}.get(model)
        if per_token is None or not usage.is_told:
            return Cost(Outcome.UNPRICED, None, reason="unknown model")
        half = Fraction(1, 2) if (context or {}).get("processing") == "batch" else Fraction(1)
        counts = leaves(usage, frozenset(per_token)).quantities
        exact = [Fraction(count) * per_token[unit] * half for unit, count in counts.items()]
        total = round_half_even(sum(exact, Fraction(0)))
        lines = tuple(
            Component(unit, count, nano)
            for (unit, count), nano in zip(counts.items(), share_out(total, exact), strict=True)
        )
        return Cost(Outcome.PRICED, total, lines, rate_id=f"{provider}/{model}", price_version=self.version)


def begun(**known: object) -> Begun:
    """A request for `acme/sonnet`."""
    plain = Begun(
        request_id=bytes(16),
        started_at=AT,
        provider="acme",
        model="sonnet",
        source="run",
        dialect="openai_chat",
        endpoint="/v1/chat/completions",
    )
    return replace(plain, **known)  # type: ignore[arg-type]


def exact(usage: Usage, **told: object) -> Reading:
    """A response that came to its end and told its usage."""
    return replace(Reading(usage=usage, quality=UsageQuality.EXACT, is_complete=True), **told)  # type: ignore[arg-type]


def test_a_told_usage_is_priced_by_its_components() -> None:
    """1,000 x $3/M + 200 x $15/M = $0.003 + $0.003 = $0.006."""
    settled = settle(
        Outcomes(begun=begun(), reading=exact(Usage(input_tokens=1000, output_tokens=200)), status=Status.COMPLETED),
        Table(),
    )

    assert settled.charged.cost_nanousd == 6_000_000
    assert settled.charged.cost_source is CostSource.COMPUTED
    assert settled.charged.cost_high_nanousd is None
    assert sum(line.nanousd for line in settled.charged.components) == 6_000_000


def test_a_cost_that_the_provider_states_wins_and_both_are_kept() -> None:
    """genai-prices#239: $0.0045 stated beside $0.006 computed; the components are shared out to the stated one."""
    reading = exact(Usage(input_tokens=1000, output_tokens=200), reported_usd=Decimal("0.0045"))

    charged = settle(Outcomes(begun=begun(), reading=reading, status=Status.COMPLETED), Table()).charged

    assert charged.cost_nanousd == 4_500_000 == charged.reported_nanousd
    assert charged.computed_nanousd == 6_000_000
    assert charged.cost_source is CostSource.REPORTED
    assert [line.nanousd for line in charged.components] == [2_250_000, 2_250_000]


def test_a_stated_cost_of_an_unknown_model_is_one_component() -> None:
    """Nothing computed to share it over: one billed request."""
    reading = exact(Usage(input_tokens=10), reported_usd=Decimal("0.00123"))

    charged = settle(Outcomes(begun=begun(model="lark"), reading=reading, status=Status.COMPLETED), Table()).charged

    assert charged.components == (Component("billed_requests", 1, 1_230_000),)
    assert charged.computed_nanousd is None


@given(
    st.integers(0, 10**6), st.integers(0, 10**6), st.decimals(min_value=0, max_value=100, places=10, allow_nan=False)
)
def test_components_always_sum_to_the_cost(input_tokens: int, output_tokens: int, stated: Decimal) -> None:
    """litellm#37923: a cost is the sum of its components, also when the provider stated it."""
    reading = exact(Usage(input_tokens=input_tokens, output_tokens=output_tokens), reported_usd=stated)

    charged = settle(Outcomes(begun=begun(), reading=reading, status=Status.COMPLETED), Table()).charged

    assert charged.cost_nanousd == sum(line.nanousd for line in charged.components)


def test_an_unknown_model_is_unpriced_and_never_zero() -> None:
    """litellm#36561: unknown is not $0."""
    reading = exact(Usage(input_tokens=1000, output_tokens=200))

    charged = settle(Outcomes(begun=begun(model="lark"), reading=reading, status=Status.COMPLETED), Table()).charged

    assert charged.cost_nanousd is None
    assert charged.cost_source is CostSource.NONE
    assert charged.price_version == "2026.11.20+test"


def test_a_refused_request_costs_nothing_and_is_not_unpriced() -> None:
    """A 401 before inference: 0, `not_billed`, whether or not the model has a price."""
    settled = settle(
        Outcomes(begun=begun(model="lark"), reading=Reading(), status=Status.FAILED, http_status=401), Table()
    )

    assert settled.charged.cost_nanousd == 0
    assert settled.charged.cost_source is CostSource.NOT_BILLED


def test_a_request_that_never_left_costs_nothing() -> None:
    """Connection refused: no model was reached."""
    settled = settle(Outcomes(begun=begun(), reading=Reading(), status=Status.FAILED, error_type="connect"), Table())

    assert settled.charged.cost_source is CostSource.NOT_BILLED


def test_an_answer_from_our_own_cache_costs_nothing_and_keeps_its_tokens() -> None:
    """litellm#14749: a cached reply is no real call."""
    usage = Usage(input_tokens=1000, output_tokens=200)

    settled = settle(Outcomes(begun=begun(), reading=exact(usage), status=Status.COMPLETED, cache_hit=True), Table())

    assert (settled.charged.cost_nanousd, settled.charged.cost_source) == (0, CostSource.CACHE)
    assert settled.usage == usage


def test_a_timed_out_request_keeps_its_estimated_input() -> None:
    """litellm#37365: the provider may bill it. 500 estimated tokens x $3/M = $0.0015; with 100 out, $0.003."""
    known = Estimate(input_tokens=500, max_output_tokens=100)

    settled = settle(
        Outcomes(begun=begun(estimate=known), reading=Reading(), status=Status.FAILED, error_type="timeout"),
        Table(),
    )

    assert settled.charged.cost_nanousd == 1_500_000
    assert settled.charged.cost_high_nanousd == 3_000_000
    assert settled.quality is UsageQuality.ESTIMATED
    assert settled.flags == ("input_estimated",)


def test_a_broken_stream_counts_the_output_that_was_seen() -> None:
    """litellm#33736: input told, one provisional output token, 801 characters seen: 201 tokens, not 1.

    120 x $3/M + 201 x $15/M = $0.00036 + $0.003015.
    """
    reading = Reading(
        usage=Usage(input_tokens=120, output_tokens=1),
        quality=UsageQuality.PARTIAL,
        output_characters=801,
        has_output=True,
    )

    settled = settle(Outcomes(begun=begun(), reading=reading, status=Status.CANCELLED), Table())

    assert settled.usage.output_tokens == 201
    assert settled.charged.cost_nanousd == 360_000 + 3_015_000
    assert settled.quality is UsageQuality.PARTIAL
    assert settled.flags == ("output_estimated",)


def test_an_error_page_is_never_counted_as_output() -> None:
    """new-api#4168: a 500 after nothing is no output and costs nothing."""
    reading = Reading(error_type="server_error", error_message="x" * 4000)

    settled = settle(Outcomes(begun=begun(), reading=reading, status=Status.FAILED, http_status=500), Table())

    assert settled.usage.output_tokens is None
    assert settled.charged.cost_nanousd == 0


def test_the_model_that_answered_is_priced() -> None:
    """litellm#38730: asked for sonnet, served haiku: 1,000 x $1/M = $0.001."""
    reading = exact(Usage(input_tokens=1000), model="haiku")

    settled = settle(Outcomes(begun=begun(), reading=reading, status=Status.COMPLETED), Table())

    assert settled.charged.cost_nanousd == 1_000_000
    assert settled.flags == ()


def test_a_served_name_without_a_price_is_priced_as_requested_and_says_so() -> None:
    """A spelling of the provider's own that no table knows: what was asked for stands in, flagged."""
    reading = exact(Usage(input_tokens=1000), model="sonnet-internal-7")

    settled = settle(Outcomes(begun=begun(), reading=reading, status=Status.COMPLETED), Table())

    assert settled.charged.cost_nanousd == 3_000_000
    assert settled.flags == ("priced_as_requested",)


def test_a_free_name_in_the_answer_makes_nothing_free() -> None:
    """Ollama passes `-cloud` models on to a paid cloud; the answer may name the model without that ending."""
    asked = begun(provider="ollama", model="gpt-oss:120b-cloud")
    reading = exact(Usage(input_tokens=1000), model="gpt-oss:120b")

    settled = settle(Outcomes(begun=asked, reading=reading, status=Status.COMPLETED), load([packaged_folder()]))

    assert settled.charged.cost_nanousd is None
    assert settled.flags == ("priced_as_requested",)


def test_several_models_in_one_request_are_priced_each_by_its_own_rate() -> None:
    """litellm#39294: 1,000 in at $3/M and 2,000 in at $1/M are $0.003 + $0.002, not either for all."""
    parts = (
        MeteredPart(model="sonnet", usage=Usage(input_tokens=1000, output_tokens=100)),
        MeteredPart(model="haiku", usage=Usage(input_tokens=2000)),
    )
    reading = exact(Usage(input_tokens=3000, output_tokens=100), parts=parts)

    settled = settle(Outcomes(begun=begun(), reading=reading, status=Status.COMPLETED), Table())

    assert settled.charged.cost_nanousd == 3_000_000 + 1_500_000 + 2_000_000
    assert [part.nanousd for part in settled.parts] == [4_500_000, 2_000_000]
    assert settled.charged.components == (
        Component("input_tokens", 3000, 5_000_000),
        Component("output_tokens", 100, 1_500_000),
    )


def test_a_part_without_a_price_makes_the_cost_partial() -> None:
    """What is known counts, and what is not is listed."""
    parts = (
        MeteredPart(model="sonnet", usage=Usage(input_tokens=1000)),
        MeteredPart(model="lark", usage=Usage(output_tokens=5)),
    )
    reading = exact(Usage(input_tokens=1000, output_tokens=5), parts=parts)

    charged = settle(Outcomes(begun=begun(), reading=reading, status=Status.COMPLETED), Table()).charged

    assert charged.cost_nanousd == 3_000_000
    assert charged.unpriced_units == ("output_tokens",)


def test_parts_of_unknown_models_alone_are_unpriced() -> None:
    """None plus None is None."""
    reading = exact(Usage(input_tokens=10), parts=(MeteredPart(model="lark", usage=Usage(input_tokens=10)),))

    settled = settle(Outcomes(begun=begun(), reading=reading, status=Status.COMPLETED), Table())

    assert settled.charged.cost_nanousd is None


def test_the_served_tier_beats_the_one_asked_for() -> None:
    """litellm#35925: asked for batch, served standard: full price."""
    asked = begun(price_context={"processing": "batch"})
    usage = Usage(input_tokens=1000)

    as_asked = settle(Outcomes(begun=asked, reading=exact(usage), status=Status.COMPLETED), Table())
    as_served = settle(
        Outcomes(begun=asked, reading=exact(usage, price_context={"processing": "live"}), status=Status.COMPLETED),
        Table(),
    )

    assert as_asked.charged.cost_nanousd == 1_500_000
    assert as_served.charged.cost_nanousd == 3_000_000
    assert as_served.context == {"processing": "live"}


def test_an_estimate_is_bounded_by_the_input_and_all_the_output_allowed() -> None:
    """1,000 x $3/M = $0.003; with 1,000 out at $15/M, $0.018; no limit, no upper bound."""
    known = Estimate(input_tokens=1000, max_output_tokens=1000)

    bounded = estimate(begun(estimate=known), Table())

    assert (bounded.low_nanousd, bounded.high_nanousd) == (3_000_000, 18_000_000)
    assert estimate(begun(estimate=Estimate(input_tokens=1000)), Table()).high_nanousd is None
    assert estimate(begun(), Table()).low_nanousd is None


def test_what_is_free_has_a_bound_without_any_limit_of_its_output() -> None:
    """litellm#10973, #14004: free local models were blocked by a spent budget; an unknown price promises nothing."""
    book, known = load([packaged_folder()]), Estimate(input_tokens=1000)

    free = estimate(begun(provider="ollama", model="qwen3:8b", estimate=known), book)
    unknown = estimate(begun(provider="openai", model="unheard-of", estimate=known), book)

    assert (free.low_nanousd, free.high_nanousd) == (0, 0)
    assert (unknown.low_nanousd, unknown.high_nanousd) == (None, None)
