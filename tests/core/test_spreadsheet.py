"""No text in a table acts as a formula."""

import pytest

from llmledger.core.spreadsheet import harmless


@pytest.mark.parametrize("text", ["=1+1", "+1+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1", "\n=1"])
def test_a_text_that_looks_like_a_formula_gets_an_apostrophe(text: str) -> None:
    """As spreadsheets expect it for text."""
    assert harmless(text) == f"'{text}"


@pytest.mark.parametrize("text", ["plain", "-0.25", "+3", "", "a=b", "3"])
def test_other_texts_and_numbers_stay(text: str) -> None:
    """A negative amount is no formula."""
    assert harmless(text) == text
