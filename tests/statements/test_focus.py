"""FOCUS exports: meters by name, units with a quantity, details in JSON."""

from pathlib import Path

import pytest
from tests.support.statement_files import read_text

from llmledger.errors import InputFileError

HEADER = "BilledCost,BillingCurrency,ChargeCategory,ChargePeriodStart,ChargePeriodEnd,ServiceCategory,ConsumedQuantity,ConsumedUnit,SkuMeter,SkuPriceDetails,ProviderName\n"


def _row(
    cost: str = "1", quantity: str = "2.0", unit: str = "Tokens", meter: str = "Input Tokens", details: str = ""
) -> str:
    return f"{cost},USD,Usage,2026-10-14T00:00:00Z,2026-10-15T00:00:00Z,AI,{quantity},{unit},{meter},{details},OpenAI\n"


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (_row(unit="1000000 Tokens"), {"input_tokens": 2_000_000}),
        (_row(meter="Web Searches", unit="Requests"), {"web_searches": 2}),
        (_row(meter="audio_seconds", quantity="1.5"), {"audio_seconds": 1.5}),
        (_row(meter="Storage"), {}),
        (_row(quantity=""), {}),
    ],
)
def test_quantities_are_counted_in_our_units(tmp_path: Path, row: str, expected: dict[str, float]) -> None:
    """A meter that we do not know has none."""
    [line] = read_text(tmp_path, HEADER + row)

    assert {meter: float(quantity) for meter, quantity in line.quantities.items()} == expected


def test_other_services_of_a_cloud_are_passed_over(tmp_path: Path) -> None:
    """Machines and disks are no model's; what has no service of its own, such as tax, stays."""
    rows = "".join(_row().replace(",AI,", f",{category},") for category in ("Compute", "Storage", "Other", ""))

    assert [line.number for line in read_text(tmp_path, HEADER + rows)] == [4, 5]


@pytest.mark.parametrize(
    "row", [_row(details="nonsense"), _row(details="[1]"), _row(quantity="0.5"), _row(cost=""), _row(cost="+€1")]
)
def test_what_cannot_be_meant_is_an_error(tmp_path: Path, row: str) -> None:
    """Details that are no JSON object, half a token, no amount."""
    with pytest.raises(InputFileError, match="line 2"):
        read_text(tmp_path, HEADER + row)
