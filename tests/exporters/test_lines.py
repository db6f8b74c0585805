"""Columns become lines: what is the same in all rows, what is coded, and what is neither."""

from llmledger.core.export import Chunk, Coded
from llmledger.exporters import _lines
from llmledger.exporters._lines import Lines


def _texts(values):
    return ["" if value is None else f"<{value}>" for value in values]


def test_every_kind_of_column_is_written_in_its_place():
    """Whole numbers by themselves, everything else by the format; percent signs are only characters."""
    lines = Lines(("a%s=", ",b=", ",c=", ",d=", ",e="), "%;", _texts)
    columns = [(1, 2), (7, 7), (None, None), ("x%d", None), (True, True)]

    written = list(lines.of(Chunk(2, columns)))

    assert written == ["a%s=1,b=7,c=,d=<x%d>,e=<True>%;", "a%s=2,b=7,c=,d=,e=<True>%;"]


def test_rows_that_are_all_the_same_are_still_rows():
    """Without any column that differs."""
    lines = Lines(("",), "%", _texts)

    assert list(lines.of(Chunk(3, [(None, None, None)]))) == ["%"] * 3


def test_equal_codes_of_two_dictionaries_are_not_mixed_up():
    """Side by side, with the same numbers in one chunk and others in the next."""
    lines = Lines((":", ":", ":"), "", _texts)

    def written(first, second):
        columns = [Coded(first, {1: "a", 2: "b"}), Coded(second, {1: "c", 2: None}), Coded(first, {1: "e", 2: "f"})]
        return list(lines.of(Chunk(2, columns)))

    assert written([1, 2], [1, 2]) == [":<a>:<c>:<e>", ":<b>::<f>"]
    assert written([1, 2], [2, 1]) == [":<a>::<e>", ":<b>:<c>:<f>"]


def test_texts_of_codes_are_kept_from_chunk_to_chunk_within_bounds(monkeypatch):
    """A code is written once; when there are many, the texts are made anew."""
    monkeypatch.setattr(_lines, "MOST_REMEMBERED", 2)
    written = []

    def texts(values):
        written.extend(values)
        return _texts(values)

    values = dict(enumerate("abcd"))
    lines = Lines(("",), "", texts)
    found = [list(lines.of(Chunk(2, [Coded(codes, values)]))) for codes in ([0, 1], [1, 1], [2, 1], [0, 1])]

    assert found == [["<a>", "<b>"], ["<b>", "<b>"], ["<c>", "<b>"], ["<a>", "<b>"]]
    assert sorted(written) == ["a", "a", "b", "b", "c"]
