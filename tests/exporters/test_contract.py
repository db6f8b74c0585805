"""Every format is found by its file, says what it is, and writes any table."""

import pytest

from llmledger.core.export import Table
from llmledger.errors import UsageError
from llmledger.exporters import load, names


def test_all_formats_are_found() -> None:
    """By listing the folder."""
    assert names() == ("csv", "focus", "json", "jsonl", "tsv")


@pytest.mark.parametrize("name", names())
def test_a_format_fulfils_the_contract(name: str) -> None:
    """One line for people, which rows it wants, and text for a table without rows."""
    exporter = load(name)

    assert exporter.SUMMARY.endswith(".") and "\n" not in exporter.SUMMARY
    assert exporter.ROWS in {"view", "records"}
    assert isinstance("".join(exporter.write(Table(("a",), []))), str)


def test_an_unknown_format_lists_the_known_ones() -> None:
    """Exit 2."""
    with pytest.raises(UsageError) as refused:
        load("xml")

    assert refused.value.hint == "Use csv, focus, json, jsonl, tsv."
