"""`run` against a scripted provider: what is shown, what is kept, and how it ends when things go wrong."""

import json
from pathlib import Path

import pytest
from tests.conftest import RunCli
from tests.support.ask import KEY, Ask
from tests.support.chat import streamed, whole
from tests.support.ledger_view import rows, the_row
from tests.support.upstream import Upstream, json_answer

SUMMARY = "812 in (640 cached) · 96 out · 0.0 s · $0.000251 · req "


def test_the_answer_goes_to_stdout_and_one_line_about_it_to_stderr(
    ask: Ask, upstream: Upstream, ledger_path: Path
) -> None:
    """Data on stdout, the rest on stderr; the row has the same numbers. Cost worked out in tests/support/chat.py."""
    upstream.answers(streamed("Hel", "lo!"))

    result = ask("Say hello")

    assert (result.exit_code, result.stdout) == (0, "Hello!\n")
    assert result.stderr.startswith(SUMMARY)
    row = the_row(ledger_path)
    assert (row["status"], row["source"], row["billing"], row["dialect"]) == ("completed", "run", "api", "openai_chat")
    assert (row["input_tokens"], row["cache_read_tokens"], row["output_tokens"]) == (812, 640, 96)
    assert (row["cost_usd"], row["usage_quality"], row["attempts"]) == ("0.000251", "exact", 1)
    assert row["endpoint"] == "/v1/chat/completions"
    assert result.stderr.strip().endswith(row["request_id"][-8:])


def test_the_request_is_what_the_provider_expects(ask: Ask, upstream: Upstream) -> None:
    """Path, key and body; a stream is asked for its usage."""
    upstream.answers(streamed("ok"))

    ask("What is this?", "-s", "Be brief.", "-o", "temperature=0", "-o", "stop=END", "--max-tokens", "50")

    (request,) = upstream.received
    assert request.path == "/v1/chat/completions"
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert request.json == {
        "model": "gpt-5-mini",
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "What is this?"}],
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_completion_tokens": 50,
        "temperature": 0,
        "stop": "END",
    }


def test_streamed_and_unstreamed_answers_make_the_same_row(ask: Ask, upstream: Upstream, ledger_path: Path) -> None:
    """Cached tokens must not vanish when streamed (QuantumNous/new-api#6144)."""
    upstream.answers(streamed("Hello!"), whole("Hello!"))

    ask("hi")
    result = ask("hi", "--no-stream")

    assert result.stdout == "Hello!\n"
    assert "stream" not in upstream.received[1].json
    first, second = rows(ledger_path)
    same = ("input_tokens", "cache_read_tokens", "output_tokens", "cost_nanousd", "usage_quality", "finish_reason")
    assert [first[name] for name in same] == [second[name] for name in same]


def test_what_is_piped_in_comes_before_the_words(ask: Ask, upstream: Upstream) -> None:
    """As in `cat notes | llmledger run "Summarise this"`."""
    upstream.answers(streamed("ok"))

    ask("Summarise", "this", input="line one\nline two\n")

    assert upstream.received[0].json["messages"][0]["content"] == "line one\nline two\n\nSummarise this"


def test_an_attachment_is_sent_with_the_prompt(ask: Ask, upstream: Upstream, tmp_path: Path) -> None:
    """From a file by its content, from standard input, and by address."""
    upstream.answers(streamed("ok"))
    picture = tmp_path / "picture.dat"
    picture.write_bytes(b"\x89PNG\r\n\x1a\n")

    result = ask("What is it?", "-a", picture, "-a", "-", "-a", "https://example.org/a.jpg", input=b"\xff\xd8\xff\xe0")

    assert result.exit_code == 0, result.stderr
    content = upstream.received[0].json["messages"][0]["content"]
    assert [part["type"] for part in content] == ["text", "image_url", "image_url", "image_url"]
    addresses = [part["image_url"]["url"] for part in content[1:]]
    assert addresses[0].startswith("data:image/png;base64,iVBORw0K")
    assert addresses[1].startswith("data:image/jpeg;base64,")
    assert addresses[2] == "https://example.org/a.jpg"


def test_json_is_one_object(ask: Ask, upstream: Upstream) -> None:
    """For scripts: everything about the request, and nothing else on stdout."""
    upstream.answers(streamed("Hel", "lo!"))

    said = json.loads(ask("hi", "--json").stdout)

    assert said["schema"] == "llmledger.run/1"
    assert (said["text"], said["model"], said["status"]) == ("Hello!", "openai/gpt-5-mini", "completed")
    assert said["usage"] == {
        "input_tokens": 812,
        "cache_read_tokens": 640,
        "output_tokens": 96,
        "quality": "exact",
    }
    assert (said["cost_usd"], said["cost_source"], said["latency_ms"]) == ("0.000251", "computed", 0)
    assert len(said["request_id"]) == 32


def test_a_request_knows_for_whom_it_was_made(ask: Ask, upstream: Upstream, ledger_path: Path, tmp_path: Path) -> None:
    """Flags win over variables, variables over the git root's name; the key is kept as a fingerprint alone."""
    upstream.answers(streamed("ok"))
    (tmp_path / "acme" / ".git").mkdir(parents=True)
    (tmp_path / "acme" / ".git" / "HEAD").write_text("ref: refs/heads/feature/x\n")
    (tmp_path / "acme" / "src").mkdir()

    ask(
        *("hi", "--client", "ACME", "--operation", "chat", "--tag", "feature=search"),
        env={"LLMLEDGER_USER": "ada", "LLMLEDGER_CLIENT": "other", "LLMLEDGER_TAGS": "env=dev"},
        folder=tmp_path / "acme" / "src",
    )
    ask("hi", env={"LLMLEDGER_PROJECT": "named"}, folder=tmp_path / "acme")

    first, second = rows(ledger_path)
    assert (first["client"], first["user"], first["project"], first["operation"]) == ("ACME", "ada", "acme", "chat")
    assert (first["branch"], first["app"]) == ("feature/x", "llmledger")
    assert json.loads(first["tags"]) == {"env": "dev", "feature": "search"}
    assert second["project"] == "named"
    assert first["key"].endswith("…cdef")
    assert "canary" not in json.dumps(first)


def test_texts_are_kept_only_when_that_is_asked_for(ask: Ask, upstream: Upstream, home: Path) -> None:
    """Private by default: without --log-content no file of ours has the prompt or the answer."""
    upstream.answers(streamed("a very private answer"))

    ask("a very private question")

    for path in home.rglob("*"):
        assert not path.is_file() or b"very private" not in path.read_bytes(), path


def test_a_conversation_goes_on(ask: Ask, upstream: Upstream, run_cli: RunCli, ledger_path: Path) -> None:
    """-c sends what was said before, with the same model, system prompt and session."""
    upstream.answers(streamed("Blue."), streamed("Because."), streamed("Yes."))

    ask("What colour is the sky?", "-s", "One word.", "--log-content")
    result = run_cli("run", "-c", "Why?", "--base-url", upstream.url, env={"OPENAI_API_KEY": KEY})
    ask("-c", "Sure?")

    assert "Model: openai/gpt-5-mini (as in the conversation so far)" in result.stderr
    assert upstream.received[2].json["messages"] == [
        {"role": "system", "content": "One word."},
        {"role": "user", "content": "What colour is the sky?"},
        {"role": "assistant", "content": "Blue."},
        {"role": "user", "content": "Why?"},
        {"role": "assistant", "content": "Because."},
        {"role": "user", "content": "Sure?"},
    ]
    assert len({row["session"] for row in rows(ledger_path)}) == 1


def test_without_kept_texts_there_is_nothing_to_go_on_with(ask: Ask, upstream: Upstream) -> None:
    """It says so, and what would keep them."""
    upstream.answers(streamed("ok"))
    assert ask("-c", "more").exit_code == 2
    ask("hi")

    result = ask("-c", "more")

    assert result.exit_code == 2
    assert "no text of an earlier run was kept" in result.stderr
    assert "--log-content" in result.stderr
    assert len(upstream.received) == 1


def test_a_dry_run_sends_nothing_and_makes_no_ledger(ask: Ask, upstream: Upstream, ledger_path: Path) -> None:
    """Tokens and cost, from low to high."""
    result = ask("hi", "--dry-run", "--max-tokens", "1000")
    said = json.loads(ask("hi", "--dry-run", "--json").stdout)

    assert result.exit_code == 0
    assert "openai/gpt-5-mini" in result.stdout
    assert "Nothing was sent" in result.stderr
    assert said["rows"][0]["model"] == "openai/gpt-5-mini"
    assert upstream.received == []
    assert not ledger_path.exists()


def test_what_could_cost_more_than_allowed_is_not_sent(ask: Ask, upstream: Upstream, ledger_path: Path) -> None:
    """1,000 tokens of output cost $0.002: more than a tenth of a cent."""
    result = ask("hi", "--max-tokens", "1000", "--max-cost", "0.001")

    assert result.exit_code == 1
    assert "more than $0.001: nothing was sent" in result.stderr
    assert upstream.received == []
    assert not ledger_path.exists() or rows(ledger_path) == []


def test_a_budget_limits_an_answer_that_nobody_limited(ask: Ask, upstream: Upstream) -> None:
    """$0.001 buys at most 500 tokens of output at $2 per million, less what the prompt costs."""
    upstream.answers(streamed("ok"))

    ask("hi", "--max-cost", "$0.001")

    assert 490 <= upstream.received[0].json["max_completion_tokens"] < 500


@pytest.mark.parametrize(
    ("args", "input", "said"),
    [
        ((), None, "the prompt is empty"),
        (("",), None, "the prompt is empty"),
        (("  ",), b"\n\n", "the prompt is empty"),
        ((), b"\xff\xfe\x00\x01", "standard input is no text"),
        ((), b"a\0b", "standard input is no text"),
        (("hi", "-o", "temperature"), None, "-o 'temperature' has no value"),
        (("hi", "--max-cost", "much"), None, "'much' is no amount of money"),
        (("hi", "--max-tokens", "0"), None, "--max-tokens"),
        (("hi", "--dialect", "nope"), None, "no dialect 'nope' carries a prompt"),
        (("hi", "-a", "/nowhere/x.png"), None, "attachment /nowhere/x.png cannot be read"),
    ],
)
def test_bad_input_is_one_clear_line(
    ask: Ask, upstream: Upstream, args: tuple[str, ...], input: bytes | None, said: str
) -> None:
    """And nothing is sent."""
    result = ask(*args, input=input)

    assert result.exit_code in (2, 3)
    assert said in result.stderr
    assert result.stdout == ""
    assert upstream.received == []


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("opnai/gpt-5-mini", "Did you mean openai/gpt-5-mini?"),
        ("gpt-5-mimi", "Did you mean openai/gpt-5-mini"),
        ("local/smolm2", "Did you mean smollm2?"),
        ("zzz", "provider/model"),
    ],
)
def test_an_unknown_model_gets_the_nearest_name(run_cli: RunCli, model: str, said: str) -> None:
    """No request is made for a name that means nothing here."""
    result = run_cli("run", "-m", model, "hi")

    assert result.exit_code == 2
    assert said in result.stderr


@pytest.mark.parametrize("path", ["", "/v1", "/v1/"])
def test_the_base_url_of_the_official_sdks_is_honoured_and_told(
    run_cli: RunCli, upstream: Upstream, ledger_path: Path, path: str
) -> None:
    """As people with a gateway have it; the settings and --base-url win over it."""
    upstream.answers(streamed("ok"))
    env = {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": f"{upstream.url}{path}"}

    done = run_cli("run", "-m", "openai/gpt-5-mini", "hi", env=env)
    given = run_cli(
        "run", "-m", "openai/gpt-5-mini", "--base-url", upstream.url, "hi", env={**env, "OPENAI_BASE_URL": "http://x"}
    )

    assert (done.exit_code, done.stdout, given.exit_code) == (0, "ok\n", 0)
    asked = [one.path for one in upstream.received if one.path != "/healthz"]
    assert asked == ["/v1/chat/completions"] * 2
    assert f"OpenAI is reached at {upstream.url}" in done.stderr and "(OPENAI_BASE_URL)" in done.stderr
    assert "is reached at" not in given.stderr
    assert len(rows(ledger_path)) == 2


def test_without_any_model_the_ways_on_are_named(run_cli: RunCli) -> None:
    """Never a paid one by itself."""
    result = run_cli("run", "hi", env={"OLLAMA_HOST": "127.0.0.1:9", "OPENAI_API_KEY": KEY})

    assert result.exit_code == 2
    for way in ("-m local/smollm2", "-m openai/", "ollama serve", "llmledger models"):
        assert way in result.stderr


@pytest.mark.parametrize(
    ("content", "sent"),
    [
        (b"RIFF\0\0\0\0WAVEfmt ", {"type": "input_audio", "format": "wav"}),
        (b"ID3\x04", {"type": "input_audio", "format": "mp3"}),
        (b"%PDF-1.7", {"type": "file"}),
    ],
    ids=["wav", "mp3", "pdf"],
)
def test_the_kind_of_an_attachment_is_seen_from_its_content(
    ask: Ask, upstream: Upstream, content: bytes, sent: dict[str, str]
) -> None:
    """Whatever it is called."""
    upstream.answers(streamed("ok"))

    ask("What is it?", "-a", "-", input=content)

    part = upstream.received[0].json["messages"][0]["content"][1]
    assert part["type"] == sent["type"]
    assert part.get("input_audio", {}).get("format") == sent.get("format")


@pytest.mark.parametrize(
    ("name", "content", "said"), [("x.unknown", b"?", "nothing tells"), ("x.png", b"", "is empty")]
)
def test_an_attachment_of_unknown_kind_is_refused(
    ask: Ask, upstream: Upstream, tmp_path: Path, name: str, content: bytes, said: str
) -> None:
    """And an empty one."""
    (tmp_path / name).write_bytes(content)

    result = ask("What is it?", "-a", tmp_path / name)

    assert (result.exit_code in (2, 3), said in result.stderr) == (True, True)
    assert upstream.received == []


def test_rules_of_the_settings_turn_folders_into_clients(
    ask: Ask, upstream: Upstream, home: Path, ledger_path: Path
) -> None:
    """`[[map]]`: everything below a folder is for one client."""
    upstream.answers(streamed("ok"))
    config = home / ".config" / "llmledger" / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text('[[map]]\npath = "~/acme/**"\nclient = "ACME"\n\n[billing]\nopenai = "subscription"\n')
    (home / "acme" / "site").mkdir(parents=True)

    ask("hi", folder=home / "acme" / "site")

    row = the_row(ledger_path)
    assert (row["client"], row["billing"]) == ("ACME", "subscription")


def test_what_ollama_passes_on_to_its_cloud_is_not_called_local(
    run_cli: RunCli, upstream: Upstream, ledger_path: Path
) -> None:
    """It is neither free nor on this machine: unpriced, billing unknown."""
    answer = {"message": {"content": "hi"}, "done": True, "prompt_eval_count": 3, "eval_count": 1}
    upstream.answers(json_answer(answer))

    for model in ("ollama/gpt-oss:120b-cloud", "ollama/qwen3:8b"):
        run_cli("run", "-m", model, "hi", env={"OLLAMA_HOST": upstream.url})

    assert [(row["billing"], row["cost_usd"]) for row in rows(ledger_path)] == [("unknown", None), ("local", "0")]
