"""OpenCode: the steps of a message, once however often forks copied it."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.support.import_cases import FIXTURES, as_log, told

from llmledger.importers import opencode
from llmledger.importers._contract import Checkpoint, Imported, LogFile

FOLDER = FIXTURES / "opencode"
MESSAGE = json.loads((FOLDER / "message.json").read_text())


def requests(tmp_path: Path, case: str) -> list[dict[str, Any]]:
    """The requests of a recorded database."""
    found: list[dict[str, Any]] = told("opencode", as_log(FOLDER / case, tmp_path))["requests"]
    return found


def test_every_step_is_a_request_and_a_fork_repeats_none(tmp_path: Path) -> None:
    """opencode#48089, tokscale#446: copies have new ids and the same times and tokens."""
    found = requests(tmp_path, "database.sql")

    assert [request["counts"]["input_tokens"] for request in found] == [1300, 1400, 200]


def test_reasoning_is_added_only_where_the_total_says_so(tmp_path: Path) -> None:
    """200 + 80 + 50 = 330 in one, no total in the other."""
    assert requests(tmp_path, "database.sql")[2]["counts"]["output_tokens"] == 130
    assert told("opencode", FOLDER / "message.json")["requests"][0]["counts"]["output_tokens"] == 80


def test_what_a_fork_says_it_inherited_is_left_out(tmp_path: Path) -> None:
    """ccusage#1780: rows at or before the boundary."""
    assert [request["counts"]["input_tokens"] for request in requests(tmp_path, "database_v2.sql")] == [10, 20]


def test_an_unfinished_message_waits(tmp_path: Path) -> None:
    """Its tokens would change, and with them its key."""
    assert not [one for one in requests(tmp_path, "database.sql") if one["provider"] == "github-copilot"]


def test_a_later_run_reads_from_a_day_before_the_last_message(tmp_path: Path) -> None:
    """What is older stands in the ledger."""
    log = as_log(FOLDER / "database.sql", tmp_path)
    (mark,) = (item for item in opencode.read(LogFile(log)) if isinstance(item, Checkpoint))

    assert mark.state == {"last_ms": 1792490300000}
    later = {"last_ms": 1792490300000 + 10 * 86_400_000}
    assert not [item for item in opencode.read(LogFile(log, 0, later)) if isinstance(item, Imported)]


def test_a_message_file_is_read_with_its_parts(tmp_path: Path) -> None:
    """storage/message/<session>/<id>.json and storage/part/<id>/*.json; a broken part is a problem."""
    log = tmp_path / "storage" / "message" / "ses_9" / "msg_z.json"
    parts = tmp_path / "storage" / "part" / "msg_z"
    log.parent.mkdir(parents=True)
    parts.mkdir(parents=True)
    log.write_text(json.dumps(MESSAGE))
    (parts / "1.json").write_text('{"type":"step-finish","tokens":{"input":7,"output":1}}')
    (parts / "2.json").write_text("{broken")
    found = told("opencode", log)

    assert [request["counts"]["input_tokens"] for request in found["requests"]] == [7]
    assert len(found["problems"]) == 1


def test_a_message_that_is_no_json_is_a_problem(tmp_path: Path) -> None:
    """In the database too, and it stops nothing."""
    whole = '{"role":"assistant","time":{"created":1792490000000,"completed":1792490000001},"tokens":{"input":3}}'
    empty = '{"role":"assistant","time":{"created":1792490000000,"completed":1792490000001},"tokens":{}}'
    sql = tmp_path / "broken.sql"
    sql.write_text(
        "CREATE TABLE message (id, session_id, data);"
        "INSERT INTO message VALUES ('m0', 's', '{broken');"
        f"INSERT INTO message VALUES ('m1', 's', '{whole}'), ('m2', 's', '{empty}');"
    )
    found = told("opencode", as_log(sql, tmp_path))

    assert found["problems"] == [[0, "message m0: not JSON"]]
    assert [request["key"] for request in found["requests"]] == ["opencode:1792490000000:unknown::0:3:0:0:0:0"]


def test_a_message_file_that_is_no_json_is_a_problem(tmp_path: Path) -> None:
    """It is being written, or was cut off."""
    log = tmp_path / "msg.json"
    log.write_text("{broken")

    assert told("opencode", log)["problems"] == [[0, "not JSON"]]


@pytest.mark.parametrize("environ", [{}, {"OPENCODE_DATA_DIR": "/o"}, {"XDG_DATA_HOME": "/x"}])
def test_the_data_folder_is_the_named_or_the_default_one(environ: dict[str, str], home: Path) -> None:
    """Database and older storage."""
    expected = {"OPENCODE_DATA_DIR": Path("/o"), "XDG_DATA_HOME": Path("/x/opencode")}
    root = expected.get(next(iter(environ), ""), home / ".local/share/opencode")

    assert [root, root / "storage" / "message"] == [place.root for place in opencode.find(home, environ)]
