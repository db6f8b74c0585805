"""A new ledger belongs to the zone of the machine it was made on; one that goes away does not break a run."""

from pathlib import Path

from tests.conftest import RunCli
from tests.support.ask import Ask
from tests.support.chat import streamed
from tests.support.upstream import Answer, Received, Upstream, json_answer

from llmledger.ledger import open_reader
from llmledger.ledger.lock import FileLock, lock_path


def test_a_new_ledger_keeps_the_zone_of_its_first_day(ask: Ask, upstream: Upstream, ledger_path: Path) -> None:
    """Fixed at creation, whatever the machine says later."""
    upstream.answers(streamed("ok"))
    ask("hi", env={"TZ": "Asia/Kolkata"})
    ask("hi", env={"TZ": "Europe/Berlin"})

    with open_reader(ledger_path) as reader:
        assert reader.home_zone == "Asia/Kolkata"


def test_a_zone_that_was_set_wins_and_must_exist(
    ask: Ask, upstream: Upstream, ledger_path: Path, run_cli: RunCli
) -> None:
    """LLMLEDGER_TZ; a wrong one is refused before anything is sent."""
    upstream.answers(streamed("ok"))

    wrong = ask("hi", env={"LLMLEDGER_TZ": "Europe/Berln"})
    ask("hi", env={"LLMLEDGER_TZ": "Europe/Berlin", "TZ": "UTC"})

    assert (wrong.exit_code, "Europe/Berlin" in wrong.stderr) == (2, True)
    with open_reader(ledger_path) as reader:
        assert reader.home_zone == "Europe/Berlin"


def test_a_ledger_that_is_locked_while_the_answer_comes_does_not_break_the_run(
    ask: Ask, upstream: Upstream, ledger_path: Path
) -> None:
    """The answer is printed, the user is warned once, and the row arrives when the ledger is read next."""
    locks: list[FileLock] = []

    def lock_and_answer(_: Received) -> Answer:
        locks.append(FileLock(lock_path(ledger_path)))
        assert locks[0].acquire(patience_s=60)
        return json_answer({
            "id": "x", "model": "gpt-5-mini", "choices": [{"message": {"content": "hi"}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 3, "completion_tokens": 1},
        })  # fmt: skip

    upstream.replies(lock_and_answer)
    result = ask("hello", "--no-stream")
    locks[0].close()
    assert (result.exit_code, result.stdout.strip()) == (0, "hi")
    assert result.stderr.count("is locked by another llmledger. Records wait in") == 1
    with open_reader(ledger_path) as reader:
        assert reader.connection.execute("SELECT status, input_tokens FROM requests_v1").fetchall() == [
            ("completed", 3)
        ]
