"""OpenAI's cost export: amounts to the last of thirty decimals, days without cost, kinds that nobody knows."""

from decimal import Decimal
from pathlib import Path

import pytest
from tests.support.statement_files import gzipped, read_file, read_text

from llmledger.core.statement import LineKind
from llmledger.errors import InputFileError

HEADER = "start_time,end_time,amount_value,amount_currency,line_item,quantity,quantity_unit,user_email\n"


def _row(amount: str = "0.05", item: str = '"demo, input"', quantity: str = "", unit: str = "") -> str:
    return f"1790726400,1790812800,{amount},usd,{item},{quantity},{unit},ada@example.com\n"


def test_thirty_decimals_stay(tmp_path: Path) -> None:
    """No digit is lost, and no person is kept."""
    [line] = read_text(tmp_path, HEADER + _row("0.003835980000000000000000000001"))

    assert str(line.amount) == "0.003835980000000000000000000001"
    assert "ada" not in repr(line)


@pytest.mark.parametrize(
    ("quantity", "unit", "expected"),
    [
        ("200000", "tokens", {"input_tokens": 200_000}),
        ("1.5", "1000_tokens", {"input_tokens": 1_500}),
        ("3", "gibibyte_hours", {}),
        ("7", "", {"input_tokens": 7}),
    ],
)
def test_quantities_come_in_their_unit(tmp_path: Path, quantity: str, unit: str, expected: dict[str, int]) -> None:
    """Thousands are multiplied out; a unit of another kind leaves the quantity out."""
    [line] = read_text(tmp_path, HEADER + _row(quantity=quantity, unit=unit))

    assert line.quantities == expected


def test_minutes_of_an_item_without_a_kind_are_audio_seconds(tmp_path: Path) -> None:
    """The unit implies the meter where the line item names none."""
    [line] = read_text(tmp_path, HEADER + _row(item="whisper-1", quantity="2", unit="duration_minutes"))

    assert line.quantities == {"audio_seconds": Decimal(120)}
    assert line.kind is LineKind.UNKNOWN


def test_an_unknown_kind_is_reported_and_not_guessed(tmp_path: Path) -> None:
    """`batch input` may be input; nobody has seen it, so it says what it says."""
    [line] = read_text(tmp_path, HEADER + _row(item='"demo, batch input"'))

    assert (line.kind, line.meter, line.label) == (LineKind.UNKNOWN, None, "demo, batch input")


def test_it_is_read_inside_a_gzip(tmp_path: Path) -> None:
    """The file need not be unpacked."""
    assert len(read_file(gzipped(tmp_path / "cost.csv.gz", HEADER + _row()))) == 1


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (_row(""), "line 2, amount_value: there is no amount"),
        (_row("many"), "line 2, amount_value: 'many' is not a number"),
        (_row("NaN"), "not a number"),
        (_row("1e40"), "beyond what a bill can hold"),
        (_row("1e-70"), "beyond what a bill can hold"),
        (_row(quantity="0.5", unit="tokens"), "line 2, quantity"),
        ("x,1790812800,1,usd,a,,,\n", "start_time"),
        ("99999999999999999,1790812800,1,usd,a,,,\n", "is not a time"),
        ("1790726400,1790812800\n", "2 cells under 8 columns"),
        (_row().strip() + ",more\n", "more cells than columns"),
    ],
)
def test_what_cannot_be_read_names_file_and_line(tmp_path: Path, row: str, words: str) -> None:
    """A clear error, never a silent zero."""
    with pytest.raises(InputFileError, match=words):
        read_text(tmp_path, HEADER + row)


def test_days_without_cost_alone_are_no_statement(tmp_path: Path) -> None:
    """No usable row is an error, not $0.00."""
    with pytest.raises(InputFileError, match="no usable row"):
        read_text(tmp_path, HEADER + "1790726400,1790812800,,,,,,\n")
