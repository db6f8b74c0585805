"""Usage is inclusive with subsets, and comes apart into leaves that add up."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from llmledger.core.usage import ANCESTORS, UNITS, Leaves, Usage, leaves

counts = st.none() | st.integers(min_value=0, max_value=10**9)
usages = st.builds(Usage, **{unit.name: counts for unit in UNITS})


def test_every_unit_is_a_field_and_every_field_a_unit() -> None:
    """One registry names everything that can be counted, in the order of the fields."""
    assert [unit.name for unit in UNITS] == list(dict(Usage()))


def test_names_codes_and_price_keys_are_unique_and_parents_come_first() -> None:
    """A stored component or a price can be read back in one way only."""
    for names in ([u.name for u in UNITS], [u.code for u in UNITS], [u.price_key for u in UNITS]):
        assert len(names) == len(set(names))
    for at, unit in enumerate(UNITS):
        assert unit.parent is None or unit.parent in {before.name for before in UNITS[:at]}


@given(usages, usages, usages)
def test_adding_usage_commutes_and_associates(one: Usage, two: Usage, three: Usage) -> None:
    """The order in which parts are added does not matter."""
    assert one + two == two + one
    assert (one + two) + three == one + (two + three)


def test_adding_keeps_what_nobody_told_untold() -> None:
    """None plus None is None; None plus five is five."""
    total = Usage(input_tokens=5) + Usage(output_tokens=0)

    assert total == Usage(input_tokens=5, output_tokens=0)
    assert total.cache_read_tokens is None
    assert total.total_tokens == 5
    assert Usage().total_tokens is None
    assert not Usage().is_told
    assert Usage(input_tokens=0).is_told


def test_cached_tokens_are_not_counted_twice() -> None:
    """litellm#6215: 2006 prompt tokens of which 1920 cached are 86 fresh ones and 1920 cached ones."""
    assert leaves(Usage(input_tokens=2006, cache_read_tokens=1920, output_tokens=300)).quantities == {
        "input_tokens": 86,
        "cache_read_tokens": 1920,
        "output_tokens": 300,
    }


def test_a_part_without_a_price_stays_in_its_whole() -> None:
    """Without an own price for short writes, only the one-hour writes leave the input."""
    usage = Usage(input_tokens=100, cache_write_tokens=20, cache_write_1h_tokens=5)

    apart = leaves(usage, frozenset({"input_tokens", "cache_write_1h_tokens"}))

    assert apart == Leaves({"input_tokens": 95, "cache_write_1h_tokens": 5})


def test_a_part_larger_than_its_whole_leaves_zero_and_is_flagged() -> None:
    """Never a negative count: the whole is named instead."""
    apart = leaves(Usage(output_tokens=10, reasoning_tokens=15))

    assert apart == Leaves({"output_tokens": 0, "reasoning_tokens": 15}, ("output_tokens",))


WHOLES = {whole for names in ANCESTORS.values() for whole in names}


def told_wholes(name: str) -> st.SearchStrategy[int | None]:
    """Counts that fit into each other: every whole is told, and the deeper a part, the smaller it is."""
    largest = 10 ** (12 - 3 * len(ANCESTORS[name]))
    few = st.integers(min_value=0, max_value=largest // 10_000)
    return st.integers(min_value=largest // 10, max_value=largest) if name in WHOLES else st.none() | few


@given(usages)
def test_leaves_are_never_negative(usage: Usage) -> None:
    """Whatever was told."""
    assert all(quantity >= 0 for quantity in leaves(usage).quantities.values())


@given(st.builds(Usage, **{unit.name: told_wholes(unit.name) for unit in UNITS}))
def test_leaves_add_up_to_the_wholes(usage: Usage) -> None:
    """Every leaf is counted once: together they are the units that are part of nothing."""
    told = usage.told()

    apart = leaves(usage)

    assert apart.overfull == ()
    assert sum(told[name] for name in told if not ANCESTORS[name]) == sum(apart.quantities.values())


def test_durations_keep_their_decimals() -> None:
    """Seconds of audio are no whole numbers."""
    assert leaves(Usage(audio_seconds=Decimal("6.2"))).quantities == {"audio_seconds": Decimal("6.2")}
