"""Every statement reader keeps the folder's contract; a new file is found and held to it by itself."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
from tests.support.statement_text import FIXTURES, cases, expected_path, lines_of

from llmledger import statements
from llmledger.core.usage import UNIT_BY_NAME

CASES = cases()


def _id(case: Path) -> str:
    return f"{case.parent.name}/{case.name}"


@pytest.mark.parametrize("name", statements.names())
def test_a_reader_says_what_it_reads_and_has_a_fixture(name: str) -> None:
    """Each module has a one-line summary, a format, and at least one statement to read."""
    reader = statements.load(name)

    assert reader.SUMMARY
    assert "\n" not in reader.SUMMARY
    assert reader.FORMAT.zone
    assert [case for case in CASES if case.parent.name == name]


@pytest.mark.parametrize("case", CASES, ids=_id)
def test_a_fixture_reads_as_the_lines_that_stand_beside_it(case: Path) -> None:
    """The reader yields exactly the expected lines."""
    expected = json.loads(expected_path(case).read_text(encoding="utf-8"))

    assert expected == lines_of(case)


@pytest.mark.parametrize("case", [case for case in CASES if case.parent.name != "generic_csv"], ids=_id)
def test_a_fixture_is_recognised_by_its_own_reader_alone(case: Path) -> None:
    """Exactly one reader claims the file, and it is the one whose folder the fixture is in."""
    assert [case.parent.name] == [statement.format_name for statement, _ in statements.recognise(case)]


@pytest.mark.parametrize("case", [case for case in CASES if case.parent.name != "generic_csv"], ids=_id)
def test_lines_are_half_open_numbered_and_in_known_units(case: Path) -> None:
    """Times are aware and ordered, meters and quantities are units of the registry, and no line is about a person."""
    for statement, parts in statements.recognise(case):
        for line in statements.read(statement, parts):
            assert line.since.tzinfo is not None
            assert timedelta(0) <= line.until - line.since
            assert line.number >= 1
            assert set(line.quantities) <= UNIT_BY_NAME.keys()
            assert line.meter is None or line.meter in UNIT_BY_NAME
            assert line.currency == line.currency.upper()


def test_every_expectation_belongs_to_a_fixture() -> None:
    """No golden file is left without the statement that it was made from."""
    assert sorted({expected_path(case) for case in CASES}) == sorted(FIXTURES.glob("*/*.expected.json"))
