"""Columns become lines: what is the same in all rows, what is coded, and what is neither."""

import pytest

from llmledger.core.export import Chunk, Coded, Style, Written
from llmledger.exporters import _lines
from llmledger.exporters._lines import Lines


def _texts(values):
    return ["" if value is None else f"<{value}>" for value in values]


def test_every_kind_of_column_is_written_in_its_place():
    """Whole numbers by themselves, everything else by the format; percent signs are only characters."""
    lines = Lines(Style(("a%s=", ",b=", ",c=", ",d=", ",e=", "", "", ",h=")), "%;", _texts)
    coded = Coded((3, 4), {3: ("100%", "%s"), 4: (None, 5)}, 1)
    columns = [(1, 2), (7, 7), (None, None), ("x%d", None), (True, True), Written((",f=%1,g=2", ",f=3,g=4"), 2), coded]

    written = list(lines.of(Chunk(2, columns)))

    assert written == [
        "a%s=1,b=7,c=,d=<x%d>,e=<True>,f=%1,g=2,h=<%s>%;",
        "a%s=2,b=7,c=,d=,e=<True>,f=3,g=4,h=<5>%;",
    ]


def test_rows_that_are_all_the_same_are_still_rows():
    """Without any column that differs."""
    lines = Lines(Style(("",)), "%", _texts)

    assert list(lines.of(Chunk(3, [(None, None, None)]))) == ["%"] * 3


def test_a_row_that_is_not_as_the_columns_say_is_written_by_itself():
    """In its place, also when columns are written already or coded."""
    lines = Lines(Style(("a=", ",b=", ",c=", ",d=")), ";", _texts)
    columns = [Written(("a=1,b=1", "a=2,b=2", "a=3,b=3"), 2), Coded((1, 1, 1), {1: ("x",)}, 0), ("%", "%", "%")]

    written = list(lines.of(Chunk(3, columns, {1: ("20%", None, "y", 5)})))

    assert written == ["a=1,b=1,c=<x>,d=<%>;", "a=<20%>,b=,c=<y>,d=<5>;", "a=3,b=3,c=<x>,d=<%>;"]


def test_equal_codes_of_two_dictionaries_are_not_mixed_up():
    """Side by side, with the same numbers in one chunk and others in the next."""
    lines = Lines(Style((":", ":", ":")), "", _texts)
    one, other = {1: ("a", "e"), 2: ("b", "f")}, {1: ("c",), 2: (None,)}

    def written(first, second):
        return list(lines.of(Chunk(2, [Coded(first, one, 0), Coded(second, other, 0), Coded(first, one, 1)])))

    assert written((1, 2), (1, 2)) == [":<a>:<c>:<e>", ":<b>::<f>"]
    assert written((1, 2), (2, 1)) == [":<a>::<e>", ":<b>:<c>:<f>"]


@pytest.mark.parametrize("few", [False, True], ids=["many-entries", "many-pairs"])
def test_a_dictionary_that_hardly_two_rows_share_is_looked_up_for_each_row(few):
    """The lines stay what they are, and the texts of its entries are made once."""
    made = []

    def texts(values):
        made.append(tuple(values))
        return _texts(values)

    lines = Lines(Style(("", "-", "+")), "", texts)
    kinds, sessions = {n: (f"k{n}",) for n in range(100)}, {n: (f"s{n}", n % 3) for n in range(1000)}
    for chunk in range(60):
        numbers = [chunk * 4 + place for place in range(4)]
        some = tuple(n * 7 % 100 if few else n % 2 for n in numbers)
        own = tuple(n % 10 if few else n // 2 * 2 for n in numbers)
        columns = [Coded(some, kinds, 0), Coded(own, sessions, 0), Coded(own, sessions, 1)]

        written = list(lines.of(Chunk(4, columns)))

        assert written == [f"<k{kind}>-<s{n}>+<{n % 3}>" for kind, n in zip(some, own, strict=True)]
    # Two chunks, or twenty, until it is seen; from then on each entry is made once, and not each pair.
    assert len(made) < (100 + 4 * _lines.PATIENCE + 30 if few else 150)


def test_texts_are_kept_from_chunk_to_chunk_within_bounds():
    """A form is made once; when there are many, they are made anew."""
    made = []

    def texts(values):
        made.extend(values)
        return _texts(values)

    entries = {code: (letter,) for code, letter in enumerate("abcd")}
    lines = Lines(Style(("",)), "", texts, remembered=2)
    found = [list(lines.of(Chunk(2, [Coded(codes, entries, 0)]))) for codes in ((0, 1), (1, 1), (2, 1), (0, 1))]

    assert found == [["<a>", "<b>"], ["<b>", "<b>"], ["<c>", "<b>"], ["<a>", "<b>"]]
    assert sorted(made) == ["a", "a", "b", "b", "c"]


def test_entries_that_are_looked_up_are_kept_within_bounds():
    """A session for each request, and ever new ones."""
    entries = {code: (code,) for code in range(80)}
    lines = Lines(Style(("",)), "", _texts, remembered=5)

    for chunk in range(20):
        codes = tuple(range(chunk * 4, chunk * 4 + 4))

        assert list(lines.of(Chunk(4, [Coded(codes, entries, 0)]))) == [f"<{code}>" for code in codes]
    assert len(lines._entries[0]) <= 9
