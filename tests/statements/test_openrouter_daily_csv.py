"""OpenRouter's daily export: cents, and cached tokens inside the prompt tokens."""

from decimal import Decimal
from pathlib import Path

from tests.support.statement_files import read_text

from llmledger.statements import openrouter_daily_csv


def test_a_semicolon_and_decimal_comma_are_understood(tmp_path: Path) -> None:
    """A file saved again by a spreadsheet of another country reads the same."""
    text = (
        "Date;Slug;Usage;BYOK Usage;Requests;Prompt Tokens;Completion Tokens\n2026-10-14 00:00:00;demo/m;4,31;0;1;5;6\n"
    )
    [line] = read_text(tmp_path, text)

    assert line.amount == Decimal("4.31")
    assert not openrouter_daily_csv.FORMAT.splits_cache
