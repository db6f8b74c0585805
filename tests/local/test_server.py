"""The embedded server: it answers, says nothing, and is gone when we are."""

import json
import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from tests.support.processes import DEADLINE_S, gone, wait_until_gone

from llmledger.errors import BackendMissing, InputFileError
from llmledger.local.server import LocalServer, require_available


def test_it_answers_on_loopback_under_the_name_it_was_given(llamacpp: str) -> None:
    """One more provider behind plain HTTP."""
    assert llamacpp.startswith("http://127.0.0.1:")
    with urllib.request.urlopen(f"{llamacpp}/v1/models", timeout=DEADLINE_S) as answer:
        assert json.load(answer)["data"][0]["id"] == "smollm2"


def test_it_ends_when_it_is_closed(smollm2_file: Path) -> None:
    """Nothing is left running."""
    with LocalServer.start(smollm2_file, "smollm2", environ=os.environ) as server:
        assert server.address
        assert not gone(server.process_id)

    assert gone(server.process_id)


def test_closing_does_not_wait_for_the_model_to_load(smollm2_file: Path) -> None:
    """Ctrl-C while it loads."""
    with LocalServer.start(smollm2_file, "smollm2", environ=os.environ) as server:
        pass

    assert gone(server.process_id)


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="watches processes through /proc")
def test_it_ends_with_a_parent_that_is_killed(smollm2_file: Path) -> None:
    """No orphan, even when the parent has no time to say goodbye; and nothing of llama.cpp's log on the terminal."""
    code = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from llmledger.local.server import LocalServer\n"
        "server = LocalServer.start(Path(sys.argv[1]), 'smollm2', environ=os.environ)\n"
        "print(server.address, server.process_id, flush=True)\n"
        "sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(smollm2_file)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as parent:
        assert parent.stdout is not None
        assert parent.stderr is not None
        process_id = int(parent.stdout.readline().split()[1])
        assert not gone(process_id)
        parent.send_signal(signal.SIGKILL)
        assert wait_until_gone(process_id)
        assert parent.stderr.read() == b""


@pytest.mark.parametrize("content", [b"GGUFgarbage", b"GGUF"], ids=["garbage", "cut off"])
def test_a_damaged_model_says_so_in_one_line(smollm2_file: Path, tmp_path: Path, content: bytes) -> None:
    """The server's last words, without its log."""
    damaged = tmp_path / "damaged.gguf"
    damaged.write_bytes(content)

    with (
        LocalServer.start(damaged, "damaged", environ=os.environ) as server,
        pytest.raises(InputFileError, match=r"damaged\.gguf cannot be loaded: ") as caught,
    ):
        print(server.address)

    assert "\n" not in caught.value.message


def test_a_half_of_a_model_says_that_it_is_incomplete(smollm2_file: Path, tmp_path: Path) -> None:
    """As after a download that was cut off."""
    half = tmp_path / "half.gguf"
    with smollm2_file.open("rb") as file:
        half.write_bytes(file.read(20_000_000))

    with (
        LocalServer.start(half, "half", environ=os.environ) as server,
        pytest.raises(InputFileError, match="corrupted or incomplete"),
    ):
        print(server.address)


def test_without_the_extra_it_says_what_to_install() -> None:
    """Shown with a package that nobody has."""
    with pytest.raises(BackendMissing) as caught:
        require_available("llmledger_no_such_package")
    assert caught.value.hint == "Install it: pip install 'llmledger[local]'"


@pytest.mark.slow
def test_an_answer_without_a_limit_ends_all_the_same(smollm2_file: Path) -> None:
    """A small model may never find an end by itself: 1,024 tokens are the most that it gives unasked."""
    body = {"messages": [{"role": "user", "content": "Count."}], "ignore_eos": True}
    with LocalServer.start(smollm2_file, "smollm2", environ=os.environ, sampling={"temp": 0.0}) as server:
        request = urllib.request.Request(
            f"{server.address}/v1/chat/completions", json.dumps(body).encode(), {"content-type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=300) as answer:
            said = json.load(answer)

    assert said["usage"]["completion_tokens"] == 1024
    assert said["choices"][0]["finish_reason"] == "length"
