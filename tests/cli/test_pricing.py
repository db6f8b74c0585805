"""`pricing`: what a person sees, and every mistake that a person makes."""

import json
from pathlib import Path

import pytest
from tests.conftest import RunCli


def user_file(home: Path, provider: str) -> Path:
    """Where the user's own prices of a provider are."""
    return home / ".config" / "llmledger" / "pricing" / f"{provider}.toml"


def test_the_cost_of_a_request_is_worked_out(run_cli: RunCli) -> None:
    """86 x $3 + 1920 x $0.30 + 300 x $15 per 1M."""
    result = run_cli(
        "pricing", "cost", "-m", "claude-sonnet-4-5", "--input", "2006", "--cache-read", "1920", "--output", "300"
    )

    assert result.exit_code == 0
    assert result.stdout.splitlines()[-1].split() == ["total", "$0.005334"]
    assert "anthropic/claude-sonnet-4-5 · prices 2026." in result.stderr


def test_the_cost_as_json_is_exact(run_cli: RunCli) -> None:
    """Decimal strings, the components, the rate and the version."""
    result = run_cli("pricing", "cost", "--model", "openai/gpt-5-mini", "--input", "1", "--output", "1", "--json")
    found = json.loads(result.stdout)

    assert (found["schema"], found["cost_usd"], found["outcome"]) == ("llmledger.cost/1", "0.00000225", "priced")
    assert [part["usd"] for part in found["components"]] == ["0.00000025", "0.000002"]
    assert found["rate_id"] == "openai/gpt-5-mini"


def test_mode_unit_and_time_can_be_said(run_cli: RunCli) -> None:
    """Batch on a day; searches by their unit's name: 1000 x $0.125 per 1M + $0.01."""
    args = ("pricing", "cost", "-m", "openai/gpt-5-mini", "--input", "1000", "--output", "0")
    result = run_cli(*args, "--unit", "web_searches=1", "--context", "processing=batch", "--at", "2026-11-20", "--json")

    assert json.loads(result.stdout)["cost_usd"] == "0.010125"


def test_a_free_model_costs_a_stated_zero(run_cli: RunCli) -> None:
    """Not a dash, not `$0.00`."""
    result = run_cli("pricing", "cost", "-m", "local/smollm2", "--input", "5", "--output", "5")

    assert result.stdout.splitlines()[-1].split() == ["total", "$0"]


def test_an_unknown_model_has_no_cost_and_exit_1(run_cli: RunCli) -> None:
    """The answer is no, with a name to try."""
    result = run_cli("pricing", "cost", "-m", "openai/gpt-5-minni", "--input", "5", "--output", "5")

    assert result.exit_code == 1
    assert result.stdout == ""
    assert "no price for openai/gpt-5-minni" in result.stderr
    assert "Did you mean openai/gpt-5-mini?" in result.stderr


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["cost", "-m", "gpt-5-mini"], "no usage was given"),
        (["cost", "-m", "gpt-5-mini", "--input", "-5"], "input_tokens is -5"),
        (["cost", "-m", "gpt-5-mini", "--unit", "wheels=4"], "no unit 'wheels'"),
        (["cost", "-m", "gpt-5-mini", "--unit", "web_search=4"], "Did you mean web_searches?"),
        (["cost", "-m", "gpt-5-mini", "--unit", "images=x"], "no number"),
        (["cost", "-m", "gpt-5-mini", "--unit", "images=1.5"], "whole numbers"),
        (["cost", "-m", "gpt-5-mini", "--unit", "images"], "is no pair"),
        (["cost", "-m", "gpt-5-mini", "--input", "1", "--at", "2026-02-31"], "--at '2026-02-31' is no date"),
        (["cost", "-m", "gpt-5-mini", "--input", "1", "--price", "nowhere.toml"], "nowhere.toml does not exist"),
        (["cost", "-m", "qqqqqqq", "--input", "1"], "no model 'qqqqqqq'"),
        (["show", "openai/gpt-5-minni"], "Did you mean openai/gpt-5-mini"),
        (["show", "openai/§§§"], "pricing list --provider openai"),
        (["list", "--provider", "opanai"], "no provider 'opanai'"),
        (["list", "--sort", "colour"], "cannot sort by 'colour'"),
        (["check", "nowhere"], "nowhere does not exist"),
        (["diff", "nowhere"], "nowhere does not exist"),
        (["update", "nowhere"], "neither genai-prices nor a price file"),
        (["update", "https://127.0.0.1/prices.json"], "names no price file"),
        (["set", "gpt-5", "--input", "1", "--output", "2"], "does not say who bills"),
        (["set", "openai/x", "--input", "1"], "--output is missing"),
        (["set", "openai/x", "--output", "1"], "--input is missing"),
        (["set", "openai/x"], "no price was given"),
        (["set", "openai/x", "--input", "three", "--output", "1"], "input = 'three' is no number"),
        (["set", "openai/x", "--input", "nan", "--output", "1"], "is no number"),
        (["set", "openai/x", "--price", "per_1k_request=5"], "Did you mean per_1k_requests?"),
        (["set", "openai/x", "--free", "--from", "soon"], "--from 'soon' is no date"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_mistake_is_one_clear_line_and_exit_2(run_cli: RunCli, args: list[str], said: str) -> None:
    """And nothing on stdout."""
    result = run_cli("pricing", *args)

    assert result.exit_code == 2
    assert said in result.stderr
    assert result.stdout == ""
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("schema = 1\n[[model]]\nid = 'x'\n[[model.period]]\ninput = $3\n", "line 5: this is not TOML"),
        ("schema = 1\n[[model]]\nid = 'x'\n[[model.period]]\ninput = -3\noutput = 1\n", "`input` = -3 is negative"),
    ],
    ids=["bad TOML", "negative price"],
)
def test_a_file_that_cannot_be_used_is_exit_3(run_cli: RunCli, home: Path, text: str, said: str) -> None:
    """Every command that needs it says so: file, line and what to write."""
    path = user_file(home, "acme")
    path.parent.mkdir(parents=True)
    path.write_text(text)

    for args in (
        ["cost", "-m", "acme/x", "--input", "1"],
        ["show", "acme/x"],
        ["list"],
        ["check"],
        ["check", str(path)],
    ):
        result = run_cli("pricing", *args)
        assert result.exit_code == 3, args
        assert said in result.stdout + result.stderr
        assert str(path) in result.stdout + result.stderr


def test_an_own_price_is_set_and_wins(run_cli: RunCli, home: Path) -> None:
    """Then it is shown, checked and used; setting it again replaces it."""
    run_cli("pricing", "set", "openrouter/stealth/lark-2", "--input", "1", "--output", "2")
    done = run_cli(
        "pricing", "set", "openrouter/stealth/lark-2", "--input", "3", "--output", "15", "--source", "a mail"
    )
    cost = run_cli(
        "pricing", "cost", "-m", "openrouter/stealth/lark-2", "--input", "1000000", "--output", "0", "--json"
    )
    text = user_file(home, "openrouter").read_text()

    assert done.exit_code == 0
    assert "wins over the packaged table" in done.stderr
    assert json.loads(cost.stdout)["cost_usd"] == "3"
    assert text.count("[[model]]") == 1
    assert 'source = "a mail"' in text
    assert "checked = 2026-11-21" in text
    assert run_cli("pricing", "check", str(user_file(home, "openrouter"))).exit_code == 0


def test_a_discount_from_a_day_keeps_what_was_before(run_cli: RunCli) -> None:
    """80 % of $0.25 from October on."""
    done = run_cli("pricing", "set", "openai/gpt-5-mini", "--multiply", "0.8", "--from", "2026-10-01")
    args = ("pricing", "cost", "-m", "openai/gpt-5-mini", "--input", "1000000", "--output", "0", "--json", "--at")

    assert "changes the table's entry" in done.stderr
    assert json.loads(run_cli(*args, "2026-09-30").stdout)["cost_usd"] == "0.25"
    assert json.loads(run_cli(*args, "2026-10-01").stdout)["cost_usd"] == "0.2"


def test_a_default_of_a_provider_is_an_estimate(run_cli: RunCli) -> None:
    """Opt-in, for models without a price of their own, and always said to be one."""
    done = run_cli("pricing", "set", "openrouter/*", "--input", "1", "--output", "2")
    cost = run_cli("pricing", "cost", "-m", "openrouter/stealth/lark-2", "--input", "1000", "--output", "0")
    found = json.loads(
        run_cli(
            "pricing", "cost", "-m", "openrouter/stealth/lark-2", "--input", "1000", "--output", "0", "--json"
        ).stdout
    )

    assert "is the estimate for models without a price" in done.stderr
    assert "An estimate" in cost.stderr
    assert (found["cost_usd"], found["estimated"]) == ("0.001", True)


def test_an_estimate_for_everything_stands_in_the_file_of_all_providers(run_cli: RunCli, home: Path) -> None:
    """A name that every system can write; 1,000 x $7/M for a model that nobody prices."""
    run_cli("pricing", "set", "*/*", "--input", "7", "--output", "7")
    cost = json.loads(run_cli("pricing", "cost", "-m", "openrouter/stealth/lark-2", "--input", "1000", "--json").stdout)

    assert [path.name for path in (home / ".config" / "llmledger" / "pricing").iterdir()] == ["_any.toml"]
    assert cost["cost_usd"] == "0.007"


@pytest.mark.parametrize("provider", ["..", "a\\b", "a b", ""])
def test_a_name_that_is_no_file_name_is_no_provider(run_cli: RunCli, home: Path, provider: str) -> None:
    """Nothing is written, inside the folder or outside."""
    result = run_cli("pricing", "set", f"{provider}/m", "--input", "1", "--output", "1")

    assert (result.exit_code, result.stdout) == (2, "")
    assert not (home / ".config").exists()


def test_a_price_that_no_table_may_hold_is_not_written(run_cli: RunCli, home: Path) -> None:
    """One line, exit 3, and no file."""
    result = run_cli("pricing", "set", "acme/x", "--input", "-3", "--output", "1")

    assert result.exit_code == 3
    assert "negative" in result.stderr
    assert not user_file(home, "acme").exists()


def test_a_price_file_can_be_tried_without_keeping_it(run_cli: RunCli, tmp_path: Path) -> None:
    """`--price` wins over all others for this once."""
    (tmp_path / "acme.toml").write_text("schema = 1\n[[model]]\nid = 'x'\n[[model.period]]\nper_1k_requests = 5\n")
    result = run_cli(
        "pricing", "cost", "-m", "acme/x", "--unit", "billed_requests=2", "--price", str(tmp_path / "acme.toml")
    )

    assert result.stdout.splitlines()[-1].split() == ["total", "$0.01"]


@pytest.mark.parametrize("columns", ["60", "80", "120"])
def test_a_list_fits_its_terminal(run_cli: RunCli, columns: str) -> None:
    """Columns go by priority; model, input and output always stay."""
    result = run_cli("pricing", "list", "--provider", "anthropic", env={"COLUMNS": columns})
    lines = result.stdout.splitlines()

    assert max(map(len, lines)) <= int(columns)
    assert lines[0].split()[:3] == ["Model", "Input", "Output"]
    assert any(line.startswith("anthropic/claude-sonnet-4-5") for line in lines)


def test_a_list_is_searched_and_sorted(run_cli: RunCli) -> None:
    """The cheapest input first; what has no price last."""
    result = run_cli("pricing", "list", "--provider", "deepseek,groq", "--search", "*o*", "--sort", "input", "--json")
    rows = json.loads(result.stdout)["rows"]
    inputs = [float(row["rate"]["input"]) for row in rows if row["rate"] and "input" in row["rate"]]

    assert {row["provider"] for row in rows} == {"deepseek", "groq"}
    assert inputs == sorted(inputs)
    assert run_cli("pricing", "list", "--sort", "since", "--provider", "deepseek").exit_code == 0
    assert run_cli("pricing", "list", "--sort", "checked", "--provider", "deepseek").exit_code == 0
    assert "No model fits." in run_cli("pricing", "list", "--search", "no-such-thing").stderr


def test_a_model_is_shown_in_full(run_cli: RunCli) -> None:
    """Every period with tiers, modes, windows and evidence; the names it goes by."""
    shown = run_cli("pricing", "show", "deepseek/deepseek-v4-flash").stdout
    sonnet = run_cli("pricing", "show", "claude-sonnet-4-5-20250929").stdout
    rows = json.loads(run_cli("pricing", "show", "deepseek/deepseek-v4-flash", "--json").stdout)["rates"]

    assert "Mon Tue Wed Thu Fri 01:00-04:00, 06:00-10:00 UTC: times 2" in shown
    assert "genai-prices 0.2.3; weekdays from litellm 1.109.1, read 2026-11-21, secondary" in shown
    assert "above 200,000 input tokens: input $6.00" in sonnet
    assert "processing=batch: input $1.50" in sonnet
    assert [row.get("until") for row in rows] == ["2026-08-16T16:00:00+00:00", "2026-08-23", "2026-09-10", None]
    assert "hosted elsewhere" not in shown
    assert "No price is known" in run_cli("pricing", "show", "ollama/gpt-oss:120b-cloud").stdout


def test_a_history_is_drawn(run_cli: RunCli) -> None:
    """A bar a period, the longest for the dearest."""
    lines = run_cli("pricing", "history", "mistral/mistral-large-4").stdout.splitlines()
    rows = json.loads(run_cli("pricing", "history", "mistral/mistral-large-4", "--json").stdout)["rows"]

    assert "$1.36 " + "█" * 20 in lines[2]
    assert [row["input_tokens"] for row in rows] == ["0.68", "1.36", "0.7"]
    assert "free" in run_cli("pricing", "history", "local/smollm2").stdout
    assert "day" in run_cli("pricing", "history", "openrouter/moonshotai/kimi-k3").stderr


@pytest.mark.unmeasured
def test_the_packaged_table_has_no_error(run_cli: RunCli) -> None:
    """And its counts stand beside those of other tables."""
    checked, counted = run_cli("pricing", "check"), run_cli("pricing", "check", "--stats")
    numbers = json.loads(run_cli("pricing", "check", "--stats", "--disputed", "--json").stdout)

    assert checked.exit_code == 0
    assert "error:" not in checked.stdout
    assert "litellm 1.109.1" in counted.stdout
    assert numbers["statistics"]["pairs"] >= 4_600
    assert numbers["statistics"]["sourced"] == numbers["statistics"]["rates"]
    assert len(numbers["disputed"]) == numbers["statistics"]["disputed"]
    assert json.loads(run_cli("pricing", "check", "--json").stdout)["rows"]
    assert "the sources differ" in run_cli("pricing", "check", "--disputed").stderr


def test_two_tables_are_compared(run_cli: RunCli, tmp_path: Path) -> None:
    """Added, removed, changed with the change in per cent."""
    for name, text in (("old", "a|1|2,b|1|1"), ("new", "a|1.5|2,c|1|1")):
        models = [one.split("|") for one in text.split(",")]
        body = "".join(f"[[model]]\nid = '{m}'\n[[model.period]]\ninput = {i}\noutput = {o}\n" for m, i, o in models)
        (tmp_path / name).mkdir()
        (tmp_path / name / "acme.toml").write_text("schema = 1\n" + body)
    result = run_cli("pricing", "diff", str(tmp_path / "old"), str(tmp_path / "new"))
    rows = json.loads(run_cli("pricing", "diff", str(tmp_path / "old"), str(tmp_path / "new"), "--json").stdout)["rows"]

    assert result.stdout.splitlines() == ["~ acme/a: input $1.00 → $1.50 (+50%)", "- acme/b", "+ acme/c"]
    assert [row["kind"] for row in rows] == ["changed", "removed", "added"]
    assert "No differences." in run_cli("pricing", "diff", str(tmp_path / "old"), str(tmp_path / "old")).stderr
