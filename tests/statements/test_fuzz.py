"""Statements cut, shuffled, mistyped and wrongly encoded: a clear error or the right answer, never a traceback."""

import csv
import io
import json
import random
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.statement_files import read_text
from tests.support.statement_text import cases

from llmledger.errors import LedgerError

TEXTS = [case for case in cases() if case.suffix in (".csv", ".json") and case.parent.name != "generic_csv"]
TABLES = [case for case in TEXTS if case.suffix == ".csv" and case.parent.name != "google_cost_csv"]
ODD = [
    "",
    "NaN",
    "-inf",
    "1e999",
    "1" * 400,
    "1,5",
    "1.2.3",
    "true",
    "null",
    "=cmd()",
    "\x00",
    "é",
    "9" * 30,
    "-1",
    "0x10",
    "²",
]


def _answer(folder: Path, content: bytes, name: str) -> list[Decimal | None] | None:
    """The amounts, or None when it was refused as one clear error."""
    try:
        return [line.amount for line in read_text(folder, content, name=name)]
    except LedgerError as error:
        assert error.message
        assert "\n" not in error.message
        return None


@settings(max_examples=150)
@given(case=st.sampled_from(TEXTS), place=st.floats(0, 1), data=st.binary(max_size=8))
def test_a_cut_or_overwritten_file_is_refused_or_read(
    tmp_path_factory: pytest.TempPathFactory, case: Path, place: float, data: bytes
) -> None:
    """Wherever it is cut, and whatever bytes stand there instead."""
    whole = case.read_bytes()
    at = int(len(whole) * place)
    folder = tmp_path_factory.mktemp("cut")

    for content in (whole[:at], whole[:at] + data + whole[at + len(data) :]):
        answer = _answer(folder, content, case.name)
        assert answer is None or answer


@settings(max_examples=150)
@given(case=st.sampled_from(TABLES), seed=st.integers(0, 2**32), value=st.sampled_from(ODD))
def test_a_cell_of_a_wrong_type_is_refused_or_read(
    tmp_path_factory: pytest.TempPathFactory, case: Path, seed: int, value: str
) -> None:
    """Whichever cell it is."""
    rng = random.Random(seed)
    rows = list(csv.reader(io.StringIO(case.read_text(encoding="utf-8-sig"))))
    row = rng.randrange(len(rows))
    if rows[row]:
        rows[row][rng.randrange(len(rows[row]))] = value
    answer = _answer(tmp_path_factory.mktemp("cell"), _text(rows).encode(), case.name)

    assert answer is None or answer


@settings(max_examples=100)
@given(case=st.sampled_from(TABLES), seed=st.integers(0, 2**32))
def test_shuffled_columns_read_the_same(tmp_path_factory: pytest.TempPathFactory, case: Path, seed: int) -> None:
    """Columns are found by name; the one whose first column tells the format is left in its place."""
    rows = list(csv.reader(io.StringIO(case.read_text(encoding="utf-8-sig"))))
    order = list(range(1, len(rows[0])))
    random.Random(seed).shuffle(order)
    shuffled = [[row[index] for index in (0, *order)] for row in rows if row]
    folder = tmp_path_factory.mktemp("shuffled")

    assert _answer(folder, _text(shuffled).encode(), case.name) == _answer(folder, case.read_bytes(), case.name)


@settings(max_examples=150)
@given(
    case=st.sampled_from([case for case in TEXTS if case.suffix == ".json"]),
    seed=st.integers(0, 2**32),
    value=st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
        max_leaves=4,
    ),
)
def test_a_json_value_of_a_wrong_type_is_refused_or_read(
    tmp_path_factory: pytest.TempPathFactory, case: Path, seed: int, value: object
) -> None:
    """Whichever value it is."""
    text = case.read_text(encoding="utf-8")
    document, end = json.JSONDecoder().raw_decode(text)
    rng = random.Random(seed)
    holder = document
    while True:
        keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
        key = rng.choice(keys)
        inner = holder[key]
        if not isinstance(inner, dict | list) or not inner or rng.random() < 0.2:
            holder[key] = value
            break
        holder = inner
    changed = json.dumps(document) + text[end:]
    answer = _answer(tmp_path_factory.mktemp("json"), changed.encode("utf-8", "surrogatepass"), case.name)

    assert answer is None or answer


def _text(rows: list[list[str]]) -> str:
    stream = io.StringIO()
    csv.writer(stream).writerows(rows)
    return stream.getvalue()
