"""Writing price files: what is written reads back as the same, and a person's text stays."""

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from llmledger.errors import PriceTableError
from llmledger.pricebook import load
from llmledger.pricebook.editing import read_for_editing
from llmledger.pricebook.writer import file_text, number_text

MODEL: dict[str, Any] = {
    "id": "rocket-4",
    "names": ["rocket four"],
    "dated": True,
    "regex": [r"^ft:rocket\.4:"],
    "retired": date(2026, 9, 1),
    "alias": [{"name": "rocket-latest", "until": date(2026, 8, 1)}],
    "period": [
        {
            "from": datetime(2026, 8, 16, 16, tzinfo=UTC),
            "output": Decimal("1.50"),
            "input": Decimal("3E+1"),
            "source": 'a "page"',
            "checked": date(2026, 11, 20),
            "tier": [{"above": 200_000, "input": Decimal(6)}],
            "mode": [{"when": {"processing": "batch"}, "multiply": Decimal("0.5"), "only": ["input"]}],
            "window": [{"hours": [["01:00", "04:00"]], "days": ["mon"], "tz": "UTC", "input": Decimal(9)}],
        }
    ],
}
HEADER = {"schema": 1, "provider": "acme", "key_variables": ["ACME_KEY"], "dialects": {"/v1/x": "openai_chat"}}


def test_a_written_file_reads_back_as_what_was_written(tmp_path: Path) -> None:
    """Order, quoting and numbers survive."""
    (tmp_path / "acme.toml").write_text(file_text(HEADER, [MODEL]))
    book = load([tmp_path])
    entry, provider = book.entry("acme", "ft:Rocket.4:x"), book.provider("acme")

    assert entry is not None
    assert provider is not None
    rate = entry.rates[0]
    assert (entry.id, entry.names, entry.dated) == ("rocket-4", {"rocket-4", "rocket four"}, True)
    assert (rate.prices, rate.source) == ({"input_tokens": 30 * 10**9, "output_tokens": 1_500_000_000}, 'a "page"')
    assert (rate.tiers[0].threshold, rate.modes[0].multiply) == (200_000, Decimal("0.5"))
    assert rate.windows[0].days == frozenset({0})
    assert provider.dialects == {"/v1/x": "openai_chat"}
    assert provider.auth("k") == ("authorization", "Bearer k")


def test_prices_are_written_one_a_line_in_the_registrys_order() -> None:
    """So that a changed price is a changed line."""
    lines = file_text(HEADER, [MODEL]).splitlines()

    assert lines[lines.index("input = 30") + 1] == "output = 1.5"
    assert "from = 2026-08-16T16:00:00Z" in lines
    assert "regex = ['^ft:rocket\\.4:']" in lines


@pytest.mark.parametrize(
    ("number", "text"), [("3E+1", "30"), ("0.0030", "0.003"), ("10", "10"), ("0.000000001", "0.000000001")]
)
def test_numbers_have_no_exponent_and_no_trailing_zeros(number: str, text: str) -> None:
    """As people write prices."""
    assert number_text(Decimal(number)) == text


def test_long_lists_are_written_one_name_a_line() -> None:
    """A line stays readable."""
    text = file_text(HEADER, [{"id": "x", "names": [f"name-number-{n}" for n in range(20)]}])

    assert max(map(len, text.splitlines())) < 118
    assert '  "name-number-7",' in text


def test_editing_changes_one_model_and_nothing_else(tmp_path: Path) -> None:
    """Comments and layout of the rest stay as the person wrote them."""
    path = tmp_path / "acme.toml"
    path.write_text(
        "# mine\nschema = 1\nprovider = 'acme'\n\n[[model]]\nid = 'a' # first\n[[model.period]]\ninput = 1\n"
        "\n[[model]]\nid = 'b'\n[[model.period]]\ninput=2 # keep\n"
    )
    edited = read_for_editing(path, "acme")
    edited.put({"id": "A", "period": [{"input": Decimal(5)}]})
    edited.put({"id": "c", "period": [{"free": True}]})
    text = edited.checked_text()

    assert text.startswith(
        "# mine\nschema = 1\nprovider = 'acme'\n\n[[model]]\nid = \"A\"\n[[model.period]]\ninput = 5\n"
    )
    assert "id = 'b'\n[[model.period]]\ninput=2 # keep\n" in text
    assert text.endswith('[[model]]\nid = "c"\n[[model.period]]\nfree = true\n')
    assert path.read_text().startswith("# mine")


def test_an_edit_that_no_table_may_hold_is_refused(tmp_path: Path) -> None:
    """Before anything is written."""
    edited = read_for_editing(tmp_path / "acme.toml", "acme")
    edited.put({"id": "a", "period": [{"input": Decimal(-1)}]})

    with pytest.raises(PriceTableError, match="negative"):
        edited.checked_text()


def test_a_model_can_be_put_before_others(tmp_path: Path) -> None:
    """The next model still begins on a line of its own."""
    path = tmp_path / "acme.toml"
    path.write_text("schema = 1\n[[model]]\nid = 'a'\n[[model]]\nid = 'b'\n")
    edited = read_for_editing(path, "acme")
    edited.put({"id": "a", "period": [{"free": True}]})

    assert [line for line in edited.checked_text().splitlines() if line.startswith("id")] == ['id = "a"', "id = 'b'"]
