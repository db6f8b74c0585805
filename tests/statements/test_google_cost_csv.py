"""Google's Cost table: the header below a preamble, thousands in quotes, credits, totals left out."""

from decimal import Decimal
from pathlib import Path

import pytest
from tests.support.statement_files import read_text

from llmledger.core.statement import LineKind
from llmledger.errors import InputFileError

HEADER = "Invoice number,1\n\nService description,SKU description,Cost type,Usage start date,Usage end date,Usage amount,{cost}\n"
ROW = (
    'Gemini API,Generate content output token count gemini 9 demo text,{kind},2026-10-01,2026-10-31,"1,200",{amount}\n'
)


def test_only_the_rounded_column_will_do_when_there_is_no_other(tmp_path: Path) -> None:
    """The currency is in the column's name; the month ends after its last day."""
    [line] = read_text(tmp_path, HEADER.format(cost="Cost (€)") + ROW.format(kind="Usage", amount='"1,234.50"'))

    assert (line.amount, line.currency, line.quantities) == (Decimal("1234.50"), "EUR", {"output_tokens": 1200})
    assert line.until.isoformat() == "2026-11-01T00:00:00-07:00"


def test_the_preamble_names_the_currency_that_a_sign_does_not(tmp_path: Path) -> None:
    """`CA$` is no sign that we know, and `$` is that of several."""
    text = HEADER.format(cost="Cost ($)").replace("\n\n", "\nCurrency,AUD\n\n")
    [line] = read_text(tmp_path, text + ROW.format(kind="Usage", amount="1"))

    assert line.currency == "AUD"


def test_an_unknown_cost_type_is_reported(tmp_path: Path) -> None:
    """Not guessed."""
    [line] = read_text(tmp_path, HEADER.format(cost="Cost (CHF)") + ROW.format(kind="Wonder", amount="1"))

    assert (line.kind, line.currency) == (LineKind.UNKNOWN, "CHF")


def test_a_column_without_a_currency_is_an_error(tmp_path: Path) -> None:
    """Money without a currency is no money."""
    with pytest.raises(InputFileError, match="no currency"):
        read_text(tmp_path, HEADER.format(cost="Cost (?)") + ROW.format(kind="Usage", amount="1"))


def test_a_table_cut_in_its_header_is_an_error(tmp_path: Path) -> None:
    """Its columns of money come last, so they are what a cut takes."""
    with pytest.raises(InputFileError, match=r"statement\.csv lacks the column cost"):
        read_text(tmp_path, HEADER.format(cost="Unround"))
