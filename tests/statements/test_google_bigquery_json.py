"""Google's billing export out of BigQuery: what is charged is the cost plus its credits, in Pacific days."""

import json
from decimal import Decimal
from pathlib import Path

import pytest
from tests.support.statement_files import read_text

from llmledger.core.statement import LineKind
from llmledger.errors import InputFileError
from llmledger.statements import google_bigquery_json

ROW = {
    "service": {"description": "Gemini API"},
    "sku": {"description": "Generate content output token count gemini 9 demo text"},
    "usage_start_time": "2026-10-14 07:00:00 UTC",
    "usage_end_time": "2026-10-14 08:00:00 UTC",
    "cost": 1,
    "currency": "USD",
}


def test_cost_and_credits_are_lines_that_add_up_to_the_charge(tmp_path: Path) -> None:
    """0.36 - 0.06 - 0.30 = 0: a free tier is usage and the credit that pays for it."""
    told = [{"name": "Promotion", "amount": -0.06}, {"name": "Free tier", "amount": -0.30}]
    lines = read_text(tmp_path, json.dumps(ROW | {"cost": 0.36, "credits": told}))

    assert [line.kind for line in lines] == [LineKind.USAGE, LineKind.CREDIT, LineKind.CREDIT]
    assert sum(line.amount or 0 for line in lines) == Decimal(0)


def test_an_hour_in_utc_belongs_to_a_pacific_day(tmp_path: Path) -> None:
    """06:00 UTC is 23:00 of the day before while summer time holds, and 22:00 when it does not."""
    starts = ("2026-10-14 06:00:00 UTC", "2026-11-14 06:00:00 UTC")
    lines = read_text(tmp_path, "".join(json.dumps(ROW | {"usage_start_time": start}) for start in starts))

    assert [line.since.isoformat() for line in lines] == ["2026-10-13T23:00:00-07:00", "2026-11-13T22:00:00-08:00"]
    assert google_bigquery_json.FORMAT.zone == "America/Los_Angeles"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"cost": None}, "there is no amount"),
        ({"credits": 3}, "is not a list of objects"),
        ({"credits": [3]}, "is not a list of objects"),
        ({"credits": [{"name": "x"}]}, "one without an amount"),
        ({"usage_start_time": "yesterday"}, "is not a time"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_what_cannot_be_read_names_the_row(tmp_path: Path, change: dict[str, object], words: str) -> None:
    """Unknown is not zero."""
    with pytest.raises(InputFileError, match=f"item 2.*{words}"):
        read_text(tmp_path, f"{json.dumps(ROW)}\n{json.dumps(ROW | change)}\n")


def test_rows_that_are_no_objects_are_an_error(tmp_path: Path) -> None:
    """A list of numbers is no table."""
    with pytest.raises(InputFileError, match="item 2 is not an object"):
        read_text(tmp_path, f"{json.dumps(ROW)}\n3\n")
