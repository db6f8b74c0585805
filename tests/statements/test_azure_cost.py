"""Azure's cost details: dates of two kinds, other services left out."""

from pathlib import Path

import pytest
from tests.support.statement_files import read_text

from llmledger.core.statement import LineKind
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


def test_the_currency_of_the_prices_is_read_where_the_bill_has_another(tmp_path: Path) -> None:
    """5 USD were billed as 4.60 EUR at a rate of Azure's; without a cost in USD the EUR stay."""
    header = HEADER.strip() + ",CostInPricingCurrency,PricingCurrencyCode\n"
    row = "2026-10-14,Foundry Models,Azure OpenAI,demo Outp Tokens,1K,2,4.6,EUR,Usage,"
    first, second = read_text(tmp_path, f"{header}{row}5,USD\n{row},USD\n")

    assert [(str(line.amount), line.currency) for line in (first, second)] == [("5", "USD"), ("4.6", "EUR")]


def test_a_model_sold_through_the_marketplace_is_reported_and_other_wares_are_not(tmp_path: Path) -> None:
    """Its units are the vendor's own, so that its kind is unknown and no tokens are counted."""
    header = HEADER.strip() + ",PublisherType,ProductName\n"
    row = "2026-10-14,SaaS,SaaS,demo input units,1K,2,3,USD,Usage,Marketplace,"
    [line] = read_text(tmp_path, f"{header}{row}Claude Demo\n{row}Firewall\n")

    assert (line.kind, line.label, line.quantities) == (LineKind.UNKNOWN, "Claude Demo", {})


def test_a_date_that_is_none_is_an_error(tmp_path: Path) -> None:
    """14/10/2026 is no American date."""
    with pytest.raises(InputFileError, match="not a date"):
        read_text(tmp_path, HEADER + "14/10/2026,Foundry Models,Azure OpenAI,demo Outp,1K,2,3,EUR,Usage\n")
