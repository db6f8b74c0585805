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
from tests.conftest import RunCli
from tests.support.proxy_program import program
from tests.support.upstream import Upstream, json_answer

from llmledger.cli._context import Surroundings, inside
from llmledger.cli._with_means import Means, means_for
from llmledger.cli.with_ import Tally, closing_line
from llmledger.clients._contract import Proxy

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
        assert process.wait(60) == 9
    finally:
        process.kill()
        process.communicate()


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_ctrl_c_reaches_the_program_and_not_us(home: Path, upstream: Upstream) -> None:
    """The terminal sends it to both; the program decides what it means, and its sum is told."""
    script = "import time; print('ready', flush=True); time.sleep(60)"
    command = [sys.executable, "-m", "llmledger", "with", sys.executable, "-c", script]
    process = subprocess.Popen(
        command,
        env={**os.environ, "HOME": str(home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=home,
        start_new_session=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        os.killpg(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=60)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == 128 + signal.SIGINT
    assert "KeyboardInterrupt" in said
    assert said.splitlines()[-1].startswith(f"{sys.executable}: 0 requests, $0, ")


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_a_program_that_a_signal_ended_says_so_in_its_code(home: Path, upstream: Upstream) -> None:
    """128 and the number, as shells have it."""
    script = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"

    assert run_with(home, upstream, sys.executable, "-c", script).returncode == 128 + signal.SIGKILL


@pytest.mark.skipif(os.name != "posix", reason="limits of a process")
def test_a_proxy_that_dies_at_its_start_leaves_the_program_unmetered(home: Path, upstream: Upstream) -> None:
    """Files run out between the port and the server: the program runs all the same, without our variables."""
    import resource

    folder = home / ".config" / "llmledger"
    folder.mkdir(parents=True)
    command = [sys.executable, "-m", "llmledger", "with", "/bin/sh", "-c", "echo ${OPENAI_BASE_URL-none}"]
    said = []
    # How many files are open by then depends on the interpreter; somewhere below the first that suffices it dies there.
    for limit in (18, 17, 16, 19, 15, 20):
        done = subprocess.run(
            command,
            env={**os.environ, "HOME": str(home)},
            preexec_fn=lambda most=limit: resource.setrlimit(resource.RLIMIT_NOFILE, (most, most)),
            capture_output=True,
            text=True,
            timeout=60,
            cwd=home,
            check=False,
        )
        said.append((limit, done.returncode, done.stderr))
        if "the proxy could not be started" in done.stderr:
            break

    assert "the proxy could not be started. The program runs without being metered." in said[-1][2], said
    assert (done.returncode, done.stdout) == (0, "none\n")
    assert "Traceback" not in done.stderr


def test_a_proxy_that_runs_already_is_left_alone(home: Path, upstream: Upstream, ledger_path: Path) -> None:
    """One call has a proxy of its own, on a port of its own, on the same ledger: its rows are the project's."""
    upstream.answers(json_answer(json.loads((FIXTURES / "openai_chat/plain.json").read_bytes()) | {"model": "gpt-4o"}))
    with program(home, upstream) as other:
        done = run_with(
            home,
            upstream,
            "--project",
            "acme",
            sys.executable,
            "-c",
            ASKS,
            "1",
            "0",
            OPENAI_BASE_URL=other.url + "/openai/v1",
        )
        assert other.end(signal.SIGTERM) == 0

    assert done.returncode == 0
    assert "acme: 1 request, $0.0085," in done.stderr
    assert "stays as it is" not in done.stderr
    assert [row["project"] for row in rows(ledger_path)] == ["acme"]


def means(home: Path, *command: str, **environ: str) -> Means:
    """How a program is sent to a proxy at http://p."""
    world = Surroundings(environ={"HOME": str(home), **environ}, folder=home)
    with inside(world):
        return means_for(world, command, Proxy("http://p"))


def test_what_the_user_has_set_is_left_alone(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A base URL of their own may be another gateway; Ollama's address is where our own requests go."""
    told = means(home, "x", OPENAI_BASE_URL="https://gateway.example/v1", OLLAMA_HOST="http://o").variables

    assert "OPENAI_BASE_URL is set already" in capsys.readouterr().err
    assert "OPENAI_BASE_URL" not in told
    assert told["ANTHROPIC_BASE_URL"] == "http://p/anthropic"
    assert (told["OLLAMA_HOST"], told["ENABLE_TOOL_SEARCH"]) == ("http://p/ollama", "true")
    assert "ENABLE_TOOL_SEARCH" not in means(home, "x", ANTHROPIC_BASE_URL="https://gateway.example").variables


def test_an_address_of_another_proxy_of_ours_is_replaced(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A `with` inside a `with`, or a shell whose variables lead to the proxy that always runs."""
    told = means(home, "x", OPENAI_BASE_URL="http://127.0.0.1:4747/p/acme/openai/v1").variables

    assert told["OPENAI_BASE_URL"] == "http://p/openai/v1"
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("program", "variables", "arguments"),
    [
        ("/usr/bin/codex", {}, ["-c", 'openai_base_url="http://p/openai/v1"']),
        ("claude", {"ANTHROPIC_BASE_URL": "http://p/anthropic", "ENABLE_TOOL_SEARCH": "true"}, []),
        ("aider", {"OPENAI_API_BASE": "http://p/openai/v1", "ANTHROPIC_API_BASE": "http://p/anthropic"}, []),
        ("goose", {"OPENAI_HOST": "http://p/openai"}, []),
        ("cursor-agent", {"OPENAI_BASE_URL": "http://p/openai/v1"}, []),
        ("python", {"OPENAI_BASE_URL": "http://p/openai/v1"}, []),
    ],
)
def test_each_tool_is_told_as_it_understands(
    home: Path, program: str, variables: dict[str, str], arguments: list[str]
) -> None:
    """By the variables that it reads; by words of its command line when it reads none."""
    told = means(home, program, "exec", "hi")

    assert list(told.command) == [program, *arguments, "exec", "hi"]
    assert variables.items() <= told.variables.items()


def test_what_a_tool_has_in_its_settings_does_not_win(home: Path, run_cli: RunCli) -> None:
    """Claude Code's settings go before variables: a connected one is sent here for this one run all the same."""
    for tool in ("claude-code", "aider"):
        assert run_cli("connect", tool, "--yes").exit_code == 0

    flag, settings, *rest = list(means(home, "claude", "-p", "hi").command)[1:]
    assert (flag, rest) == ("--settings", ["-p", "hi"])
    assert json.loads(settings) == {"env": {"ANTHROPIC_BASE_URL": "http://p/anthropic"}}
    assert list(means(home, "claude", "--settings", "mine.json").command) == ["claude", "--settings", "mine.json"]
    assert list(means(home, "aider").command)[1:5] == [
        "--openai-api-base",
        "http://p/openai/v1",
        "--set-env",
        "ANTHROPIC_API_BASE=http://p/anthropic",
    ]


def test_a_tool_that_goes_to_a_gateway_stays_there(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its key is the gateway's; the user is told that it is not metered."""
    (home / ".claude").mkdir()
    (home / ".claude" / "settings.json").write_text('{"env": {"ANTHROPIC_BASE_URL": "https://gateway.example"}}')
    (home / ".codex").mkdir()
    (home / ".codex" / "config.toml").write_text('model_provider = "mine"\n')

    assert list(means(home, "claude").command) == ["claude"]
    assert "elsewhere: what goes there is not metered" in capsys.readouterr().err
    assert list(means(home, "codex").command) == ["codex"]
    assert "'mine' of its own settings, not OpenAI: it runs without being metered" in capsys.readouterr().err
    assert means(home, "gemini").variables == {}  # it would stop at the variable alone
    assert list(means(home, "codex", OPENAI_BASE_URL="https://gateway.example").command) == ["codex"]


def test_a_variable_of_the_tool_itself_stays(home: Path) -> None:
    """As every other that the user has set."""
    assert "OPENAI_HOST" not in means(home, "goose", OPENAI_HOST="https://gateway.example").variables


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
