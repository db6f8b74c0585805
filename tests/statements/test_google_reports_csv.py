"""Google's billing report: days of Pacific time, also the one of twenty-five hours."""

from datetime import UTC, timedelta
from decimal import Decimal
from pathlib import Path

from tests.support.statement_files import read_text

TEXT = "Date,Service description,SKU description,Usage amount,Unrounded subtotal ($),Subtotal ($)\n"


def test_days_are_pacific_and_one_of_them_has_twenty_five_hours(tmp_path: Path) -> None:
    """2026-11-01, when the clocks go back."""
    row = "2026-11-01,Gemini API,Generate content input token count gemini 9 demo text,,0.5,0.5\n"
    [line] = read_text(tmp_path, TEXT + row)

    assert line.until.astimezone(UTC) - line.since.astimezone(UTC) == timedelta(hours=25)
    assert line.quantities == {}


def test_savings_are_a_discount_off_the_list_price_and_no_other_price(tmp_path: Path) -> None:
    """0.30 after 0.01 negotiated and 0.05 of credits: 0.36 by the list, whichever sign the savings have."""
    header = TEXT.replace("Usage amount,", "Usage amount,Negotiated savings ($),Other savings ($),")
    row = "2026-10-14,Gemini API,Generate content input token count gemini 9 demo text,9,{},{},0.3,0.3\n"
    lines = read_text(
        tmp_path, header + row.format("-0.01", "-0.05") + row.format("0.01", "0.05") + row.format("0", "")
    )

    assert [line.list_amount for line in lines] == [Decimal("0.36"), Decimal("0.36"), None]
