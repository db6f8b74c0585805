"""CSV: quoting, unknown, formulas."""

import csv
import io

from llmledger.core.export import Table
from llmledger.exporters import load


def test_rows_come_back_as_they_were_and_formulas_are_neutralised() -> None:
    """Commas, quotes and line breaks are quoted; None is empty."""
    rows = [("a,b", None, 1), ('say "x"\n', "=1", -5), ("-0.5", "", 0)]

    text = "".join(load("csv").write(Table(("x", "y", "z"), rows)))

    assert list(csv.reader(io.StringIO(text))) == [
        ["x", "y", "z"],
        ["a,b", "", "1"],
        ['say "x"\n', "'=1", "-5"],
        ["-0.5", "", "0"],
    ]


def test_many_rows_leave_in_pieces() -> None:
    """Memory does not grow with the export."""
    pieces = list(load("csv").write(Table(("n",), ((n,) for n in range(1200)))))

    assert max(len(piece) for piece in pieces) < 3000
    assert "".join(pieces).count("\n") == 1201


def test_a_column_with_one_text_to_quote_is_as_the_standard_library_writes_it() -> None:
    """Beside texts that need no quotes, numbers and unknown values."""
    rows = [("plain", 1.5), ('a"b', None), ("x,y", True), (None, "two\nlines"), ("", "-1e5x")]
    expected = io.StringIO()
    csv.writer(expected, lineterminator="\n").writerows([("x", "y"), *rows[:4], ("", "'-1e5x")])

    assert "".join(load("csv").write(Table(("x", "y"), rows))) == expected.getvalue()


def test_a_text_with_the_character_that_no_text_has_is_still_one_text() -> None:
    """NUL is kept out of ledgers; a table of something else may have it."""
    rows = [('a\0"b', 1), ('"', 2)]

    assert "".join(load("csv").write(Table(("x", "y"), rows))) == 'x,y\n"a\0""b",1\n"""",2\n'
