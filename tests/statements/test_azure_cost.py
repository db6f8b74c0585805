"""Azure's cost details: dates of two kinds, other services left out."""

from pathlib import Path

import pytest
from tests.support.statement_files import read_text

from llmledger.errors import InputFileError

HEADER = "Date,MeterCategory,MeterSubCategory,MeterName,UnitOfMeasure,Quantity,CostInBillingCurrency,BillingCurrency,ChargeType\n"


def test_american_and_iso_dates_are_the_same_day(tmp_path: Path) -> None:
    """10/14/2026 and 2026-10-14."""
    rows = "".join(
        f"{day},Foundry Models,Azure OpenAI,demo Outp Tokens,1K,2,3,EUR,Usage\n" for day in ("10/14/2026", "2026-10-14")
    )
    first, second = read_text(tmp_path, HEADER + rows)

    assert first.since == second.since
    assert (first.currency, first.quantities) == ("EUR", {"output_tokens": 2000})


def test_a_date_that_is_none_is_an_error(tmp_path: Path) -> None:
    """14/10/2026 is no American date."""
    with pytest.raises(InputFileError, match="not a date"):
        read_text(tmp_path, HEADER + "14/10/2026,Foundry Models,Azure OpenAI,demo Outp,1K,2,3,EUR,Usage\n")
