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
