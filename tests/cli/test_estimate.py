"""`estimate`: one prompt on several models, with ranges, offline."""

import json

import pytest
from tests.conftest import RunCli

from llmledger.cli.estimate import DEFAULT_MODELS


def test_several_models_stand_side_by_side(run_cli: RunCli) -> None:
    """Free is `$0`, unpriced is `—` with what to do; every line fits."""
    result = run_cli(
        *("estimate", "Tell me about Paris.", "-m", "openai/gpt-5,local/smollm2", "-m", "openai/nope"),
        env={"COLUMNS": "60"},
    )

    assert result.exit_code == 0, result.stderr
    lines = result.stdout.splitlines()
    assert [line.split()[0] for line in lines[2:5]] == ["openai/gpt-5", "local/smollm2", "openai/nope"]
    assert lines[3].split()[-2:] == ["$0", "$0"]
    assert lines[4].split()[-2:] == ["—", "—"]
    assert max(map(len, lines[:5])) <= 60
    assert "llmledger pricing set openai/nope" in result.stderr


def test_the_range_is_worked_out_from_the_price_table(run_cli: RunCli) -> None:
    """High on claude-sonnet-4-5 ($3 in, $15 out): input_high x 3 + 200 x 15 per million."""
    said = json.loads(
        run_cli("estimate", "x " * 100, "-m", "anthropic/claude-sonnet-4-5", "--max-tokens", "200", "--json").stdout
    )

    (row,) = said["rows"]
    assert said["schema"] == "llmledger.estimate/1"
    assert row["input_tokens_low"] < row["input_tokens"] < row["input_tokens_high"]
    assert row["counted_by"] == "heuristic"
    assert round(float(row["cost_low_usd"]) * 1e9) == row["input_tokens_low"] * 3_000
    assert round(float(row["cost_high_usd"]) * 1e9) == row["input_tokens_high"] * 3_000 + 200 * 15_000


def test_every_model_that_is_shown_by_itself_has_a_price(run_cli: RunCli) -> None:
    """The default list stays true as prices change."""
    said = json.loads(run_cli("estimate", "hi", "--json").stdout)

    assert [row["model"] for row in said["rows"]] == list(DEFAULT_MODELS)
    assert {row["outcome"] for row in said["rows"]} <= {"priced", "free"}


def test_a_piped_prompt_and_a_system_prompt_are_counted(run_cli: RunCli) -> None:
    """More text, more tokens."""

    def tokens(*args: str, input: str | None = None) -> int:
        said = json.loads(run_cli("estimate", *args, "-m", "local/x", "--json", input=input).stdout)
        return int(said["rows"][0]["input_tokens"])

    assert tokens("hello") < tokens("hello", "-s", "Be brief, and kind.") < tokens("hello", input="word " * 100)


@pytest.mark.parametrize("args", [(), ("hi", "-m", "nope"), ("hi", "--max-tokens", "-1")])
def test_bad_input_is_one_clear_line(run_cli: RunCli, args: tuple[str, ...]) -> None:
    """Exit 2."""
    result = run_cli("estimate", *args)

    assert result.exit_code == 2
    assert result.stderr.startswith("Error: ")
