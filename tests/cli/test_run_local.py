"""`run` with a real model: the first thing a new user does, and the same prompt through three wire formats."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import RunCli
from tests.support.ledger_view import begun, rows, the_row
from tests.support.processes import wait_until_gone

PROMPT = "Say hello in one short sentence."
HEARS_CTRL_C = (
    "import signal\n"
    "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    "from llmledger.__main__ import main\n"
    "main()\n"
)
"""The program as a terminal starts it: a test run in the background hands down that SIGINT is ignored."""
DEADLINE_S = 180.0


@pytest.fixture
def models(home: Path, smollm2_file: Path) -> Path:
    """A home that already has the model."""
    folder = home / ".local" / "share" / "llmledger" / "models"
    folder.mkdir(parents=True)
    os.link(smollm2_file, folder / "smollm2.gguf") if same_disk(smollm2_file, folder) else shutil.copy(
        smollm2_file, folder / "smollm2.gguf"
    )
    return folder


def same_disk(one: Path, other: Path) -> bool:
    """Whether a hard link can lead from one to the other."""
    return one.stat().st_dev == other.stat().st_dev


def test_the_embedded_model_answers_and_costs_nothing(run_cli: RunCli, models: Path, ledger_path: Path) -> None:
    """Tokens above zero, cost `$0` because it is free and not because it is unknown, and a report about it."""
    result = run_cli("run", "-m", "local/smollm2", "--max-tokens", "20", "-o", "temperature=0", PROMPT)

    assert result.exit_code == 0, result.stderr
    assert result.stdout.strip()
    assert " in · " in result.stderr and " · $0 · " in result.stderr
    assert len(result.stderr.splitlines()) == 1, "llama.cpp must be silent"
    row = the_row(ledger_path)
    assert row["input_tokens"] > 0 and row["output_tokens"] > 0
    assert (row["cost_usd"], row["cost_source"], row["billing"], row["provider"]) == ("0", "computed", "local", "local")
    (line,) = json.loads(run_cli("report", "--json").stdout)["rows"]
    assert (line["requests"], line["cost_usd"], line["unpriced"]) == (1, "0", 0)


def test_without_a_model_the_embedded_one_is_chosen_and_named(run_cli: RunCli, models: Path) -> None:
    """The last of the default order; stderr tells which it was."""
    result = run_cli("run", "--max-tokens", "3", PROMPT, env={"OLLAMA_HOST": "127.0.0.1:9"})

    assert result.exit_code == 0, result.stderr
    assert result.stderr.startswith("Model: local/smollm2 (the embedded model)\n")


def test_a_model_file_is_run_where_it_lies(run_cli: RunCli, smollm2_file: Path, ledger_path: Path) -> None:
    """The row has its name and not its folder."""
    result = run_cli("run", "-m", smollm2_file, "--max-tokens", "3", PROMPT)

    assert result.exit_code == 0, result.stderr
    assert the_row(ledger_path)["model"] == "smollm2"


def test_a_damaged_model_is_one_line_and_no_row(run_cli: RunCli, tmp_path: Path, ledger_path: Path) -> None:
    """It never got as far as a request."""
    damaged = tmp_path / "damaged.gguf"
    damaged.write_bytes(b"GGUFgarbage")

    result = run_cli("run", "-m", damaged, "hi")

    assert result.exit_code == 3
    assert "damaged.gguf cannot be loaded" in result.stderr
    assert not ledger_path.exists() or rows(ledger_path) == []


def test_three_wire_formats_streamed_and_not_make_six_equal_rows(
    run_cli: RunCli, llamacpp: str, ledger_path: Path
) -> None:
    """The same prompt on a real server: usage agrees everywhere, and what was repeated was cached."""
    prompt = "Write a long story about the sea. It is asked for through three wire formats."
    for dialect in ("openai_chat", "openai_responses", "anthropic_messages"):
        for stream in ((), ("--no-stream",)):
            result = run_cli(
                *("run", "-m", "llamacpp/smollm2", "--base-url", llamacpp, "--dialect", dialect),
                *("-o", "temperature=0", "--max-tokens", "8", *stream, prompt),
            )
            assert result.exit_code == 0, result.stderr

    found = rows(ledger_path)
    assert [(row["dialect"], row["endpoint"], row["status"], row["usage_quality"]) for row in found] == [
        ("openai_chat", "/v1/chat/completions", "completed", "exact"),
        ("openai_chat", "/v1/chat/completions", "completed", "exact"),
        ("openai_responses", "/v1/responses", "completed", "exact"),
        ("openai_responses", "/v1/responses", "completed", "exact"),
        ("anthropic_messages", "/v1/messages", "completed", "exact"),
        ("anthropic_messages", "/v1/messages", "completed", "exact"),
    ]
    assert len({(row["input_tokens"], row["output_tokens"]) for row in found}) == 1
    assert found[0]["input_tokens"] > 20
    for row in found[1:]:
        assert 0 < row["cache_read_tokens"] < row["input_tokens"]


def test_ollamas_own_order_chooses_the_loaded_model(run_cli: RunCli, upstream: Any) -> None:
    """A running Ollama comes before the embedded model: what it has loaded, else its newest."""
    from tests.support.upstream import json_answer

    listed = {
        "models": [{"name": "old:1b", "modified_at": "2026-01-01"}, {"name": "new:1b", "modified_at": "2026-09-01"}]
    }
    loaded: dict[str, Any] = {"models": [{"name": "nomic-embed-text"}, {"name": "old:1b"}]}
    answer = {"model": "x", "message": {"content": "hi"}, "done": True, "prompt_eval_count": 3, "eval_count": 1}
    upstream.replies(
        lambda request: json_answer({"/api/tags": listed, "/api/ps": loaded, "/api/chat": answer}.get(request.path, {}))
    )

    first = run_cli("run", "hi", env={"OLLAMA_HOST": f"127.0.0.1:{upstream.port}"})
    loaded["models"] = []
    second = run_cli("run", "hi", env={"OLLAMA_HOST": upstream.url})

    assert first.exit_code == 0, first.stderr
    assert first.stderr.startswith("Model: ollama/old:1b (loaded in Ollama)\n")
    assert second.stderr.startswith("Model: ollama/new:1b (the newest in Ollama)\n")


@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C is another thing on Windows")
def test_ctrl_c_in_a_real_process_ends_with_130_and_a_cancelled_row(
    home: Path, models: Path, ledger_path: Path
) -> None:
    """A real SIGINT in the middle of a real answer: the row is written, and no server is left running."""
    with subprocess.Popen(
        [sys.executable, "-c", HEARS_CTRL_C, "run", "-m", "local/smollm2", "Write a very long story about the sea."],
        env={**os.environ, "HOME": str(home)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        first = process.stdout.read(5)
        server = children_of(process.pid)
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=DEADLINE_S)

    assert len(first) == 5
    assert process.returncode == 130
    assert b" out \xc2\xb7 " in stderr and b"cancelled" in stderr
    assert b"Traceback" not in stderr
    row = the_row(ledger_path)
    assert (row["status"], row["usage_quality"]) == ("cancelled", "estimated")
    assert row["output_tokens"] > 0
    assert begun(ledger_path) == 0
    assert all(wait_until_gone(one) for one in server)


def test_a_reader_that_goes_away_cancels_the_request(home: Path, models: Path, ledger_path: Path) -> None:
    """As in `llmledger run ... | head -c 5`: no traceback, and the row tells what was used."""
    with subprocess.Popen(
        [sys.executable, "-m", "llmledger", "run", "-m", "local/smollm2", "Write a very long story about the sea."],
        env={**os.environ, "HOME": str(home)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.read(5)
        process.stdout.close()
        stderr = process.stderr.read()
        process.wait(DEADLINE_S)

    assert b"Traceback" not in stderr
    assert the_row(ledger_path)["status"] == "cancelled"


def children_of(process_id: int) -> list[int]:
    """The processes that a process has started, where the system can tell."""
    task = Path(f"/proc/{process_id}/task/{process_id}/children")
    return [int(one) for one in task.read_text().split()] if task.exists() else []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the full device is Linux")
def test_an_answer_that_cannot_be_written_is_one_line_and_a_cancelled_row(
    home: Path, models: Path, ledger_path: Path
) -> None:
    """The disk behind `> answer.txt` is full."""
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "llmledger", "run", "-m", "local/smollm2", "--max-tokens", "20", PROMPT],
            env={**os.environ, "HOME": str(home)},
            stdin=subprocess.DEVNULL,
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
        )

    assert done.returncode == 3
    assert done.stderr.startswith(b"Error: the answer cannot be written: No space left on device\n")
    assert the_row(ledger_path)["status"] == "cancelled"
