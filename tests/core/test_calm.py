"""What strangers put into names does not reach a terminal as a command."""

import pytest

from llmledger.core.calm import calm, calm_lines


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain name", "plain name"),
        ("Zürich 長い\u3000名前 👩\u200d👩\u200d👧\u00a0x", "Zürich 長い\u3000名前 👩\u200d👩\u200d👧\u00a0x"),
        ("a\x1b[31mb", "a�[31mb"),
        ("a\x1b]52;c;AAAA\x07", "a�]52;c;AAAA�"),
        ("a\x9b31m", "a�31m"),
        ("two\nlines", "two�lines"),
        ("abc\u202edef", "abc�def"),
        ("\x00", "�"),
    ],
    ids=["plain", "every script", "colour", "clipboard", "8 bit", "newline", "right to left", "NUL"],
)
def test_letters_stay_and_commands_do_not(text: str, shown: str) -> None:
    """Every script and its joiners as they are; escapes, line breaks and turned directions are told by a mark."""
    assert calm(text) == shown


def test_a_text_of_lines_keeps_them() -> None:
    """Messages have lines and tabs; a return or an escape in them is a stranger's."""
    assert calm_lines("one\n\ttwo\r\x1b[2J") == "one\n\ttwo��[2J"
