"""Any program, metered: it is told where to go, its end is passed on, and one line says what it cost."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.support.upstream import Upstream, json_answer

from llmledger.cli.with_ import Tally, closing_line, variables

FIXTURES = Path(__file__).parents[1] / "fixtures" / "dialects"
ASKS = """
import json, os, sys, urllib.request
for _ in range(int(sys.argv[1])):
    url = os.environ["OPENAI_BASE_URL"] + "/chat/completions"
    body = json.dumps({"model": "gpt-4o", "messages": []}).encode()
    request = urllib.request.Request(url, body, {"content-type": "application/json"})
    print(json.loads(urllib.request.urlopen(request).read())["choices"][0]["message"]["content"])
sys.exit(int(sys.argv[2]))
"""


def run_with(home: Path, upstream: Upstream, *args: str, **env: str) -> "subprocess.CompletedProcess[str]":
    """`llmledger with ARGS` as a process, with OpenAI at the scripted provider."""
    folder = home / ".config" / "llmledger"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.toml").write_text(f'[providers.openai]\nbase_url = "{upstream.url}"\n')
    command = [sys.executable, "-m", "llmledger", "with", *args]
    environ = {**os.environ, "HOME": str(home), **env}
    return subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60, cwd=home, check=False)


def rows(path: Path) -> list[dict[str, Any]]:
    """What was written."""
    with closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute("SELECT * FROM requests_v1")]


def test_a_program_is_metered_and_its_end_passed_on(home: Path, upstream: Upstream, ledger_path: Path) -> None:
    """Its output and exit code are its own; rows carry the project; one line sums up on stderr."""
    upstream.answers(json_answer(json.loads((FIXTURES / "openai_chat/plain.json").read_bytes()) | {"model": "gpt-4o"}))

    done = run_with(home, upstream, "--project", "acme", sys.executable, "-c", ASKS, "3", "7")

    assert (done.returncode, done.stdout) == (7, "Four cents.\n" * 3)
    found = rows(ledger_path)
    assert [(row["project"], row["model"], row["status"]) for row in found] == [("acme", "gpt-4o", "completed")] * 3
    # 500 + 300 written at $2.50, 1200 read at $1.25 and 500 out at $10 per 1M: $0.0085 each, three times.
    assert "acme: 3 requests, $0.0255," in done.stderr


def test_a_program_that_asks_nobody_costs_nothing(home: Path, upstream: Upstream, ledger_path: Path) -> None:
    """Options after the program's name are the program's."""
    done = run_with(home, upstream, sys.executable, "-c", "import sys; print(sys.argv[1:])", "--project", "-x")

    assert done.stdout == "['--project', '-x']\n"
    assert ": 0 requests, $0, " in done.stderr


def test_a_program_that_is_not_there_is_told(home: Path, upstream: Upstream) -> None:
    """Exit 2 with a hint."""
    done = run_with(home, upstream, "no-such-program-at-all")

    assert done.returncode == 2
    assert "no-such-program-at-all" in done.stderr


def test_without_a_ledger_the_program_runs_unmetered(home: Path, upstream: Upstream, ledger_path: Path) -> None:
    """It is told, and nothing is put into its environment."""
    ledger_path.parent.mkdir(parents=True)
    ledger_path.write_bytes(b"this is no ledger" * 100)
    done = run_with(home, upstream, sys.executable, "-c", "import os; print('OPENAI_BASE_URL' in os.environ)")

    assert (done.returncode, done.stdout) == (0, "False\n")
    assert "without being metered" in done.stderr


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_signals_reach_the_program(home: Path, upstream: Upstream) -> None:
    """SIGTERM is the program's to answer; its answer is the exit code."""
    handler = "signal.signal(signal.SIGTERM, lambda *_: sys.exit(9))"
    script = f"import signal, sys, time; {handler}; print('ready', flush=True); time.sleep(60)"
    command = [sys.executable, "-m", "llmledger", "with", sys.executable, "-c", script]
    environ = {**os.environ, "HOME": str(home)}
    process = subprocess.Popen(
        command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=home
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 9
    finally:
        process.kill()
        process.communicate()


def test_what_the_user_has_set_is_left_alone(capsys: pytest.CaptureFixture[str]) -> None:
    """A base URL of their own may be another gateway; Ollama's address is where our own requests go."""
    told = variables("http://p", {"OPENAI_BASE_URL": "https://gateway.example/v1", "OLLAMA_HOST": "http://o"})

    assert "OPENAI_BASE_URL" not in told
    assert told["ANTHROPIC_BASE_URL"] == "http://p/anthropic"
    assert (told["OLLAMA_HOST"], told["ENABLE_TOOL_SEARCH"]) == ("http://p/ollama", "true")
    assert "ENABLE_TOOL_SEARCH" not in variables("http://p", {"ANTHROPIC_BASE_URL": "https://gateway.example"})


@pytest.mark.parametrize(
    ("tally", "seconds", "line"),
    [
        (Tally(41, 0, 0, 2_180_000_000), 725.0, "acme: 41 requests, $2.18, 12 min"),
        (Tally(1, 1, 0, 0), 3.2, "acme: 1 request, —, 3 s"),
        (Tally(3, 1, 1, 500_000_000), 59.0, "acme: 3 requests, ~$0.5+ (1 unpriced), 59 s"),
        (Tally(), 0.0, "acme: 0 requests, $0, 0 s"),
    ],
)
def test_one_line_says_what_it_came_to(tally: Tally, seconds: float, line: str) -> None:
    """Unpriced requests are told apart from free ones, estimates from what is exact."""
    assert closing_line(tally, "acme", seconds) == line
