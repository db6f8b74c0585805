"""Texts in tables that people open in a spreadsheet: none of them may act as a formula."""

import re

_FORMULA = re.compile(r"[=+\-@\t\r\n]")
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?")


def harmless(text: str) -> str:
    """A text that no spreadsheet evaluates: one that begins like a formula gets an apostrophe in front; numbers do not.

    >>> harmless("=1+1"), harmless("-0.25"), harmless("plain")
    ("'=1+1", '-0.25', 'plain')
    """
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text
