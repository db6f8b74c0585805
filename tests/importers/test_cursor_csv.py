"""Cursor's export: three headers, no ids."""

from pathlib import Path
from typing import Any

from tests.support.claude_logs import import_files, totals
from tests.support.import_cases import FIXTURES, told

FOLDER = FIXTURES / "cursor_csv"


def requests(case: str) -> list[dict[str, Any]]:
    """The requests of an export."""
    found: list[dict[str, Any]] = told("cursor_csv", FOLDER / case)["requests"]
    return found


def test_overlapping_exports_fall_together_whatever_their_header(ledger_path: Path) -> None:
    """The first row stands in both; the second export has it twice, which is another request."""
    import_files(ledger_path, [FOLDER / "first.csv", FOLDER / "second.csv"], source="cursor_csv")

    assert totals(ledger_path)[0] == 4


def test_input_is_written_and_fresh_and_read(ledger_path: Path) -> None:
    """300 + 100 + 5,000."""
    counts = requests("first.csv")[0]["counts"]

    assert (counts["input_tokens"], counts["cache_read_tokens"], counts["cache_write_tokens"]) == (5400, 5000, 300)


def test_included_use_is_the_plans_and_a_cost_is_money() -> None:
    """Billing follows the row."""
    assert "billing" not in requests("second.csv")[0]
    assert (requests("third.csv")[0]["billing"], requests("third.csv")[0]["reported_usd"]) == ("api", "0.1234")


def test_an_error_that_was_not_charged_is_free_and_failed() -> None:
    """An explicit zero."""
    found = requests("second.csv")[2]

    assert (found["status"], found["reported_usd"]) == ("failed", "0")


def test_a_row_without_a_date_is_a_problem(tmp_path: Path) -> None:
    """It has no day."""
    log = tmp_path / "x.csv"
    log.write_text((FOLDER / "third.csv").read_text().replace("2026-10-20T12:08:00.000Z", "someday"))

    assert told("cursor_csv", log)["problems"] == [[2, "no date"]]
