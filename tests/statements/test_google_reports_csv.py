"""Google's billing report: days of Pacific time, also the one of twenty-five hours."""

from datetime import UTC, timedelta
from pathlib import Path

from tests.support.statement_files import read_text

TEXT = "Date,Service description,SKU description,Usage amount,Unrounded subtotal ($),Subtotal ($)\n"


def test_days_are_pacific_and_one_of_them_has_twenty_five_hours(tmp_path: Path) -> None:
    """2026-11-01, when the clocks go back."""
    row = "2026-11-01,Gemini API,Generate content input token count gemini 9 demo text,,0.5,0.5\n"
    [line] = read_text(tmp_path, TEXT + row)

    assert line.until.astimezone(UTC) - line.since.astimezone(UTC) == timedelta(hours=25)
    assert line.quantities == {}
