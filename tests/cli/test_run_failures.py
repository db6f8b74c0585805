"""`run` against a scripted provider: how it ends when things go wrong."""

import json
import socket
from pathlib import Path

import pytest
from tests.conftest import RunCli
from tests.support.ask import KEY, Ask
from tests.support.chat import broken, chunk, streamed, whole
from tests.support.ledger_view import begun, rows, the_row
from tests.support.upstream import Answer, HangUp, Reset, Upstream, json_answer, stream_answer


@pytest.mark.parametrize("status", [401, 403])
def test_a_wrong_key_ends_with_4_and_is_found_nowhere(
    ask: Ask, upstream: Upstream, ledger_path: Path, home: Path, status: int
) -> None:
    """The provider's message repeats the key; neither output, ledger nor any other file has it."""
    said = {"error": {"message": f"Incorrect API key provided: {KEY}.", "type": "invalid_request_error"}}
    upstream.answers(json_answer(said, status))

    result = ask("hi")

    assert result.exit_code == 4
    assert f"OpenAI refused the key of OPENAI_API_KEY (HTTP {status})" in result.stderr
    assert "llmledger config set-key openai" in result.stderr
    row = the_row(ledger_path)
    assert (row["status"], row["http_status"], row["cost_usd"], row["cost_source"]) == (
        "failed",
        status,
        "0",
        "not_billed",
    )
    assert "canary" not in result.stdout + result.stderr + json.dumps(row)
    for path in home.rglob("*"):
        assert not path.is_file() or b"canary" not in path.read_bytes(), path


def test_no_key_ends_with_4_and_says_how_to_give_one(run_cli: RunCli, ledger_path: Path) -> None:
    """Nothing was begun, so there is no row."""
    result = run_cli("run", "-m", "anthropic/claude-sonnet-4-5", "hi")

    assert result.exit_code == 4
    assert result.stderr == (
        "Error: no key for Anthropic\nSet ANTHROPIC_API_KEY, or store it: llmledger config set-key anthropic\n"
    )
    assert not ledger_path.exists()


def test_a_rate_limit_is_waited_out_as_one_request(ask: Ask, upstream: Upstream, ledger_path: Path) -> None:
    """Two attempts, one row (litellm#37365)."""
    upstream.answers(json_answer({"error": {"message": "slow down"}}, 429, retry_after_ms="1"), streamed("ok"))

    result = ask("hi")

    assert (result.exit_code, result.stdout) == (0, "ok\n")
    assert "HTTP 429; trying again in 0.001 s (attempt 2)" in result.stderr
    assert "2 attempts" in result.stderr
    row = the_row(ledger_path)
    assert (row["attempts"], row["status"], row["http_status"]) == (2, "completed", 200)


def test_trouble_that_does_not_end_is_one_failed_request(ask: Ask, upstream: Upstream, ledger_path: Path) -> None:
    """Three attempts, one row that costs nothing, exit 5."""
    upstream.answers(json_answer({"error": {"message": "overloaded"}}, 503, retry_after_ms="1"))

    result = ask("hi")

    assert result.exit_code == 5
    assert "OpenAI answered HTTP 503: overloaded" in result.stderr
    row = the_row(ledger_path)
    assert (row["attempts"], row["status"], row["http_status"], row["cost_usd"]) == (3, "failed", 503, "0")


@pytest.mark.parametrize("step", [Reset(), HangUp()], ids=["reset", "hang up"])
def test_a_stream_that_breaks_keeps_what_was_seen(
    ask: Ask, upstream: Upstream, ledger_path: Path, step: Reset | HangUp
) -> None:
    """The text that came is on stdout, the row is failed, and its cost is an estimate, never 0.

    40 characters seen are 10 tokens; the prompt `hi` is estimated at 1 token and 4 of framing:
    5 x $0.25 + 10 x $2 per million = 21.25 µ$ = $0.00002125.
    """
    upstream.answers(broken("x" * 40, step))

    result = ask("hi")

    assert result.exit_code == 5
    assert result.stdout == "x" * 40 + "\n"
    assert "the connection" in result.stderr
    row = the_row(ledger_path)
    assert (row["status"], row["usage_quality"]) == ("failed", "estimated")
    assert (row["input_tokens"], row["output_tokens"], row["cost_usd"]) == (5, 10, "0.00002125")


def test_a_stream_that_ends_too_early_has_failed(ask: Ask, upstream: Upstream, ledger_path: Path) -> None:
    """A clean end of the connection is no end of the answer."""
    upstream.answers(stream_answer([chunk("Hel")]))

    result = ask("hi")

    assert result.exit_code == 5
    assert "OpenAI broke off its answer" in result.stderr
    assert the_row(ledger_path)["error_type"] == "broken_off"


def test_an_error_after_200_has_failed(ask: Ask, upstream: Upstream, ledger_path: Path) -> None:
    """An error in the stream is no answer (maximhq/bifrost#4575)."""
    error = {"error": {"message": "The server is overloaded", "type": "server_error"}}
    upstream.answers(stream_answer([chunk("Hel"), b"data: " + json.dumps(error).encode() + b"\n\n"]))

    result = ask("hi")

    assert result.exit_code == 5
    assert "OpenAI failed while answering: The server is overloaded" in result.stderr
    row = the_row(ledger_path)
    assert (row["status"], row["http_status"], row["error_type"]) == ("failed", 200, "server_error")


def test_a_page_that_is_no_answer_has_failed(ask: Ask, upstream: Upstream, ledger_path: Path) -> None:
    """A captive portal says 200 to everything."""
    upstream.answers(stream_answer([b"<html>Welcome to the hotel</html>"], content_type="text/html"))

    result = ask("hi")

    assert result.exit_code == 5
    assert "sent no answer that can be read" in result.stderr
    assert the_row(ledger_path)["status"] == "failed"


def test_a_silent_provider_ends_in_a_timeout(ask: Ask, upstream: Upstream, ledger_path: Path) -> None:
    """--timeout bounds the silence; the row is failed."""
    import threading

    from tests.support.upstream import Wait

    held = threading.Event()
    upstream.answers(broken(Wait(held)))

    result = ask("hi", "--timeout", "0.1")

    held.set()
    assert result.exit_code == 5
    assert "no answer in the time allowed" in result.stderr
    assert "--timeout" in result.stderr
    row = the_row(ledger_path)
    assert (row["status"], row["error_type"]) == ("failed", "timeout")


def test_an_error_that_repeats_the_prompt_is_kept_without_it(ask: Ask, upstream: Upstream, ledger_path: Path) -> None:
    """Private by default: prompts never appear in errors or rows."""
    secret = "the launch is on the twelfth of March"
    upstream.answers(json_answer({"error": {"message": f"Invalid content: {secret}"}}, 400))

    result = ask(secret)

    assert secret not in result.stderr + json.dumps(the_row(ledger_path))


def test_a_model_that_the_provider_does_not_know_gets_the_nearest_name(ask: Ask, upstream: Upstream) -> None:
    """Did you mean, once before sending and once after the provider's 404."""
    upstream.answers(json_answer({"error": {"message": "The model does not exist", "code": "model_not_found"}}, 404))

    result = ask("hi", model="openai/gpt-5-mimi")

    assert result.exit_code == 5
    assert "openai/gpt-5-mimi has no price here" in result.stderr
    assert result.stderr.rstrip().endswith("Did you mean openai/gpt-5-mini?")


def test_a_server_of_this_machine_that_is_down_says_what_to_start(run_cli: RunCli, ledger_path: Path) -> None:
    """Nothing was sent: the row costs nothing."""
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{reserved.getsockname()[1]}"
        result = run_cli("run", "-m", "ollama/qwen3:8b", "hi", env={"OLLAMA_HOST": host})

    assert result.exit_code == 5
    assert f"Ollama does not answer at {host}" in result.stderr
    assert "ollama serve" in result.stderr
    row = the_row(ledger_path)
    assert (row["status"], row["error_type"], row["cost_usd"], row["billing"]) == ("failed", "connect", "0", "local")


def test_a_failed_row_is_never_left_open(ask: Ask, upstream: Upstream, ledger_path: Path) -> None:
    """Every ending finishes what was begun."""
    upstream.answers(json_answer({}, 400), broken(Reset()), streamed("ok"))
    for _ in range(3):
        ask("hi")

    assert begun(ledger_path) == 0
    assert len(rows(ledger_path)) == 3


def test_an_address_with_another_server_behind_it_wants_a_key_too(
    run_cli: RunCli, upstream: Upstream, ledger_path: Path
) -> None:
    """A local server that was started with a key: 401 without one says how to give it."""
    upstream.answers(json_answer({"error": {"message": "Invalid API Key"}}, 401))

    result = run_cli("run", "-m", "ollama/x", "--base-url", upstream.url, "hi")

    assert result.exit_code == 4
    assert "Ollama wants a key (HTTP 401)" in result.stderr
    assert "Set OLLAMA_API_KEY" in result.stderr


def test_a_redirect_is_not_followed_and_costs_nothing(ask: Ask, upstream: Upstream, ledger_path: Path) -> None:
    """The key stays with the provider it is for."""
    upstream.answers(Answer(302, {"location": "http://127.0.0.1:9/"}))

    result = ask("hi")

    assert result.exit_code == 5
    assert "HTTP 302" in result.stderr
    assert (the_row(ledger_path)["cost_usd"], len(upstream.received)) == ("0", 1)


def test_a_bad_address_is_one_line(run_cli: RunCli) -> None:
    """No traceback for what cannot be an address."""
    result = run_cli("run", "-m", "ollama/x", "--base-url", "ftp://nowhere", "hi")

    assert result.exit_code == 2
    assert "is no address" in result.stderr


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("azure/gpt-5", "nothing tells how"),
        ("voyage/voyage-3", "nothing tells how"),
    ],
)
def test_a_provider_that_cannot_be_reached_from_here_says_what_is_missing(
    run_cli: RunCli, model: str, said: str
) -> None:
    """Its price is known, its address is not."""
    result = run_cli("run", "-m", model, "hi")

    assert result.exit_code == 2
    assert said in result.stderr


def test_a_provider_without_an_address_takes_one(run_cli: RunCli, upstream: Upstream) -> None:
    """--base-url and --dialect are all that it needs."""
    upstream.answers(whole("ok"))

    result = run_cli(
        "run", "-m", "azure/gpt-5", "--base-url", upstream.url, "--dialect", "openai_chat", "--no-stream", "hi"
    )

    assert (result.exit_code, result.stdout) == (0, "ok\n"), result.stderr
    assert upstream.received[0].path == "/v1/chat/completions"
    without = run_cli("run", "-m", "azure/gpt-5", "--dialect", "openai_chat", "hi")
    assert (without.exit_code, "nothing tells where Microsoft Azure is reached" in without.stderr) == (2, True)


def test_a_model_that_ollama_does_not_have_gets_the_nearest_it_has(run_cli: RunCli, upstream: Upstream) -> None:
    """The names come from the server itself."""
    missing = json_answer({"error": "model 'qwen3:80b' not found"}, 404)
    listed = json_answer({"models": [{"name": "qwen3:8b"}, {"name": "gemma3:4b"}]})
    upstream.replies(lambda request: listed if request.method == "GET" else missing)

    result = run_cli("run", "-m", "ollama/qwen3:80b", "hi", env={"OLLAMA_HOST": upstream.url})

    assert result.exit_code == 5
    assert result.stderr.rstrip().endswith("Did you mean ollama/qwen3:8b?")
