"""TSV: one line per row, whatever the texts hold."""

from llmledger.core.export import Table
from llmledger.exporters import load


def test_tabs_and_line_breaks_become_spaces() -> None:
    """So that `cut` and `wc -l` are right; a leading tab is a formula's disguise."""
    text = "".join(load("tsv").write(Table(("x", "y"), [("a\tb\r\nc", None), ("@x", 3)])))

    assert text == "x\ty\na b  c\t\n'@x\t3\n"
