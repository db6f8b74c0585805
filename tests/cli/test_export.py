"""`export`: every format, files that are whole or not there, and the way back."""

import csv
import gzip
import io
import json
import sqlite3
from pathlib import Path

import pytest
from tests.conftest import RunCli
from tests.support.builders import NOON, a_begun, a_finished
from tests.support.ledger_rows import Fact
from tests.support.small_ledger import sample_facts, write_ledger

from llmledger.core.request import Attribution
from llmledger.ledger import open_ledger


@pytest.fixture
def ledger(ledger_path: Path) -> Path:
    """The sample ledger."""
    write_ledger(ledger_path, sample_facts())
    return ledger_path


def test_csv_json_and_tsv_have_the_requests_as_they_stand(run_cli: RunCli, ledger: Path) -> None:
    """The same columns and rows; unknown is empty or null."""
    as_csv = list(csv.DictReader(io.StringIO(run_cli("export", "--format", "csv").stdout)))
    as_json = json.loads(run_cli("export", "--format", "json").stdout)
    as_tsv = run_cli("export", "--format", "TSV").stdout.splitlines()

    assert len(as_csv) == len(as_json) == len(as_tsv) - 1 == 12
    assert list(as_csv[0]) == list(as_json[0]) == as_tsv[0].split("\t")
    unpriced = [row["cost_usd"] for row in as_csv if row["model"] == "stealth/lark-2"]
    assert (unpriced, as_csv[0]["cost_usd"]) == ([""], "4")


def test_the_usual_filters_select_what_is_exported(run_cli: RunCli, ledger: Path) -> None:
    """Requests count where they stand: bob's were assigned to eve."""
    run_cli("assign", "--user", "bob", "--to-user", "eve", "--yes")

    rows = list(csv.DictReader(io.StringIO(run_cli("export", "--format", "csv", "--user", "eve").stdout)))

    assert [row["user"] for row in rows] == ["eve"] * 4
    assert run_cli("export", "--format", "jsonl", "--user", "nobody").stdout == ""
    assert json.loads(run_cli("export", "--format", "json", "--user", "nobody").stdout) == []


def test_sums_are_exported_by_any_dimension(run_cli: RunCli, ledger: Path) -> None:
    """The rows of the report."""
    rows = list(csv.DictReader(io.StringIO(run_cli("export", "--by", "user", "--format", "csv").stdout)))

    assert {row["user"]: row["cost_usd"] for row in rows} == {"ada": "16", "bob": "0.439", "": "0"}
    lines = run_cli("export", "--by", "user", "--format", "jsonl").stdout.splitlines()
    assert [json.loads(line)["user"] for line in lines] == [row["user"] or None for row in rows]
    assert run_cli("export", "--by", "user", "--format", "focus").exit_code == 2


def test_sums_of_nothing_have_their_header(run_cli: RunCli, ledger: Path) -> None:
    """A program that reads the columns finds them."""
    nothing, all_of_it = (
        run_cli("export", "--by", "user", "--format", "csv", *more).stdout for more in (("--user", "nobody"), ())
    )

    assert nothing.splitlines() == all_of_it.splitlines()[:1] != ["user"]


def test_a_file_gets_its_format_from_its_name_and_is_written_whole(
    run_cli: RunCli, ledger: Path, tmp_path: Path
) -> None:
    """`.gz` compresses, twice to the same bytes; nothing else is left in the folder."""
    first, again = tmp_path / "a.csv.gz", tmp_path / "b.csv.gz"

    results = [run_cli("export", "-o", path) for path in (first, again)]

    assert [result.exit_code for result in results] == [0, 0]
    assert "Wrote 12 rows" in results[0].stderr and results[0].stdout == ""
    assert first.read_bytes() == again.read_bytes()
    assert gzip.decompress(first.read_bytes()).decode() == run_cli("export", "--format", "csv").stdout
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.csv.gz", "b.csv.gz"]


@pytest.mark.parametrize(
    ("args", "code", "says"),
    [
        ((), 2, "no format"),
        (("-o", "usage.xls"), 2, "no known suffix"),
        (("--format", "xml"), 2, "csv, focus, json, jsonl, tsv"),
        (("-o", "/nowhere/at/all.csv"), 3, "cannot be written"),
    ],
)
def test_what_cannot_be_exported_is_one_clear_line(
    run_cli: RunCli, ledger: Path, args: tuple[str, ...], code: int, says: str
) -> None:
    """And nothing half-written stays."""
    result = run_cli("export", *args)

    assert (result.exit_code, says in result.stderr) == (code, True)


@pytest.mark.skipif(not Path("/dev/full").is_char_device(), reason="there is no device that is always full")
def test_a_full_disk_is_one_clear_line_and_a_device_is_never_replaced(run_cli: RunCli, ledger: Path) -> None:
    """/dev/full takes no byte, and is a device before and after."""
    result = run_cli("export", "--format", "csv", "-o", "/dev/full")

    assert (result.exit_code, "No space left" in result.stderr) == (3, True)
    assert Path("/dev/full").is_char_device()


def test_a_link_is_followed_and_kept(run_cli: RunCli, ledger: Path, tmp_path: Path) -> None:
    """The file that it points to is replaced."""
    target, link = tmp_path / "real.csv", tmp_path / "link.csv"
    link.symlink_to(target)

    run_cli("export", "-o", link)

    assert link.is_symlink() and target.read_text().startswith("row,")


def test_formulas_are_harmless_in_every_spreadsheet_format(run_cli: RunCli, ledger_path: Path) -> None:
    """OWASP's list of first characters; JSON keeps the text as it is."""
    write_ledger(ledger_path, [Fact(user="=cmd|' /C calc'!A0", project="a\tb\nc")])

    assert "'=cmd|' /C calc'!A0" in run_cli("export", "--format", "csv").stdout
    assert "\t'=cmd|' /C calc'!A0\t" in run_cli("export", "--format", "tsv").stdout
    assert "\ta b c\t" in run_cli("export", "--format", "tsv").stdout
    assert json.loads(run_cli("export", "--format", "json").stdout)[0]["user"] == "=cmd|' /C calc'!A0"


def _history(path: Path) -> None:
    """Requests with tags, an odd text, a correction, and a stored content."""
    with open_ledger(path, now=lambda: NOON) as book:
        first = a_begun(attribution=Attribution(user="ada", tags={"env": "dev"}, session="s1"))
        book.record(a_finished(first, nanousd=5))
        book.record(a_finished({"model": "x\ud800y"}, nanousd=None, error_message="snowman ☃"))
        book.store_content(first.request_id, NOON, prompt="question", response="answer")


def test_a_complete_export_restores_the_same_ledger(run_cli: RunCli, ledger_path: Path, tmp_path: Path) -> None:
    """Exported again it is the same, byte for byte; restoring twice adds nothing."""
    _history(ledger_path)
    run_cli("assign", "--user", "ada", "--to-project", "web", "--yes")
    archive, other = tmp_path / "all.jsonl.gz", tmp_path / "other.db"
    run_cli("export", "-o", archive, "--content")

    first = run_cli("import", "--source", "llmledger", archive, "--ledger", other)
    again = run_cli("import", "--source", "llmledger", archive, "--ledger", other, "--json")

    assert first.exit_code == 0, first.stderr
    assert "2 of 2 requests and 2 of 2 corrections were new" in first.stdout
    assert json.loads(again.stdout)["files"][0]["added"] == 0
    exports = [run_cli("export", "--format", "jsonl", "--content", "--ledger", path) for path in (ledger_path, other)]
    assert exports[0].stdout == exports[1].stdout != ""
    views = [sqlite3.connect(path).execute("SELECT * FROM requests_v1").fetchall() for path in (ledger_path, other)]
    assert views[0] == views[1]


def test_content_leaves_only_when_asked_for(run_cli: RunCli, ledger_path: Path) -> None:
    """In no format by itself."""
    _history(ledger_path)

    for name in ("csv", "json", "jsonl", "tsv", "focus"):
        assert "question" not in run_cli("export", "--format", name).stdout
    assert "question" in run_cli("export", "--format", "csv", "--content").stdout


@pytest.mark.parametrize(
    "line", [b"{}", b"no json", b'{"record": "page", "value": 1}', b'{"record": "request", "value": 3}']
)
def test_a_file_that_is_no_export_is_refused_by_its_line(
    run_cli: RunCli, ledger_path: Path, tmp_path: Path, line: bytes
) -> None:
    """File and line are named; exit 3."""
    path = tmp_path / "x.jsonl"
    path.write_bytes(line + b"\n")

    result = run_cli("import", "--source", "llmledger", path)

    assert (result.exit_code, "x.jsonl:1" in result.stderr) == (3, True)


def test_an_archive_that_is_cut_off_is_refused(run_cli: RunCli, ledger: Path, tmp_path: Path) -> None:
    """Half a gzip is an error, not half a ledger called whole."""
    archive = tmp_path / "all.jsonl.gz"
    run_cli("export", "-o", archive)
    whole = archive.read_bytes()
    for damaged in (whole[:-20], whole[:40] + bytes(20) + whole[60:]):
        archive.write_bytes(damaged)

        result = run_cli("import", "--source", "llmledger", archive, "--ledger", tmp_path / "other.db")

        assert (result.exit_code, "cannot be read" in result.stderr) == (3, True)
        assert "compare its size and hash with its receipt" in result.stderr


def test_a_file_that_is_not_there_is_one_clear_line(run_cli: RunCli, ledger: Path, tmp_path: Path) -> None:
    """No number of an error, and no talk of hashes."""
    result = run_cli("import", "--source", "llmledger", tmp_path / "nowhere.jsonl")

    assert (result.exit_code, result.stderr) == (
        3,
        f"Error: {tmp_path}/nowhere.jsonl cannot be read: No such file or directory\nCheck the path.\n",
    )


def test_a_ledger_that_cannot_be_read_to_its_end_is_one_clear_line(
    run_cli: RunCli, ledger: Path, tmp_path: Path
) -> None:
    """A column of JSON with a lost brace; no half of a file is left."""
    with sqlite3.connect(ledger) as connection:
        connection.executescript("DROP TRIGGER requests_no_update; UPDATE requests SET components = '{' WHERE id = 3")

    done = run_cli("export", "-o", tmp_path / "all.jsonl")

    assert (done.exit_code, done.stderr.count("\n")) == (6, 2), done.stderr
    assert done.stderr.startswith(f"Error: Ledger {ledger} failed: malformed JSON.")
    assert list(tmp_path.glob("*all*")) == []
