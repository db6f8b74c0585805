"""What `reconcile` shows in each form: the statement alone, advice, coverage; and that nothing foreign acts in any."""

import csv
import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from tests.support.billed_ledger import HEADER, MODEL, a_ledger, a_request, an_export, line, the_bill

Run = Callable[..., Any]
USAGE = (
    "start_time,end_time,start_time_iso,end_time_iso,project_id,num_model_requests,user_id,api_key_id,model,batch,"
    "service_tier,input_tokens,output_tokens,input_cached_tokens,input_uncached_tokens\n"
)


@pytest.fixture
def ledger(ledger_path: Path, clock: Callable[[], datetime]) -> Path:
    """A ledger with two requests of $0.065."""
    return a_ledger(ledger_path, [a_request(1), a_request(2)], clock)


@pytest.fixture
def bill(tmp_path: Path) -> Path:
    """The export that bills exactly them: $0.13."""
    return an_export(tmp_path / "cost.csv", *the_bill())


@pytest.fixture
def prices(home: Path) -> Path:
    """The user's own prices: $0.25 in, $2 out per million."""
    path = home / ".config" / "llmledger" / "pricing" / "openai.toml"
    path.parent.mkdir(parents=True)
    path.write_text(
        f'schema = 1\nprovider = "openai"\n[[model]]\nid = "{MODEL}"\n[[model.period]]\ninput = 0.25\noutput = 2\n'
        'source = "a contract"\nchecked = 2026-11-21\n',
        encoding="utf-8",
    )
    return path


def usage_export(path: Path) -> Path:
    """Two requests with 200,000 tokens in and 40,000 out, without money."""
    row = f"1790726400,1790812800,,,proj,2,,key_a,{MODEL},FALSE,default,200000,40000,0,200000\n"
    path.write_text(USAGE + row, encoding="utf-8")
    return path


@pytest.mark.parametrize("form", ["table", "md", "html"])
def test_a_statement_alone_is_in_every_form(run_cli: Run, bill: Path, form: str) -> None:
    """Without a ledger: that there is none, each price that is not ours, the bill by model, key, project and day."""
    told = run_cli("reconcile", bill, "--format", form).stdout

    for words in (
        "here is the statement alone",
        "$0.25 per 1M tokens",
        "our table has no price",
        "Project",
        "proj",
        "key_a",
        "240,000",
        "2026-09-30",
        "llmledger import",
    ):
        assert words in told.replace("\n", " "), words


def test_a_statement_alone_is_in_json_with_exact_amounts(run_cli: Run, tmp_path: Path) -> None:
    """The kinds of lines add up to the bill: 0.13 of usage and 0.5 of a kind that nobody knows."""
    bill = an_export(tmp_path / "cost.csv", *the_bill(), line("wonders", 1, "0.5"))
    alone = json.loads(run_cli("reconcile", bill, "--json").stdout)["statements"][0]["statement_alone"]

    assert alone["kinds"] == [
        {"kind": "unknown", "billed_usd": "0.5", "lines": 1},
        {"kind": "usage", "billed_usd": "0.13", "lines": 2},
    ]
    assert [(one["meter"], one["implied_usd_per_1m"], one["expected_usd_per_1m"]) for one in alone["other_prices"]] == [
        ("input_tokens", "0.25", None),
        ("output_tokens", "2", None),
    ]
    assert alone["by"]["key"] == [
        {"key": "key_a", "billed_usd": "0.13", "tokens": 240_000, "at_our_prices_usd": None, "lines": 2}
    ]
    assert alone["by"]["day"][0]["day"] == "2026-09-30"


def test_the_kinds_of_lines_are_told_when_there_are_several(run_cli: Run, tmp_path: Path) -> None:
    """$0.13 of usage and $0.5 of what nobody knows, and what to do about that."""
    told = run_cli("reconcile", an_export(tmp_path / "cost.csv", *the_bill(), line("wonders", 1, "0.5"))).stdout

    assert [text.split() for text in told.splitlines() if text.startswith(("unknown", "usage"))] == [
        ["unknown", "$0.50", "1"],
        ["usage", "$0.13", "2"],
    ]
    assert "1 line is of a kind that we do not know" in told


@pytest.mark.usefixtures("ledger")
def test_with_money_to_compare_there_is_no_statement_alone(run_cli: Run, bill: Path) -> None:
    """Null, and the rows are those of the comparison."""
    assert json.loads(run_cli("reconcile", bill, "--json").stdout)["statements"][0]["statement_alone"] is None


@pytest.mark.usefixtures("prices")
def test_prices_that_agree_with_our_table_are_counted(run_cli: Run, tmp_path: Path) -> None:
    """Both are ours; when one is not, it is named and the other still counts."""
    ours = run_cli("reconcile", an_export(tmp_path / "cost.csv", *the_bill())).stdout
    other = run_cli("reconcile", an_export(tmp_path / "cost.csv", line("input_tokens", 200_000, "0.1"), the_bill()[1]))

    assert "2 unit prices on it: as in our table." in ours
    assert "At our prices" in ours
    assert "$0.50 per 1M tokens since 2026-09-30; our table has $0.25." in other.stdout
    assert "1 other unit price on it: as in our table." in other.stdout


def test_that_no_price_can_be_checked_is_said(run_cli: Run, tmp_path: Path) -> None:
    """A statement of tokens alone is not called right."""
    told = run_cli("reconcile", usage_export(tmp_path / "usage.csv")).stdout.replace("\n", " ")

    assert "No price on it can be checked" in told
    assert "as in our table" not in told
    assert "$0 " not in told


def test_lines_of_whole_requests_are_checked_as_a_sum(run_cli: Run, tmp_path: Path) -> None:
    """One amount for input and output tells no unit price; the sum at our prices stands beside it. An estimate is none."""
    logs = [
        {
            "request_id": "a",
            "model_group": "small",
            "custom_llm_provider": "openai",
            "model": "gpt-5-mini",
            "startTime": "2026-10-14T08:00:00Z",
            "spend": 0.5,
            "prompt_tokens": 1_000_000,
            "completion_tokens": 100_000,
            "metadata": {"usage_object": {"prompt_tokens_details": None}},
        }
    ]
    path = tmp_path / "logs.json"
    path.write_text(json.dumps(logs), encoding="utf-8")
    told = run_cli("reconcile", path).stdout.replace("\n", " ")

    assert "Estimated for OpenAI: $0.50 for 2026-10-14 (UTC)." in told
    assert "compare what is billed with the sum at our prices" in told
    # 1,000,000 at $0.25 and 100,000 at $2 per million are 0.25 + 0.20.
    assert "$0.45" in told


@pytest.mark.usefixtures("ledger", "prices")
def test_usage_without_money_is_compared_in_tokens_and_priced_by_our_table(run_cli: Run, tmp_path: Path) -> None:
    """200,000 in at $0.25 and 40,000 out at $2 per million are 0.05 + 0.08 = $0.13, beside the ledger's."""
    bill = usage_export(tmp_path / "usage.csv")
    told = run_cli("reconcile", bill)
    statement = json.loads(run_cli("reconcile", bill, "--json").stdout)["statements"][0]

    assert told.exit_code == 0
    assert "Every token of it is in the ledger." in told.stdout
    assert "At our prices its tokens cost $0.13. The ledger has $0.13." in told.stdout
    assert (statement["billed_usd"], statement["ledger_usd"]) == (None, "0.13")
    assert statement["statement_alone"]["by"]["model"][0]["at_our_prices_usd"] == "0.13"
    assert "100% of the billed requests and 100% of the billed tokens" in told.stdout


@pytest.mark.usefixtures("ledger")
def test_tokens_that_no_price_covers_are_not_called_free(run_cli: Run, tmp_path: Path) -> None:
    """Our table does not know the model."""
    assert "Our table has no price for its tokens." in run_cli("reconcile", usage_export(tmp_path / "u.csv")).stdout


@pytest.mark.usefixtures("ledger", "prices")
def test_tokens_that_our_prices_cover_in_part_are_not_called_the_sum(run_cli: Run, tmp_path: Path) -> None:
    """$0.13 for one model, and another that our table does not know."""
    bill = usage_export(tmp_path / "usage.csv")
    text = bill.read_text(encoding="utf-8")
    bill.write_text(text + text.splitlines()[1].replace(MODEL, "unheard-1") + "\n", encoding="utf-8")
    told = run_cli("reconcile", bill).stdout.replace("\n", " ")

    assert "its tokens cost $0.13, without those that our table has no price for." in told


@pytest.mark.usefixtures("ledger")
def test_what_was_recorded_belongs_to_one_ledger(
    run_cli: Run, tmp_path: Path, bill: Path, clock: Callable[[], datetime]
) -> None:
    """Two are compared as one, and settled apart."""
    other = a_ledger(tmp_path / "other.db", [a_request(3)], clock)
    result = run_cli("reconcile", bill, "--ledger", other, "--ledger", other, "--record")

    assert result.exit_code == 2
    assert "--record needs one ledger" in result.stderr


@pytest.mark.usefixtures("ledger")
@pytest.mark.parametrize("form", ["table", "md", "html", "json"])
def test_advice_and_coverage_are_in_every_form(run_cli: Run, tmp_path: Path, form: str) -> None:
    """The patch of the price table with the name of its file, what to do about another key, and what was seen."""
    bill = an_export(
        tmp_path / "cost.csv",
        line("input_tokens", 200_000, "0.1"),
        the_bill()[1],
        line("input_tokens", 7_600_000, "1.9", key="key_4f2a", day=1790640000),
        line("input_tokens", 10, "0.1", key="key_a", day=1790553600),
    )
    told = run_cli("reconcile", bill, "--format", form).stdout

    assert "[[model.period]]" in told
    assert "input = 0.5" in told
    assert "openai" in told
    assert "key_4f2a" in told
    assert ("billed_tokens" if form == "json" else "Coverage: the ledger saw") in told
    assert ("extends = true\\n" if form == "json" else "extends = true\n") in told


@pytest.mark.usefixtures("ledger")
def test_coverage_counts_what_a_seen_key_lacks(run_cli: Run, tmp_path: Path) -> None:
    """Three requests are billed and two were seen: two thirds, rounded down, not all of the key."""
    told = run_cli("reconcile", an_export(tmp_path / "cost.csv", *the_bill(3))).stdout

    assert "Coverage: the ledger saw 66.6% of the billed tokens (key_a 66.6%)." in told


@pytest.mark.usefixtures("ledger")
def test_a_lack_that_two_keys_share_is_told_as_about(run_cli: Run, tmp_path: Path) -> None:
    """240,000 of 480,000 tokens were seen; which key they were of cannot be known when both could be it."""
    rows = [*the_bill(), *(row.replace("key_a", "key_b") for row in the_bill())]
    told = run_cli("reconcile", an_export(tmp_path / "cost.csv", *rows), "--json").stdout
    coverage = json.loads(told)["statements"][0]["coverage"]

    assert sum(one["billed_tokens"] for one in coverage) == 480_000
    assert sum(one["seen_tokens"] for one in coverage) == 240_000


@pytest.mark.usefixtures("ledger")
def test_evidence_is_whole_on_a_narrow_terminal(run_cli: Run, tmp_path: Path) -> None:
    """It follows the table in sentences instead of being cut."""
    bill = an_export(tmp_path / "cost.csv", *the_bill(3))
    told = run_cli("reconcile", bill, env={"COLUMNS": "60"}).stdout

    assert "billed +100,000 input tokens, +20,000 output tokens against the ledger." in told.replace("\n", " ")
    assert "…" not in told
    assert max(map(len, told.splitlines())) <= 60


@pytest.mark.usefixtures("ledger")
def test_the_class_of_findings_can_be_chosen_in_every_form(run_cli: Run, tmp_path: Path) -> None:
    """However it is written; of what was recorded too."""
    rows = [*the_bill(), line("input_tokens", 7_600_000, "1.9", key="key_4f2a")]
    bill = an_export(tmp_path / "cost.csv", *rows)
    run_cli("reconcile", bill, "--record")
    rows_told = json.loads(run_cli("reconcile", bill, "--class", "other_key", "--json").stdout)["statements"][0]["rows"]
    kept = json.loads(run_cli("reconcile", "show", "1", "--class", "other-key", "--json").stdout)["rows"]
    table = list(csv.DictReader(run_cli("reconcile", "show", "1", "--format", "csv").stdout.splitlines()))

    assert [one["class"] for one in rows_told] == ["other key or host"]
    assert [(one["class"], one["difference_usd"], one["model"]) for one in kept] == [
        ("other key or host", "1.9", "demo-mini")
    ]
    assert len(table) == 2
    assert "matched" not in run_cli("reconcile", "show", "1", "--class", "other_key").stdout
    assert "matched" not in run_cli("reconcile", bill, "--class", "OTHER KEY", "--format", "html").stdout
    assert "none" in run_cli("reconcile", bill, "--class", "cache_ttl").stdout


@pytest.mark.usefixtures("ledger")
def test_a_statement_cannot_drive_the_terminal_or_a_page(run_cli: Run, tmp_path: Path) -> None:
    """Escapes, links, images and formulas in its texts come out as texts."""
    evil = '"\x1b[2J\x07 [x](javascript:alert) ![i](http://h/i) <img src=x>, wonders"'
    row = f"1790726400,1790812800,,,0.5,usd,1,tokens,{evil},,=HYPERLINK(1),proj,org,,,,\n"
    path = tmp_path / "cost.csv"
    path.write_text(HEADER + "".join([*the_bill(), row]), encoding="utf-8")
    told = {
        form: run_cli("reconcile", path, "--by", "key", "--format", form).stdout for form in ("table", "md", "html")
    }

    assert "\x1b" not in told["table"]
    assert "\x07" not in told["table"]
    assert "](" not in told["md"].replace("\\](", "")
    assert "<img" not in told["md"] + told["html"]
    assert "<td>&#x27;=HYPERLINK" in told["html"]
    assert "| '=HYPERLINK" in told["md"]
    assert "http" not in told["html"].replace("http://h/i", "")


@pytest.mark.usefixtures("ledger")
def test_the_order_of_files_and_ledgers_does_not_matter(
    run_cli: Run, tmp_path: Path, clock: Callable[[], datetime]
) -> None:
    """Two exports and two ledgers in either order are the same answer, to the byte."""
    one = a_ledger(tmp_path / "one.db", [a_request(1), a_request(2)], clock)
    two = a_ledger(tmp_path / "two.db", [a_request(3)], clock)
    first = an_export(tmp_path / "a.csv", the_bill(3)[0])
    second = an_export(tmp_path / "b.csv", the_bill(3)[1], line("input_tokens", 7_600_000, "1.9", key="key_4f2a"))
    usage = usage_export(tmp_path / "c.csv")
    forwards = run_cli("reconcile", first, second, usage, "--ledger", one, "--ledger", two, "--json")
    backwards = run_cli("reconcile", usage, second, first, "--ledger", two, "--ledger", one, "--json")

    assert forwards.exit_code == backwards.exit_code
    assert json.loads(forwards.stdout)["statements"] == json.loads(backwards.stdout)["statements"]
    assert [told["statement"]["name"] for told in json.loads(forwards.stdout)["statements"]] == [
        "a.csv + b.csv",
        "c.csv",
    ]


@pytest.mark.usefixtures("ledger")
def test_foreign_money_is_converted_by_the_given_or_the_configured_rate(
    run_cli: Run, home: Path, tmp_path: Path
) -> None:
    """0.13 yuan at 0.1391 are $0.018083; by the table, 6.5 yuan a dollar from the first of September, $0.02."""
    path = an_export(tmp_path / "cost.csv", *the_bill())
    path.write_text(path.read_text().replace(",usd,", ",cny,"))
    given = run_cli("reconcile", path, "--fx", "CNY=0.1391", "--json").stdout
    (home / ".config" / "llmledger").mkdir(parents=True, exist_ok=True)
    (home / ".config" / "llmledger" / "config.toml").write_text(
        '[fx.CNY]\n2026-08-01 = "26"\n2026-09-01 = "6.5"\n2026-10-01 = "13"\n', encoding="utf-8"
    )
    dated = run_cli("reconcile", path, "--json").stdout

    assert json.loads(given)["statements"][0]["billed_usd"] == "0.018083"
    assert json.loads(dated)["statements"][0]["billed_usd"] == "0.02"


@pytest.mark.usefixtures("ledger")
def test_what_stays_unexplained_is_named_with_its_tolerance(run_cli: Run, tmp_path: Path) -> None:
    """$3 of an unknown kind in one of two statements."""
    odd = an_export(tmp_path / "odd.csv", *the_bill(), line("wonders", 1, "3"))
    result = run_cli("reconcile", odd, usage_export(tmp_path / "usage.csv"))

    assert result.exit_code == 1
    assert "odd.csv: $3.00 stays unexplained, the tolerance is $1.00 (1 statement of 2 like this)" in result.stderr


def test_a_period_and_its_days_are_those_of_the_statement(
    run_cli: Run, tmp_path: Path, ledger_path: Path, clock: Callable[[], datetime]
) -> None:
    """11:20 UTC on the last of September is October at 14 hours east: $0.065 of October, without the request of 08:01."""
    a_ledger(ledger_path, [a_request(1), a_request(200)], clock)
    rules = tmp_path / "rules.toml"
    rules.write_text(
        'provider = "openai"\ntimezone = "Pacific/Kiritimati"\ndate_format = "%Y-%m-%d"\n[columns]\ndate = "Day"\n'
        'model = "Model"\nkind = "Kind"\nquantity = "Count"\namount = "Cost"\n'
        '[kinds]\nin = "input_tokens"\nout = "output_tokens"\n',
        encoding="utf-8",
    )
    bill = tmp_path / "bill.csv"
    bill.write_text(
        f"Day,Model,Kind,Count,Cost\n2026-10-01,{MODEL},in,100000,0.025\n2026-10-01,{MODEL},out,20000,0.04\n",
        encoding="utf-8",
    )
    told = run_cli("reconcile", bill, "--rules", rules, "-p", "2026-10").stdout.replace("\n", " ")

    assert "OpenAI billed $0.065 for October 2026 (Pacific/Kiritimati). The ledger has $0.065." in told
    assert "with 1 request of the ledger" in told
