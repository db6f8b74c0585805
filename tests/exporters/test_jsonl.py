"""JSON lines: one object per line, in ASCII."""

import json

from llmledger.core.export import Table
from llmledger.exporters import load


def test_every_line_is_an_object_and_every_text_survives() -> None:
    """Lone surrogates and line breaks too."""
    rows = [("request", {"text": "\ud800 ☃\n"}), ("adjustment", None)]

    text = "".join(load("jsonl").write(Table(("record", "value"), rows)))

    assert text.isascii()
    assert [tuple(json.loads(line).values()) for line in text.splitlines()] == rows


def test_a_piece_is_bounded_by_its_text() -> None:
    """Stored prompts of 100 kB: some hundred rows of them at once would be too much."""
    rows = [("content", {"prompt": "p" * 100_000})] * 50

    pieces = list(load("jsonl").write(Table(("record", "value"), rows)))

    assert max(len(piece) for piece in pieces) < 400_000
    assert "".join(pieces).count("\n") == 50
