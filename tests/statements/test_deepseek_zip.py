"""DeepSeek's ZIP: prices per token, two currencies, the cost file as the truth."""

from decimal import Decimal
from pathlib import Path

import pytest
from tests.support.statement_files import read_file, zipped

from llmledger.core.statement import LineKind
from llmledger.errors import InputFileError

AMOUNT = "user_id,utc_date,model,api_key_name,api_key,type,price,amount\n"
COST = "user_id,utc_date,model,wallet_type,cost,currency\n"
ROW = "u,2026-10-14,demo,laptop,sk-a**z,output_tokens,0.00000042,500000\n"


def test_peak_and_off_peak_rows_of_one_type_are_two_lines(tmp_path: Path) -> None:
    """0.00000042 x 500,000 + 0.00000021 x 100,000 = 0.21 + 0.021, which is what the cost file has."""
    more = ROW.replace("0.00000042,500000", "0.00000021,100000")
    cost = "u,2026-10-14,demo,Paid,0.2310000000000000,CNY\n"
    lines = read_file(
        zipped(tmp_path / "u.zip", {"amount-2026-10.csv": AMOUNT + ROW + more, "cost-2026-10.csv": COST + cost})
    )

    assert [line.amount for line in lines] == [Decimal("0.21000000"), Decimal("0.02100000")]
    assert {line.currency for line in lines} == {"CNY"}


def test_what_the_cost_file_bills_beyond_is_a_line_of_its_own(tmp_path: Path) -> None:
    """The cost file is the truth; the rest of it has no kind."""
    cost = "u,2026-10-14,demo,Granted,0.22,USD\n"
    lines = read_file(zipped(tmp_path / "u.zip", {"a.csv": AMOUNT + ROW, "c.csv": COST + cost}))

    assert [(line.amount, line.kind) for line in lines][1] == (Decimal("0.01000000"), LineKind.UNKNOWN)


def test_two_currencies_in_one_statement_are_refused(tmp_path: Path) -> None:
    """A price without a certain currency is no money."""
    cost = "u,2026-10-14,demo,Paid,1,USD\nu,2026-10-14,demo,Paid,1,CNY\n"
    with pytest.raises(InputFileError, match="CNY beside USD"):
        read_file(zipped(tmp_path / "u.zip", {"a.csv": AMOUNT + ROW, "c.csv": COST + cost}))
