"""A ledger of every schema that was ever released opens, is brought up to date, and says what it always said."""

import gzip
from pathlib import Path

import pytest
from tests.support.builders import NOON, a_finished

from llmledger.ledger import open_ledger, open_reader
from llmledger.ledger.finding import Level
from llmledger.ledger.migrations import SCHEMA
from llmledger.ledger.verification import verify

FOLDER = Path(__file__).parents[1] / "fixtures" / "ledgers"
OLD = sorted(FOLDER.glob("schema_*.db.gz"))


@pytest.fixture(params=OLD, ids=lambda path: path.name.partition(".")[0])
def old(request, tmp_path):
    path = tmp_path / "ledger.db"
    path.write_bytes(gzip.decompress(request.param.read_bytes()))
    return path


def test_every_schema_up_to_the_present_one_is_kept():
    """A released schema without its file would never be tried again."""
    assert [path.name for path in OLD] == [f"schema_{number}.db.gz" for number in range(1, SCHEMA + 1)]


def test_an_old_ledger_is_read_as_it_was_written(old):
    """Opening it to read brings it up to date and closes what a dead process had begun."""
    with open_reader(old) as reader:
        rows = reader.connection.execute(
            "SELECT source, status, requests, cost_usd FROM requests_v1 ORDER BY row"
        ).fetchall()
        assert (reader.schema, reader.home_zone) == (SCHEMA, "Europe/Berlin")
    assert rows == [
        ("run", "completed", 1, "0.0025"),
        ("run", "completed", 1, None),
        ("import:codex", "completed", 0, "0"),
        ("run", "completed", 1, "0.00000012"),
        ("run", "interrupted", 1, "0.00000004"),
    ]


def test_an_old_ledger_is_sound_and_can_be_written(old):
    """Its promises hold before and after a new row, and what it has seen it knows."""
    with open_ledger(old, now=lambda: NOON) as ledger:
        assert ledger.recovery.interrupted == 1
        assert ledger.record(a_finished())
        assert not ledger.record(a_finished(source_key="codex:1"))
    assert {finding.level for finding in verify(old)} == {Level.FINE}
