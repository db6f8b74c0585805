"""xAI's invoice: cents of a whole month; reasoning is output, prepaid credits are no discount."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from tests.support.statement_files import read_text

from llmledger.errors import InputFileError

LINE = {"description": "API demo-4.3", "unitType": "Prompt text tokens", "numUnits": "5000000", "amount": "1000"}


def _invoice(*lines: object, year: object = 2026, month: object = 10, **more: object) -> str:
    return json.dumps({"coreInvoice": {"lines": lines, **more}, "billingCycle": {"year": year, "month": month}})


def test_completion_and_reasoning_are_both_output(tmp_path: Path) -> None:
    """200,000 + 300 tokens that the answer took, billed as two lines."""
    units = (("Completion text tokens", "200000"), ("Reasoning text tokens", "300"))
    lines = read_text(tmp_path, _invoice(*(LINE | {"unitType": unit, "numUnits": count} for unit, count in units)))

    assert [line.quantities for line in lines] == [{"output_tokens": 200_000}, {"output_tokens": 300}]


def test_what_was_paid_in_advance_is_no_discount(tmp_path: Path) -> None:
    """1,000 cents are $10, however they were paid."""
    [line] = read_text(tmp_path, _invoice(LINE, vatCost="0", prepaidCreditsUsed={"val": "-1000"}))

    assert (line.amount, line.model) == (Decimal(10), "demo-4.3")


@pytest.mark.parametrize(
    ("month", "until"), [(10, datetime(2026, 11, 1, tzinfo=UTC)), (12, datetime(2027, 1, 1, tzinfo=UTC))]
)
def test_a_cycle_is_a_month(tmp_path: Path, month: int, until: datetime) -> None:
    """Also the last of a year."""
    [line] = read_text(tmp_path, _invoice(LINE, month=month))

    assert (line.since, line.until) == (datetime(2026, month, 1, tzinfo=UTC), until)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (_invoice(LINE | {"amount": None}), "there is no amount"),
        (_invoice(LINE, month=13), "is not a month"),
        (_invoice(LINE, year=9999, month=12), "is not a month"),
        (_invoice(3), "is not a list of objects"),
        (_invoice(LINE) + "3", "something else than invoices"),
        (_invoice(), "no usable row"),
    ],
    ids=["no amount", "month 13", "the end of time", "a number as line", "a number as invoice", "no lines"],
)
def test_what_cannot_be_read_is_a_clear_error(tmp_path: Path, text: str, words: str) -> None:
    """Never a silent zero."""
    with pytest.raises(InputFileError, match=words):
        read_text(tmp_path, text)
