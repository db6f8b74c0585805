"""Percentiles by nearest rank, and a sketch of them that merges within its stated error."""

import struct

from hypothesis import given
from hypothesis import strategies as st

from llmledger.core.stats import RELATIVE_ERROR, Sketch, cell_of, nearest_rank, value_of

DURATIONS = st.lists(st.integers(0, 10**7), max_size=60)


def sketch_of(values: list[int]) -> Sketch:
    sketch = Sketch()
    for value in values:
        sketch.add(value)
    return sketch


@given(st.lists(st.integers(0, 10**7), min_size=1, max_size=60), st.integers(1, 100))
def test_a_percentile_is_the_nearest_rank_within_the_stated_error(values: list[int], percent: int) -> None:
    """The smallest value that at least so many percent do not exceed; exact below 128 ms."""
    true = sorted(values)[nearest_rank(len(values), percent) - 1]

    found = sketch_of(values).percentile(percent)

    assert found is not None
    assert abs(found - true) <= (true * RELATIVE_ERROR if true >= 128 else 0)


@given(DURATIONS, DURATIONS)
def test_merged_sketches_are_the_sketch_of_all(left: list[int], right: list[int]) -> None:
    """So a day's sketches make a month's, and rows and roll-ups agree."""
    merged = sketch_of(left)
    merged.merge(sketch_of(right))

    assert merged == sketch_of(left + right)


@given(DURATIONS)
def test_a_sketch_survives_storage(values: list[int]) -> None:
    """Packed and unpacked it is the same; its sum stays exact."""
    sketch = sketch_of(values)

    stored = Sketch()
    stored.add_bytes(sketch.to_bytes())
    assert stored == sketch
    assert sketch.total == sum(values)


@given(st.integers(0, 10**9), st.integers(0, 10**9))
def test_cells_keep_the_order(one: int, other: int) -> None:
    """A larger value never falls into a smaller cell."""
    low, high = sorted((one, other))

    assert cell_of(low) <= cell_of(high)
    assert cell_of(value_of(cell_of(low))) == cell_of(low)


def test_nothing_has_no_percentile_and_no_mean() -> None:
    """None, not 0."""
    assert (Sketch().percentile(50), Sketch().mean()) == (None, None)


def test_the_mean_is_exact_and_rounded_to_whole_milliseconds() -> None:
    """(1,000 + 1,001 + 1,001) / 3 = 1,000.67."""
    assert sketch_of([1000, 1001, 1001]).mean() == 1001
    assert sketch_of([5]).mean() == 5


@given(DURATIONS, DURATIONS)
def test_many_at_once_are_the_same_as_one_by_one(before: list[int], values: list[int]) -> None:
    """Adding a chunk of rows is quicker, not different."""
    sketch = sketch_of(before)
    sketch.add_all(values)

    assert sketch == sketch_of(before + values)


def test_a_sketch_that_the_first_ledgers_stored_is_read_on() -> None:
    """They packed the sum and pairs of a cell, its shift times 128 and its leading bits, and a count.

    1,000 has ten bits: shifted by 3, times 128 is 384, plus 125. 5 is its own cell.
    """
    stored = struct.pack("<Q4I", 2005, 5, 1, 384 + 125, 2)

    sketch = Sketch()
    sketch.add_bytes(stored)

    assert sketch == sketch_of([5, 1000, 1000])
    nothing = Sketch()
    nothing.add_bytes(struct.pack("<Q", 0))
    assert nothing == Sketch()


def test_a_sketch_of_many_equal_values_widens_its_counts() -> None:
    """One byte a cell while no count needs more: 300 need two."""
    few, many = Sketch(), Sketch()
    few.add(1000, 255)
    many.add(1000, 300)

    assert (len(few.to_bytes()), len(many.to_bytes())) == (18 + 1, 18 + 2)


def test_absurd_durations_are_stored_too() -> None:
    """The largest that a row can hold: the sum stays at what seven bytes hold, the cells are right."""
    sketch = sketch_of([2**63 - 1] * 3)

    stored = Sketch()
    stored.add_bytes(sketch.to_bytes())
    assert stored.percentile(50) == sketch.percentile(50)
    assert stored.total == 2**56 - 1
