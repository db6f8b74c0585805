"""A request as an object of the complete format says exactly what its row says, whatever the row has in it."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.builders import NOON, a_charge, a_finished
from tests.support.golden_exports import write_sample
from tests.support.odd_requests import odd_requests

from llmledger.core.adjustment import Adjustment, Kind, Measures, place_of
from llmledger.core.cost import Component
from llmledger.core.request import Attribution, Finished
from llmledger.core.selection import Selection
from llmledger.core.window import Window
from llmledger.errors import StorageError
from llmledger.exporters import load
from llmledger.ledger import Ledger, open_ledger, open_reader
from llmledger.ledger.connection import storage_errors
from llmledger.ledger.queries.export import read_records
from llmledger.ledger.request_lines import finished_from_object, read_lines
from llmledger.ledger.rows import SELECT_ADJUSTMENT, SELECT_REQUEST, as_dict, finished_from_row
from llmledger.operations.restore import open_lines, restore

FIRST_EXPORT = Path(__file__).parent.parent / "fixtures" / "ledgers" / "first_export.jsonl"
"""The sample ledger as the first exports had it."""


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    """One ledger that all examples are written to."""
    with open_ledger(tmp_path_factory.mktemp("lines") / "ledger.db", now=lambda: NOON) as opened:
        yield opened


def _rows(path: Path) -> dict[str, list[dict[str, Any]]]:
    """All that was recorded, without the numbers that a ledger gives to what it has."""
    with open_reader(path) as reader:
        found = {}
        for name, select in (("requests", SELECT_REQUEST), ("adjustments", SELECT_ADJUSTMENT)):
            cursor = reader.connection.execute(f"{select} ORDER BY x.id")
            rows = [as_dict(cursor, row) for row in cursor]
            found[name] = [
                {key: value for key, value in row.items() if not key.endswith("_id")}
                | {"request_id": row["request_id"], "provider_request_id": row["provider_request_id"]}
                for row in rows
            ]
        found["contents"] = [
            {"row": row} for row in reader.connection.execute("SELECT * FROM contents ORDER BY request_id")
        ]
        return found


@settings(max_examples=25, deadline=None)
@given(some=st.lists(odd_requests(), min_size=1, max_size=6))
def test_an_object_says_what_its_row_says(book: Ledger, some: list[Finished]) -> None:
    """The long way over the row itself is the measure: every field, to the last character."""
    book.record_many(some)
    first = some[0].begun.request_id
    with open_reader(book.path) as reader:
        connection = reader.connection
        where, params = "WHERE x.id >= (SELECT row FROM seen WHERE key = ?)", (first,)
        cursor = connection.execute(f"{SELECT_REQUEST} {where} ORDER BY x.id", params)
        expected = [finished_from_row(as_dict(cursor, row)) for row in cursor]
        texts = [text for lines in read_lines(connection, where, params) for text in lines.texts]

    assert len(expected) == len(some)
    assert [finished_from_object(json.loads(text)) for text in texts] == expected
    assert not any("\n" in text for text in texts)


@settings(max_examples=4, deadline=None)
@given(some=st.lists(odd_requests(), min_size=1, max_size=20))
def test_a_restored_ledger_is_the_ledger_itself(tmp_path_factory: pytest.TempPathFactory, some: list[Finished]) -> None:
    """Rows, corrections and texts, column by column, through the file."""
    folder = tmp_path_factory.mktemp("restored")
    with open_ledger(folder / "one.db", now=lambda: NOON) as book:
        book.record_many(some)
        for number, finished in enumerate(some):
            if number % 3 == 0:
                assert book.adjust(_correction(finished, f"reprice:{number}"))
                book.store_content(finished.begun.request_id, NOON, prompt=f"p{number}", response=None)
    file = folder / "whole.jsonl"
    with open_reader(folder / "one.db") as reader:
        table = read_records(reader.connection, Window(), Selection(), content=True)
        file.write_text("".join(load("jsonl").write(table)), encoding="ascii")

    with open_ledger(folder / "two.db", now=lambda: NOON) as book, open_lines(file) as lines:
        restore(book, lines, name="whole.jsonl", advance=lambda _: None)

    assert _rows(folder / "two.db") == _rows(folder / "one.db")


def _correction(finished: Finished, cause: str) -> Adjustment:
    return Adjustment(
        kind=Kind.REPRICE,
        cause=cause,
        effective_at=finished.begun.started_at,
        booked_at=NOON,
        reason="test",
        place=place_of(finished),
        measures=Measures(cost_nanousd=-5),
        request_id=finished.begun.request_id,
    )


def test_the_first_exports_are_still_restored(tmp_path: Path) -> None:
    """They had requests as the program has them."""
    write_sample(tmp_path / "sample.db")
    with open_ledger(tmp_path / "new.db", now=lambda: NOON) as book, open_lines(FIRST_EXPORT) as lines:
        done = restore(book, lines, name="first_export.jsonl", advance=lambda _: None)

    assert done.added == 6
    assert _rows(tmp_path / "new.db") == _rows(tmp_path / "sample.db")


def test_texts_are_kept_from_chunk_to_chunk_within_bounds(tmp_path: Path) -> None:
    """A session for each request, and more of everything than is remembered."""
    made = [
        a_finished(
            {"started_at": NOON + timedelta(seconds=n), "attribution": Attribution(user=f"u{n % 4}", session=f"s{n}")}
        )
        for n in range(20)
    ]
    with open_ledger(tmp_path / "ledger.db", now=lambda: NOON) as book:
        book.record_many(made)
    with open_reader(tmp_path / "ledger.db") as reader:
        read = read_lines(reader.connection, "", (), size=3, remembered=2)
        texts = [text for lines in read for text in lines.texts]

    found = [finished_from_object(json.loads(text)) for text in texts]
    assert [one.begun for one in found] == [one.begun for one in made]


def test_a_column_that_is_no_json_any_more_ends_an_export(tmp_path: Path) -> None:
    """A flipped bit: an archive that cannot be read again must not be written."""
    charged = replace(a_charge(7), components=(Component("output_tokens", 1, 7),))
    with open_ledger(tmp_path / "ledger.db", now=lambda: NOON) as book:
        book.record(a_finished(charged=charged))
        book.call(_break_components)
    with open_reader(tmp_path / "ledger.db") as reader, pytest.raises(StorageError), storage_errors(reader.path):
        list(read_lines(reader.connection, "", ()))


def _break_components(books: Any) -> None:
    (guard,) = books.connection.execute("SELECT sql FROM sqlite_schema WHERE name = 'requests_no_update'").fetchone()
    books.connection.execute("DROP TRIGGER requests_no_update")
    books.connection.execute("UPDATE requests SET components = '{'")
    books.connection.execute(guard)
