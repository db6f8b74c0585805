"""The export reads most rows past the view: it says the same as the view, value for value and byte for byte."""

import csv
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.builders import NOON, a_begun, a_charge, a_finished, a_usage
from tests.support.odd_requests import odd_requests

from llmledger.core.adjustment import Adjustment, Kind, Measures, move, place_of, reversal, standing_of
from llmledger.core.cost import Component
from llmledger.core.export import Chunked, Coded, Table
from llmledger.core.request import Attribution, Finished
from llmledger.core.selection import Selection
from llmledger.core.window import Window
from llmledger.core.words import Status
from llmledger.exporters import load
from llmledger.ledger import Reader, open_ledger, open_reader
from llmledger.ledger.queries.export import read_records, read_view
from llmledger.ledger.queries.export_columns import read_chunks

ROWS = 1300
"""More than two chunks."""
VIEW = "SELECT * FROM requests_v1 ORDER BY row"


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every kind of value and of correction."""
    path = tmp_path_factory.mktemp("export") / "ledger.db"
    requests = [_request(number) for number in range(ROWS)]
    with open_ledger(path, now=lambda: NOON) as book:
        book.record_many(requests)
        for number, finished in enumerate(requests):
            if entries := _corrections(number, finished):
                assert book.adjust(*entries)
    return path


@pytest.fixture
def reader(ledger: Path) -> Iterator[Reader]:
    """The ledger, to read from."""
    with open_reader(ledger) as opened:
        yield opened


def _request(number: int) -> Finished:
    texts = (None, "ada", "=Zoë, 東", 'a "b"\tc', "+1+1", "-5", "@x\r\ny", "100 %s %d {x}", "")
    who = Attribution(
        user=texts[number % 9],
        project=texts[number % 7],
        session=None if number % 3 == 0 else f"s{number // 10}",
        tags={"env": texts[2], "n": str(number % 4)} if number % 5 == 0 else {},
    )
    started = datetime(2025, 12, 31, 23, 59, 58, 999_000, tzinfo=UTC) + timedelta(milliseconds=number * 7_919_137)
    begun = a_begun(
        started_at=started,
        attribution=who,
        model=("gpt-5-mini", "", "x/y:free")[number % 3],
        client_request_id=texts[number % 8],
    )
    nanousd = (0, None, 1, 10**9, 2_500_000_000, 999_999_999_999, 3_600_000, -5, -1_500_000_000)[number % 9]
    components = (Component("input_tokens", 1_200_000, 3_000_000), Component("output_tokens", 240, 600_000))
    return a_finished(
        begun,
        charged=replace(a_charge(nanousd), components=components, price_version=f"2026.11.{number % 3}")
        if nanousd == 3_600_000
        else a_charge(nanousd),
        usage=a_usage(number, None, audio_seconds=Decimal("1.5")) if number % 11 == 0 else a_usage(number),
        status=Status.FAILED if number % 13 == 0 else Status.COMPLETED,
        http_status=500 if number % 13 == 0 else 200,
        error_message="said \"no\",\nthen 'why'; 東" if number % 13 == 0 else None,
        provider_request_id=None if number % 4 == 0 else f"chatcmpl-{number}",
        latency_ms=None if number % 17 == 0 else number,
        flags=("odd", "found") if number % 19 == 0 else (),
    )


def _corrections(number: int, finished: Finished) -> tuple[Adjustment, ...]:
    """One request in seven is corrected: priced again, assigned, found double, or paid otherwise."""
    standing = standing_of(finished)
    entry = Adjustment(
        kind=Kind.REPRICE,
        cause=f"test:{number}",
        effective_at=finished.begun.started_at,
        booked_at=NOON,
        reason="test",
        place=place_of(finished),
        measures=Measures(cost_nanousd=-5),
        request_id=finished.begun.request_id,
    )
    if number % 28 == 0:
        return (entry,)
    if number % 28 == 7:
        place = replace(entry.place, attribution=Attribution(project="=moved"))
        return move(standing, replace(entry, kind=Kind.ASSIGN, place=place, measures=standing.measures))
    if number % 28 == 14:
        return (reversal(standing, kind=Kind.DUPLICATE, cause=entry.cause, reason="test", booked_at=NOON),)
    return (replace(entry, kind=Kind.RECONCILE),) if number % 28 == 21 else ()


def test_the_rows_are_those_of_the_view(reader: Reader) -> None:
    """Names, values and order, over several chunks, with one row in seven corrected."""
    cursor = reader.connection.execute(VIEW)

    table = read_view(reader.connection, Window(), Selection())

    assert table.columns == tuple(column[0] for column in cursor.description)
    rows = cursor.fetchall()
    assert list(table.rows) == rows
    assert (len(rows), sum(row[-1] > 0 for row in rows)) == (ROWS, 140)


@pytest.mark.parametrize("name", ["csv", "tsv", "json"])
def test_a_format_writes_columns_as_it_writes_rows(reader: Reader, name: str) -> None:
    """The same bytes from the view itself, row by row."""
    table = read_view(reader.connection, Window(), Selection())
    rows = reader.connection.execute(VIEW).fetchall()

    assert isinstance(table.rows, Chunked)
    assert "".join(load(name).write(table)) == "".join(load(name).write(Table(table.columns, rows)))


@settings(max_examples=15, deadline=None)
@given(some=st.lists(odd_requests(since=datetime(1970, 1, 1)), min_size=1, max_size=6))
def test_any_requests_are_written_as_the_view_has_them(
    tmp_path_factory: pytest.TempPathFactory, some: list[Finished]
) -> None:
    """Whatever they have in them, every other one corrected: the view's own rows, one by one, are the measure."""
    path = tmp_path_factory.mktemp("any") / "ledger.db"
    with open_ledger(path, now=lambda: NOON) as book:
        book.record_many(some)
        for finished in some[::2]:
            book.adjust(*_corrections(0, finished))
    with open_reader(path) as reader:
        names = read_view(reader.connection, Window(), Selection()).columns
        rows = reader.connection.execute(VIEW).fetchall()
        for name in ("csv", "tsv", "json"):
            written = "".join(load(name).write(read_view(reader.connection, Window(), Selection())))

            assert written == "".join(load(name).write(Table(names, rows)))


def test_csv_and_json_are_read_back_as_the_view_has_them(reader: Reader) -> None:
    """By the standard library: nothing is lost but what a spreadsheet must not evaluate."""
    names = read_view(reader.connection, Window(), Selection()).columns
    rows = reader.connection.execute(VIEW).fetchall()

    texts = {
        name: "".join(load(name).write(read_view(reader.connection, Window(), Selection()))) for name in ("csv", "json")
    }

    assert json.loads(texts["json"]) == [dict(zip(names, row, strict=True)) for row in rows]
    back = list(csv.reader(io.StringIO(texts["csv"], newline="")))[1:]
    plain = [["" if value is None else str(value) for value in row] for row in rows]
    assert [[cell.removeprefix("'") for cell in row] for row in back] == plain


def test_a_selection_chooses_the_same_rows(reader: Reader) -> None:
    """Corrected ones by where they stand now."""
    table = read_view(reader.connection, Window(), Selection(project=("=moved",)))

    assert (
        list(table.rows)
        == reader.connection.execute("SELECT * FROM requests_v1 WHERE project = '=moved' ORDER BY row").fetchall()
    )


def test_dictionaries_are_forgotten_when_they_grow(reader: Reader) -> None:
    """A session for each request: memory does not grow with them, and the rows stay the same."""
    rows: list[Sequence[object]] = []
    for chunk in read_chunks(reader.connection, "", (), None, size=7, remembered=3):
        rows += chunk
        assert all(len(column.entries) <= 3 + 7 for column in chunk.columns if isinstance(column, Coded))

    assert rows == reader.connection.execute(VIEW).fetchall()


@pytest.mark.parametrize("selection", [Selection(), Selection(model=("gpt-5-mini",))])
def test_a_complete_export_has_the_corrections_after_their_requests(reader: Reader, selection: Selection) -> None:
    """In the order of their requests, also where corrected ones that were not chosen stand between those that were."""
    found = [
        ("request", json.loads(value)["request_id"]) if kind == "request" else ("adjustment", value["cause"])
        for kind, value in read_records(reader.connection, Window(), selection, size=50).rows
        if kind != "key"
    ]

    corrected: dict[str, list[str]] = {}
    for request_id, cause in reader.connection.execute(
        "SELECT lower(hex(request_id)), cause FROM adjustments ORDER BY id"
    ):
        corrected.setdefault(request_id, []).append(cause)
    chosen = [row[1] for row in read_view(reader.connection, Window(), selection).rows]
    assert [one for kind, one in found if kind == "request"] == chosen
    causes = [cause for one in chosen for cause in corrected.get(one, [])]
    assert [one for kind, one in found if kind == "adjustment"] == causes != []
    places = {one: place for place, (_, one) in enumerate(found)}
    assert all(0 < places[cause] - places[one] < 100 for one in chosen for cause in corrected.get(one, []))
