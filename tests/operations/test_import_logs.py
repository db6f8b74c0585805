"""Importing logs: each request once, whatever happened to the files in between."""

import gzip
import os
from datetime import timedelta
from pathlib import Path

import pytest
from tests.support.builders import NOON, a_finished, a_usage
from tests.support.claude_logs import import_files, line, rows, totals

from llmledger.core.words import Billing
from llmledger.importers._contract import Checkpoint
from llmledger.ledger import open_ledger
from llmledger.operations._import_files import is_unchanged, look_at, reached, resumed


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A session's log with two answers, one of them in two snapshots."""
    path = tmp_path / "projects" / "-home-u-ledger" / "s1.jsonl"
    path.parent.mkdir(parents=True)
    path.write_text(line(1, output=1) + line(1, output=100) + line(2, output=200, minute=1))
    return path


def append(path: Path, text: str) -> None:
    """Add to a log, as its tool does."""
    with path.open("a") as stream:
        stream.write(text)


def test_a_log_becomes_rows_priced_at_their_time(log: Path, ledger_path: Path) -> None:
    """Sonnet 4.5: 20 x $3/M + 300 x $15/M = $0.00006 + $0.0045 = 4,560,000 nano-USD."""
    result = import_files(ledger_path, [log])

    assert (result.added, result.known, result.problems) == (2, 0, 0)
    assert totals(ledger_path) == (2, 20, 300, 4_560_000)


def test_a_row_says_what_it_is(log: Path, ledger_path: Path) -> None:
    """Source, billing, quality, host, project, session and the provider's id."""
    import_files(ledger_path, [log], billing=Billing.SUBSCRIPTION)

    query = "SELECT source, billing, usage_quality, host, project, session, app, provider_request_id FROM requests_v1"
    expected = ("import:claude_code", "subscription", "exact", "here", "ledger", "s1", "claude-code")
    assert (*expected, f"msg_01{1:016d}") == rows(ledger_path, query)[0]


def test_a_second_import_adds_nothing_and_opens_nothing(log: Path, ledger_path: Path) -> None:
    """Size, age and identity say that nothing is new."""
    import_files(ledger_path, [log])
    again = import_files(ledger_path, [log])

    assert (again.files, again.added, again.known) == (0, 0, 0)


def test_appended_lines_add_only_themselves(log: Path, ledger_path: Path) -> None:
    """Reading goes on where it stopped."""
    import_files(ledger_path, [log])
    append(log, line(3, output=50, minute=2))
    again = import_files(ledger_path, [log])

    assert (again.added, again.known) == (1, 0)
    assert totals(ledger_path)[2] == 350


def test_a_later_snapshot_becomes_an_adjustment(log: Path, ledger_path: Path) -> None:
    """Message 2 was at 200 when it was first read and ends at 900; rows never change."""
    import_files(ledger_path, [log])
    append(log, line(2, output=900, minute=1))
    again = import_files(ledger_path, [log])

    assert (again.added, again.snapshots) == (0, 1)
    assert totals(ledger_path)[:3] == (2, 20, 1000)
    assert sorted(rows(ledger_path, "SELECT kind FROM adjustments")) == [("reversal",), ("snapshot",)]


def test_an_earlier_snapshot_that_comes_late_changes_nothing(log: Path, ledger_path: Path, tmp_path: Path) -> None:
    """The fuller one stands already."""
    import_files(ledger_path, [log])
    other = tmp_path / "other.jsonl"
    other.write_text(line(2, output=3, minute=1))

    assert ((again := import_files(ledger_path, [other])).added, again.known, again.snapshots) == (0, 1, 0)


def test_a_message_in_several_session_files_counts_once(log: Path, ledger_path: Path, tmp_path: Path) -> None:
    """ccusage#1762, tokscale#76: resumed and forked sessions repeat their past."""
    fork = tmp_path / "fork.jsonl"
    fork.write_text(log.read_text().replace('"s1"', '"s2"') + line(3, session="s2", minute=2))
    import_files(ledger_path, [log])
    again = import_files(ledger_path, [log, fork])

    assert (again.added, again.known) == (1, 2)
    assert totals(ledger_path)[0] == 3


def test_a_log_that_grows_while_it_is_read_is_read_on_from_a_whole_line(tmp_path: Path) -> None:
    """What was read reaches further than the size that was looked at, which may be amid a line."""
    log = tmp_path / "s1.jsonl"
    log.write_text(line(1) + line(2)[:50])
    look = look_at(log)
    append(log, line(2)[50:])
    end = len(line(1) + line(2))
    position = reached(look, resumed(look, None, None), Checkpoint(end))

    assert position.offset == end
    assert resumed(look_at(log), position, None).offset == end
    assert not is_unchanged(look_at(log), position, None)


def test_a_half_written_line_waits_for_its_end(log: Path, ledger_path: Path) -> None:
    """It is no problem: its tool is writing it."""
    whole = line(3, output=50, minute=2)
    append(log, whole[:60])
    first = import_files(ledger_path, [log])
    append(log, whole[60:])
    again = import_files(ledger_path, [log])

    assert (first.problems, again.added) == (0, 1)


def test_a_last_line_without_its_newline_counts_once(log: Path, ledger_path: Path) -> None:
    """It is taken, and known when its newline has come."""
    append(log, line(3, output=50, minute=2).rstrip())
    first = import_files(ledger_path, [log])
    append(log, "\n" + line(4, minute=3))
    again = import_files(ledger_path, [log])

    assert (first.added, again.added) == (3, 1)
    assert totals(ledger_path)[0] == 4


def test_a_truncated_log_is_read_from_its_start(log: Path, ledger_path: Path) -> None:
    """What it says now is new; what it said before stays recorded."""
    import_files(ledger_path, [log])
    log.write_text(line(9, minute=9))
    again = import_files(ledger_path, [log])

    assert again.added == 1
    assert totals(ledger_path)[0] == 3


def test_a_rewritten_log_of_the_same_length_is_read_anew(log: Path, ledger_path: Path) -> None:
    """The digest of what stands before the offset tells."""
    import_files(ledger_path, [log])
    log.write_text(line(5, output=1) + line(5, output=100) + line(6, output=200, minute=1))
    os.utime(log, ns=(1, 1))

    assert import_files(ledger_path, [log]).added == 2


def test_a_moved_log_is_not_read_again(log: Path, ledger_path: Path) -> None:
    """Archived sessions keep their inode."""
    import_files(ledger_path, [log])
    archived = log.rename(log.with_name("archived.jsonl"))
    again = import_files(ledger_path, [archived])

    assert (again.files, again.added) == (0, 0)
    append(archived, line(3, minute=2))
    assert import_files(ledger_path, [archived]).added == 1


def test_a_copied_log_is_read_and_known(log: Path, ledger_path: Path) -> None:
    """Another file, the same messages."""
    import_files(ledger_path, [log])
    copy = log.with_name("copy.jsonl")
    copy.write_bytes(log.read_bytes())
    again = import_files(ledger_path, [log, copy])

    assert (again.files, again.added, again.known) == (1, 0, 2)


def test_compressed_logs_are_read(log: Path, ledger_path: Path, tmp_path: Path) -> None:
    """gzip always, Zstandard where a module for it is installed."""
    packed = tmp_path / "s1.jsonl.gz"
    packed.write_bytes(gzip.compress(log.read_bytes()))

    assert import_files(ledger_path, [packed]).added == 2
    assert import_files(ledger_path, [packed]).files == 0


def test_zstandard_logs_are_read(log: Path, ledger_path: Path, tmp_path: Path) -> None:
    """Codex packs old rollouts so."""
    zstandard = pytest.importorskip("zstandard")
    packed = tmp_path / "s1.jsonl.zst"
    packed.write_bytes(zstandard.compress(log.read_bytes()))

    assert import_files(ledger_path, [packed]).added == 2


@pytest.mark.parametrize("name", ["s1.jsonl.gz", "s1.jsonl.zst"])
def test_a_damaged_archive_is_a_problem_and_stops_nothing(
    name: str, log: Path, ledger_path: Path, tmp_path: Path
) -> None:
    """The file beside it is read."""
    packed = tmp_path / name
    packed.write_bytes(b"\x1f\x8b damaged")
    result = import_files(ledger_path, [packed, log])

    assert (result.added, result.problems) == (2, 1)


def test_malformed_lines_are_counted_and_kept_in_quarantine(log: Path, ledger_path: Path) -> None:
    """Where and why, never the text; nothing aborts."""
    append(log, '{"type":"assistant","message":{"usage":{"secret"\nnonsense\n' + line(3, minute=2))
    result = import_files(ledger_path, [log])

    assert (result.added, result.problems) == (3, 2)
    found = rows(ledger_path, "SELECT reason FROM import_problems ORDER BY line")
    assert found == [("not JSON",), ("not a JSON object",)]


def test_a_problem_that_was_mended_leaves_quarantine(log: Path, ledger_path: Path) -> None:
    """A log that is read anew tells its problems anew."""
    append(log, "nonsense\n")
    import_files(ledger_path, [log])
    log.write_text(line(1, output=100))
    import_files(ledger_path, [log])

    assert rows(ledger_path, "SELECT 1 FROM import_problems") == []


def test_a_log_that_vanished_is_a_problem_and_stops_nothing(log: Path, ledger_path: Path) -> None:
    """It was deleted between finding and reading."""
    result = import_files(ledger_path, [log.with_name("gone.jsonl"), log])

    assert (result.added, result.problems) == (2, 1)


def test_since_leaves_out_what_began_before_and_a_later_import_fetches_it(log: Path, ledger_path: Path) -> None:
    """What was left out is not taken for read."""
    first = import_files(ledger_path, [log], since=NOON - timedelta(days=20) + timedelta(seconds=30))
    same = import_files(ledger_path, [log], since=NOON - timedelta(days=20) + timedelta(seconds=30))
    whole = import_files(ledger_path, [log])

    assert (first.added, same.files, whole.added) == (1, 0, 1)
    assert totals(ledger_path)[0] == 2


def test_a_request_that_the_proxy_saw_is_linked_and_not_counted_twice(log: Path, ledger_path: Path) -> None:
    """The provider's id stands in both."""
    with open_ledger(ledger_path, now=lambda: NOON) as ledger:
        begun = {"provider": "anthropic", "model": "claude-sonnet-4-5", "source": "proxy"}
        at = NOON - timedelta(days=20)
        ledger.record(
            a_finished({**begun, "started_at": at}, usage=a_usage(10, 100), provider_request_id=f"msg_01{1:016d}")
        )
    result = import_files(ledger_path, [log])

    assert (result.added, result.linked) == (1, 1)
    assert totals(ledger_path)[:3] == (2, 20, 300)


def test_a_request_that_the_proxy_records_later_takes_the_place_of_the_log(log: Path, ledger_path: Path) -> None:
    """The better witness counts, whatever came first."""
    import_files(ledger_path, [log])
    with open_ledger(ledger_path, now=lambda: NOON) as ledger:
        begun = {"provider": "anthropic", "model": "claude-sonnet-4-5", "source": "proxy"}
        at = NOON - timedelta(days=20)
        ledger.record(
            a_finished({**begun, "started_at": at}, usage=a_usage(10, 100), provider_request_id=f"msg_01{1:016d}")
        )

    assert totals(ledger_path)[:3] == (2, 20, 300)


def test_an_unpriced_model_is_unpriced_and_not_free(ledger_path: Path, tmp_path: Path) -> None:
    """ccusage prints $0.00 for it."""
    log = tmp_path / "log.jsonl"
    log.write_text(line(1).replace("claude-sonnet-4-5", "stealth-model-9"))
    import_files(ledger_path, [log])

    assert rows(ledger_path, "SELECT provider, cost_usd FROM requests_v1") == [("unknown", None)]


def test_the_same_log_gives_the_same_ids_in_every_ledger(log: Path, ledger_path: Path, tmp_path: Path) -> None:
    """Several ledgers can be read as one."""
    other = tmp_path / "other.db"
    import_files(ledger_path, [log])
    import_files(other, [log])

    query = "SELECT hex(request_id) FROM requests ORDER BY 1"
    assert rows(ledger_path, query) == rows(other, query)


def test_many_records_are_written_in_several_transactions(ledger_path: Path, tmp_path: Path) -> None:
    """More than two batches, in one log and over several."""
    logs = []
    for number in range(3):
        log = tmp_path / f"{number}.jsonl"
        log.write_text("".join(line(number * 10_000 + i, minute=i % 60) for i in range(3_000)))
        logs.append(log)

    assert import_files(ledger_path, logs).added == 9_000
    assert totals(ledger_path)[0] == 9_000
    assert import_files(ledger_path, logs).files == 0


def test_more_sessions_than_are_remembered_at_once_keep_their_own(tmp_path: Path, ledger_path: Path) -> None:
    """What rows have in common is forgotten now and then; each row still points to its own."""
    log = tmp_path / "s1.jsonl"
    log.write_text("".join(line(number, session=f"s{number}") for number in range(11_000)))
    result = import_files(ledger_path, [log])

    wrong = "SELECT count(*) FROM requests_v1 WHERE 's' || CAST(substr(provider_request_id, 7) AS INTEGER) <> session"
    assert (result.added, rows(ledger_path, wrong)) == (11_000, [(0,)])
