"""`models`: what can be run here and why the rest cannot; local models that come and go."""

import json
from hashlib import sha256
from pathlib import Path

import pytest
from tests.conftest import RunCli
from tests.support.upstream import Upstream, json_answer, stream_answer

MODEL = b"GGUF" + bytes(2_000_000)
DOWN = {"OLLAMA_HOST": "127.0.0.1:9", "LLAMACPP_HOST": "127.0.0.1:9", "VLLM_HOST": "127.0.0.1:9", "LMSTUDIO_HOST": ":9"}


def test_everything_says_whether_it_is_ready_or_what_is_missing(run_cli: RunCli, upstream: Upstream) -> None:
    """A key, a running server, and all the others."""
    upstream.answers(json_answer({"models": [{"name": "qwen3:8b"}], "data": [{"id": "qwen3:8b"}]}))
    env = {**DOWN, "OLLAMA_HOST": upstream.url, "OPENAI_API_KEY": "sk-canary-0123456789abcdef"}

    result = run_cli("models", env=env)
    said = json.loads(run_cli("models", "--json", env=env).stdout)

    assert result.exit_code == 0, result.stderr
    assert "canary" not in result.stdout + result.stderr
    found = {row["provider"]: (row["state"], row["reason"], row["next_step"]) for row in said["rows"]}
    assert found["openai"] == ("ready", "key in OPENAI_API_KEY", None)
    assert found["ollama"] == ("ready", f"answers at 127.0.0.1:{upstream.port}", None)
    assert found["anthropic"] == ("missing", "no ANTHROPIC_API_KEY", "llmledger config set-key anthropic")
    assert found["vllm"] == ("missing", "nothing at 127.0.0.1:9", "vllm serve MODEL")
    assert found["local"] == ("fetchable", "fetched when used (98 MB)", "llmledger run -m local/smollm2 PROMPT")
    lines = result.stdout.splitlines()
    assert [line.split()[0] for line in lines[2:4]] == ["ollama", "openai"]
    assert "To use it" in lines[0]


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_no_line_is_wider_than_the_terminal(run_cli: RunCli, columns: int) -> None:
    """Columns go by priority, reasons stay."""
    result = run_cli("models", env={**DOWN, "COLUMNS": str(columns)})

    assert max(len(line) for line in result.stdout.splitlines()) <= columns
    assert "no OPENAI_API_KEY" in result.stdout


def test_the_list_has_the_names_that_run_takes(run_cli: RunCli, upstream: Upstream) -> None:
    """One a line, for scripts; of one provider also when it is not ready."""
    upstream.answers(json_answer({"models": [{"name": "qwen3:8b"}], "data": [{"id": "served"}]}))
    env = {**DOWN, "OLLAMA_HOST": upstream.url, "VLLM_HOST": upstream.url}

    assert run_cli("models", "list", env=env).stdout.splitlines() == [
        "ollama/qwen3:8b",
        "vllm/served",
        "local/smollm2",
    ]
    named = run_cli("models", "list", "--provider", "anthropic", env=DOWN).stdout.splitlines()
    assert "anthropic/claude-sonnet-4-5" in named
    assert json.loads(run_cli("models", "list", "--json", env=env).stdout)["rows"][0] == "ollama/qwen3:8b"
    wrong = run_cli("models", "list", "--provider", "antropic", env=DOWN)
    assert (wrong.exit_code, "Did you mean anthropic?" in wrong.stderr) == (2, True)


def test_an_ollama_without_models_is_not_ready(run_cli: RunCli, upstream: Upstream) -> None:
    """It answers, but nothing can be run on it."""
    upstream.answers(json_answer({"models": []}))

    said = json.loads(run_cli("models", "--json", env={**DOWN, "OLLAMA_HOST": upstream.url}).stdout)

    (row,) = (row for row in said["rows"] if row["provider"] == "ollama")
    assert (row["state"], row["reason"]) == ("missing", f"answers at 127.0.0.1:{upstream.port}, but has no model")


def test_a_file_of_the_users_is_linked_listed_and_let_go(run_cli: RunCli, tmp_path: Path) -> None:
    """`models remove` takes away the name; the file stays."""
    path = tmp_path / "Tiny.Q4.gguf"
    path.write_bytes(MODEL)

    pulled = run_cli("models", "pull", path)
    listed = run_cli("models", "list", env=DOWN)
    removed = run_cli("models", "remove", "local/Tiny.Q4")

    assert pulled.stdout == "local/Tiny.Q4: 2 MB. Run it: llmledger run -m local/Tiny.Q4 PROMPT\n"
    assert listed.stdout == "local/Tiny.Q4\n"
    assert removed.stdout == "Removed local/Tiny.Q4 (a link; the file stays)\n"
    assert path.exists()


def test_a_model_from_an_address_needs_its_hash(run_cli: RunCli, upstream: Upstream) -> None:
    """Fetched through redirects, checked, kept under the name that was chosen."""
    upstream.answers(stream_answer([MODEL[:1_500_000], MODEL[1_500_000:]], content_type="application/octet-stream"))
    url = f"{upstream.url}/files/model.gguf?download=true"

    without = run_cli("models", "pull", url)
    wrong = run_cli("models", "pull", url, "--sha256", "00" * 32)
    right = run_cli("models", "pull", url, "--sha256", sha256(MODEL).hexdigest(), "--name", "mine")

    assert (without.exit_code, "needs --sha256" in without.stderr) == (2, True)
    assert (wrong.exit_code, "is not the file that was meant" in wrong.stderr) == (3, True)
    assert right.stdout.startswith("local/mine: 2 MB.")
    assert run_cli("models", "list", env=DOWN).stdout == "local/mine\n"


def test_an_address_without_a_file_says_so(run_cli: RunCli, upstream: Upstream) -> None:
    """The status, and the address to check."""
    upstream.answers(json_answer({}, 404))

    result = run_cli("models", "pull", f"{upstream.url}/none.gguf", "--sha256", "00" * 32)

    assert result.exit_code == 5
    assert "answered HTTP 404" in result.stderr


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (("pull", "smolm2"), 2, "Did you mean smollm2?"),
        (("pull", "/nowhere/x.gguf"), 3, "cannot be read"),
        (("remove", "nothing"), 2, "no local model is called 'nothing'"),
        (("pull", "https://example.org/x.gguf", "--name", "../x", "--sha256", "00"), 2, "is no name for a model"),
    ],
)
def test_bad_input_is_one_clear_line(run_cli: RunCli, args: tuple[str, ...], code: int, said: str) -> None:
    """With its exit code."""
    result = run_cli("models", *args)

    assert result.exit_code == code
    assert said in result.stderr


def test_a_file_with_another_hash_is_not_linked(run_cli: RunCli, tmp_path: Path) -> None:
    """--sha256 is checked for files too."""
    path = tmp_path / "tiny.gguf"
    path.write_bytes(MODEL)

    result = run_cli("models", "pull", path, "--sha256", "00" * 32)

    assert (result.exit_code, "is not the file that was meant" in result.stderr) == (3, True)
