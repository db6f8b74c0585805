"""Any table by rules: what they may say, and what is refused."""

import tomllib
from pathlib import Path
from typing import Any

import pytest
from tests.support.statement_files import read_text

from llmledger.core.statement import LineKind
from llmledger.errors import ConfigError, InputFileError
from llmledger.statements._contract import Head
from llmledger.statements._draft import draft_rules
from llmledger.statements.generic_csv import check_rules

TABLE = "When,What,Kind,Count,Price,Until,Reqs,Id\n"
RULES: dict[str, Any] = {
    "provider": "demo",
    "columns": {"date": "When", "model": "What", "kind": "Kind", "quantity": "Count", "amount": "Price"},
    "kinds": {"in": "input_tokens", "vat": "tax", "talk": "audio_seconds"},
}


def test_kinds_that_the_rules_do_not_name_are_reported(tmp_path: Path) -> None:
    """A unit's own name needs no rule; another word is unknown."""
    rows = "2026-10-14,m,in,5,$1.25,,,\n2026-10-14,m,output_tokens,6,2,,,\n2026-10-14,,vat,,0.3,,,\n2026-10-14,m,odd,1,,,,\n2026-10-14,m,talk,1.5,3,,,\n"
    lines = read_text(tmp_path, TABLE + rows, rules=RULES)

    assert [(line.kind, line.meter) for line in lines] == [
        (LineKind.USAGE, "input_tokens"),
        (LineKind.USAGE, "output_tokens"),
        (LineKind.TAX, None),
        (LineKind.UNKNOWN, None),
        (LineKind.USAGE, "audio_seconds"),
    ]


def test_ends_counts_and_ids_have_columns_too(tmp_path: Path) -> None:
    """Without a kind column the line is usage of no certain meter; a zone in the date is kept."""
    columns = {"date": "When", "until": "Until", "amount": "Price", "requests": "Reqs", "request_id": "Id"}
    rules = {"provider": "demo", "columns": columns, "date_format": "%Y-%m-%dT%H:%M:%S%z"}
    text = TABLE + "2026-10-14T00:00:00+0300,m,,,1,2026-10-15T00:00:00+0300,7,r-1\n"
    [line] = read_text(tmp_path, text, rules=rules)

    assert (line.requests, line.request_id, line.meter) == (7, "r-1", None)
    assert line.since.isoformat() == "2026-10-14T00:00:00+03:00"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"provider": None}, "no provider"),
        ({"surprise": 1}, "unknown entry surprise"),
        ({"columns": {"amount": "Price"}}, "need date"),
        ({"columns": {"date": "When", "moon": "x"}}, "unknown moon"),
        ({"columns": 3}, "no table"),
        ({"decimal_mark": ";"}, "decimal_mark"),
        ({"days": 0}, "days is 0"),
        ({"timezone": "Mars/Base"}, "no time zone"),
        ({"kinds": {"in": "wonders"}}, "wonders"),
        ({"units": {"K": "many"}}, "many"),
        ({"models": [{"pattern": "("}]}, "cannot be meant"),
        ({"models": 3}, "cannot be meant"),
    ],
)
def test_rules_that_cannot_be_meant_name_their_entry(changes: dict[str, Any], words: str) -> None:
    """Each with a hint."""
    with pytest.raises(ConfigError, match=words):
        check_rules(RULES | changes)


@pytest.mark.parametrize("row", ["soon,m,in,5,1,,,\n", "2026-10-14,m,in,0.5,1,,,\n", "2026-10-14,m,in,5,much,,,\n"])
def test_cells_that_the_rules_cannot_read_are_errors(tmp_path: Path, row: str) -> None:
    """Date, count and amount."""
    with pytest.raises(InputFileError, match="line 2"):
        read_text(tmp_path, TABLE + row, rules=RULES)


def test_a_draft_is_rules_that_can_be_checked() -> None:
    """What it found stands in the columns, what not as comments; it is TOML as it is."""
    head = Head(
        "odd.csv",
        "",
        rows=(("invoice date", 'model "x"', "tokens", "cost (eur)"), ("14.10.2026", "m", "5", "1.234,50")),
    )
    rules = check_rules(tomllib.loads(draft_rules(head)))

    assert rules.columns == {"date": "invoice date", "model": 'model "x"', "quantity": "tokens", "amount": "cost (eur)"}
    assert (rules.date_format, rules.decimal_mark) == ("%d.%m.%Y", ",")


def test_a_draft_of_nothing_is_still_toml() -> None:
    """An empty file gets a form to fill in."""
    assert "columns" in tomllib.loads(draft_rules(Head("empty", "")))
