"""Every format is found by its file, says what it is, and writes any table."""

from pathlib import Path

import pytest
from tests.support.golden_exports import FOLDER, golden_file, rendered

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


@pytest.mark.parametrize("name", names())
def test_a_format_writes_the_sample_ledger_as_it_was_agreed(name: str) -> None:
    """Other programs read it: a new format without its rendered sample fails here, and so does one that changed."""
    assert golden_file(name).exists(), "python -m tests.support.golden_exports"
    assert rendered(name) == golden_file(name).read_bytes().decode()


@pytest.mark.parametrize("name", names())
def test_a_format_has_a_test_of_its_own(name: str) -> None:
    """Adding one is one file, one test, one fixture."""
    here = Path(__file__).parent

    assert (here / f"test_{name}.py").exists() or (here / f"test_{name}_text.py").exists()


def test_every_rendered_sample_has_a_format() -> None:
    """What was left behind by a format that is gone."""
    assert sorted(path.name for path in FOLDER.iterdir()) == sorted(names())
