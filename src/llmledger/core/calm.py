"""Text of strangers, such as a model's or a user's name in a request, without what would drive the terminal it is shown on."""

import re

_DRIVING = "[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]"
"""Control characters, line separators and what turns the direction of the text around it."""
_DRIVING_LINES = "[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]"

_MARK = "\N{REPLACEMENT CHARACTER}"


def calm(text: str) -> str:
    """One line of text for a terminal; what is no letter, sign or space is told by a mark."""
    return _without(_DRIVING, text)


def calm_lines(text: str) -> str:
    """The same for a text that has lines and tabs of its own."""
    return _without(_DRIVING_LINES, text)


def _without(driving: str, text: str) -> str:
    # Nearly every text is printable: a pattern is not even compiled for it, which a command would wait for at its start.
    return text if text.isprintable() else re.sub(driving, _MARK, text)
