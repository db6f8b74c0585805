"""simonw/llm: one database, two schemas, one space of ids."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.support.claude_logs import import_files, totals
from tests.support.import_cases import FIXTURES, as_log, told

from llmledger.importers import llm_logs
from llmledger.importers._contract import Checkpoint, Imported, LogFile

FOLDER = FIXTURES / "llm_logs"


def requests(tmp_path: Path, case: str = "both_schemas.sql") -> dict[str, Any]:
    """The requests of a recorded database by the last digit of their id."""
    found = told("llm_logs", as_log(FOLDER / case, tmp_path))["requests"]
    return {request["key"][-1]: request for request in found}


def test_both_tables_are_read_and_an_id_in_both_counts_once(tmp_path: Path) -> None:
    """llm 0.32 writes turns alone; the turn of an id says more than its response."""
    found = requests(tmp_path)

    assert {"1", "2", "3", "4", "5", "6"} == found.keys()
    assert found["2"]["counts"]["cache_read_tokens"] == 1024


def test_the_old_schema_alone_is_read(tmp_path: Path) -> None:
    """Columns that it lacks are unknown."""
    assert requests(tmp_path, "old_schema.sql")["1"]["quality"] == "partial"


def test_anthropics_details_are_outside_input(tmp_path: Path) -> None:
    """12 + 900 read + 100 written."""
    counts = requests(tmp_path)["3"]["counts"]

    assert (counts["input_tokens"], counts["cache_write_1h_tokens"]) == (1012, 60)


def test_a_plugin_without_usage_is_missing_and_not_zero(tmp_path: Path) -> None:
    """The request is counted, its tokens are unknown."""
    request = requests(tmp_path)["4"]

    assert (request["quality"], request["counts"]) == ("missing", {})


def test_details_of_an_unknown_shape_are_marked(tmp_path: Path) -> None:
    """Whether input includes the cache cannot be told."""
    assert requests(tmp_path)["6"]["flags"] == ["usage_details_unknown"]


def test_a_later_run_reads_from_a_day_before_the_last_row(tmp_path: Path) -> None:
    """A ULID begins with its time."""
    log = as_log(FOLDER / "both_schemas.sql", tmp_path)
    mark = next(item for item in llm_logs.read(LogFile(log)) if isinstance(item, Checkpoint))
    again = [item for item in llm_logs.read(LogFile(log, 0, mark.state)) if isinstance(item, Imported)]

    assert "llm:01k10000000000000000000001" not in {item.key for item in again}
    assert len(again) == 5


def test_a_row_that_was_added_is_the_only_new_one(tmp_path: Path, ledger_path: Path) -> None:
    """The file is read again, the rest is known."""
    log = as_log(FOLDER / "both_schemas.sql", tmp_path)
    import_files(ledger_path, [log], source="llm_logs")
    with closing(sqlite3.connect(log)) as connection, connection:
        values = ("01k20000000000000000000009", "gpt-5", 7, 7, "2026-10-21T15:00:00+00:00")
        connection.execute(
            "INSERT INTO turns (id, model, input_tokens, output_tokens, datetime_utc) VALUES (?, ?, ?, ?, ?)", values
        )
    again = import_files(ledger_path, [log], source="llm_logs")

    assert again.added == 1
    assert totals(ledger_path)[0] == 7


def test_a_database_that_is_locked_is_read_from_a_copy(tmp_path: Path) -> None:
    """llm is writing; nobody waits for anybody."""
    log = as_log(FOLDER / "old_schema.sql", tmp_path)
    with closing(sqlite3.connect(log, isolation_level=None)) as connection:
        connection.execute("BEGIN EXCLUSIVE")

        assert len(told("llm_logs", log)["requests"]) == 1


def test_a_database_of_others_is_a_problem(tmp_path: Path) -> None:
    """Neither table is there."""
    log = tmp_path / "x.db"
    with closing(sqlite3.connect(log)) as connection, connection:
        connection.execute("CREATE TABLE a (b)")

    assert "DatabaseError" in told("llm_logs", log)["problems"][0][1]


def test_an_odd_id_means_reading_everything() -> None:
    """No time stands in it."""
    assert llm_logs._lowered("not a ulid at all") == ""


def test_the_database_is_where_llm_keeps_it(home: Path) -> None:
    """LLM_USER_PATH, else the application folder."""
    assert home / ".config/io.datasette.llm" == llm_logs.find(home, {})[0].root
    assert (Path("/l"),) == tuple(place.root for place in llm_logs.find(home, {"LLM_USER_PATH": "/l"}))


def test_a_database_of_the_newest_schema_alone_is_read(tmp_path: Path) -> None:
    """No responses, no cache, no thoughts."""
    log = tmp_path / "new.db"
    with closing(sqlite3.connect(log)) as connection, connection:
        connection.execute("CREATE TABLE turns (id, model, input_tokens, output_tokens, token_details, datetime_utc)")
        details = '{"cache_read_input_tokens": 5}'
        values = ("a", "claude-sonnet-4-5", 1, 2, details, "2026-10-20")
        connection.execute("INSERT INTO turns VALUES (?, ?, ?, ?, ?, ?)", values)
        cached = '{"cachedContentTokenCount": 1}'
        connection.execute(
            "INSERT INTO turns VALUES (?, ?, ?, ?, ?, ?)", ("b", "gemini-2.5-pro", 3, 4, cached, "2026-10-20")
        )
    found = told("llm_logs", log)["requests"]

    assert [request["counts"]["input_tokens"] for request in found] == [6, 3]
    assert [request["quality"] for request in found] == ["exact", "exact"]
