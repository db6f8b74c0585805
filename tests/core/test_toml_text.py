"""One line of a TOML text set or taken out; everything else stays as its author wrote it."""

import pytest

from llmledger.core.toml_text import with_line, without_line


@pytest.mark.parametrize(
    ("text", "section", "expected"),
    [
        ("", "", "x = 1\n"),
        ("", "s", "[s]\nx = 1\n"),
        ("a = 1", "", "a = 1\nx = 1\n"),
        ("x = 0 # why\na = 1\n", "", "x = 1\na = 1\n"),
        ("a = 1\n\n[s]\nb = 2\n", "", "a = 1\nx = 1\n\n[s]\nb = 2\n"),
        ("a = 1\n[s]\nb = 2\n", "", "a = 1\nx = 1\n\n[s]\nb = 2\n"),
        ("a = 1\n\n# about s\n# more\n[s]\n", "", "a = 1\nx = 1\n\n# about s\n# more\n[s]\n"),
        ("# head\n[s]\n", "", "x = 1\n\n# head\n[s]\n"),
        ("a = 1\n\n[s]\nb = 2\n\n[t]\n", "s", "a = 1\n\n[s]\nb = 2\nx = 1\n\n[t]\n"),
        ("[s] # mine\nx = 0\n", "s", "[s] # mine\nx = 1\n"),
        ("[t]\nx = 0\n", "s", "[t]\nx = 0\n\n[s]\nx = 1\n"),
        ("a = 1\r\n", "", "a = 1\r\nx = 1\r\n"),
    ],
)
def test_a_line_is_set_in_its_section(text: str, section: str, expected: str) -> None:
    """Replaced where it stands, else added behind the section's own lines; comments stay with what they are about."""
    assert with_line(text, section, "x", "x = 1") == expected


@pytest.mark.parametrize(
    ("text", "section", "expected"),
    [
        ("a = 1\nx = 2 # why\nb = 3", "", "a = 1\nb = 3"),
        ("[s]\nx = 2\n[t]\nx = 3\n", "t", "[s]\nx = 2\n[t]\n"),
        ("a = 1\n[s]\nx = 2\n", "", "a = 1\n[s]\nx = 2\n"),
        ("a = 1\n", "s", "a = 1\n"),
    ],
)
def test_a_line_is_taken_out_of_its_section(text: str, section: str, expected: str) -> None:
    """And of no other; a text without it stays as it is."""
    assert without_line(text, section, "x") == expected
