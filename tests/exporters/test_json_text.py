"""JSON: one array, however many pieces it leaves in."""

import json

import pytest

from llmledger.core.export import Table
from llmledger.exporters import load


@pytest.mark.parametrize("count", [0, 1, 500, 1001])
def test_it_is_one_valid_array(count: int) -> None:
    """Empty, within one piece, over several."""
    text = "".join(load("json").write(Table(("n", "name"), ((n, None) for n in range(count)))))

    assert json.loads(text) == [{"n": n, "name": None} for n in range(count)]


def test_values_of_all_kinds_in_one_column_are_as_the_standard_library_writes_them() -> None:
    """Texts as they are, whole numbers, decimals, truth, lists."""
    rows = [(value,) for value in ('Zoë "東"\n\u2028', None, 1, 1.5, True, [1, None])]

    text = "".join(load("json").write(Table(('a "b"',), rows)))

    lines = [json.dumps({'a "b"': value}, ensure_ascii=False) for (value,) in rows]
    assert text == "[\n" + ",\n".join(lines) + "\n]\n"
