"""Broken price files: one clear line each, with file, line and key, and what to write instead."""

from datetime import date
from pathlib import Path

import pytest

from llmledger.errors import PriceTableError
from llmledger.pricebook import load
from llmledger.pricebook.checking import Severity, check_path

TODAY = date(2026, 11, 21)
HEAD = 'schema = 1\nprovider = "acme"\n\n[[model]]\nid = "rocket"\n'
GOOD = "[[model.period]]\ninput = 3\noutput = 15\nsource = 'page'\nchecked = 2026-11-20\n"

BROKEN = {
    "no-toml": (HEAD + "[[model.period]]\ninput = $3\n", "line 7: this is not TOML", "input = 3"),
    "unclosed-text": (HEAD + GOOD.replace("'page'", "'page"), "this is not TOML: expected", "key = value"),
    "negative": (
        HEAD + "[[model.period]]\ninput = -3\noutput = 1\n",
        "line 7, model rocket, period 1: `input` = -3",
        "zero or more",
    ),
    "per-token": (HEAD + "[[model.period]]\ninput = 0.000003\noutput = 1\n", "`input` = 0.000003 USD", "input = 3"),
    "per-mille": (HEAD + "[[model.period]]\ninput = 15000\noutput = 1\n", "beyond belief", "USD per 1M"),
    "too-fine": (HEAD + "[[model.period]]\ninput = 1.0399999999999998\n", "more than 9 decimals", "input = 1.04"),
    "as-text": (HEAD + '[[model.period]]\ninput = "$3"\n', "`input` = '$3' is no number", "input = 3, without quotes"),
    "nan": (HEAD + "[[model.period]]\ninput = nan\n", "is no number", "input = 3"),
    "misspelled": (HEAD + GOOD + "cached_read = 1\n", "unknown key `cached_read`", "`cache_read`"),
    "unheard-of": (HEAD + GOOD + "wheels = 4\n", "line 11, model rocket, period 1: unknown key `wheels`", "Remove it"),
    "overlap": (HEAD + GOOD + GOOD, "two periods overlap from the beginning", "`from`"),
    "overlap-dated": (
        HEAD + GOOD + GOOD.replace("input", "from = 2026-10-01\ninput"),
        "two periods overlap from 2026-10-01",
        "until = 2026-10-01",
    ),
    "backwards": (
        HEAD + GOOD.replace("input", "from = 2026-10-01\nuntil = 2026-09-01\ninput"),
        "not after `from`",
        "instant",
    ),
    "date-as-text": (HEAD + GOOD.replace("input", 'from = "2026-10-01"\ninput'), "`from` is no date", "without quotes"),
    "no-date": (HEAD + GOOD.replace("input", 'from = "soon"\ninput'), "`from` is no date", "2026-10-01"),
    "no-zone": (HEAD + GOOD.replace("input", "from = 2026-10-01T10:00:00\ninput"), "has no time zone", "Z"),
    "checked-as-text": (HEAD + GOOD.replace("2026-11-20", '"now"'), "`checked` is no date", "without quotes"),
    "free-and-priced": (HEAD + GOOD + "free = true\n", "it is free and has prices", "Remove"),
    "zero": (HEAD + GOOD.replace("15", "0").replace("3\n", "0\n"), "all its prices are 0", "free = true"),
    "empty-period": (HEAD + "[[model.period]]\nsource = 'x'\n", "it has no price", "input = 3"),
    "multiply-nothing": (HEAD + "[[model.period]]\nmultiply = 0.5\n", "nothing to multiply", "extends = true"),
    "not-a-factor": (HEAD + "extends = true\n[[model.period]]\nmultiply = 0\n", "is no multiplier", "0.5"),
    "two-thresholds": (
        HEAD + GOOD + "[[model.period.tier]]\nabove = 1\nat_least = 1\ninput = 1\n",
        "one threshold",
        "above",
    ),
    "no-threshold": (HEAD + GOOD + "[[model.period.tier]]\ninput = 1\n", "one threshold", "above"),
    "odd-threshold": (HEAD + GOOD + "[[model.period.tier]]\nabove = 1.5\ninput = 1\n", "no whole number", "200_000"),
    "empty-tier": (HEAD + GOOD + "[[model.period.tier]]\nabove = 1\n", "tier 1: it has no price", "input = 6"),
    "twin-tiers": (
        HEAD + GOOD + 2 * "[[model.period.tier]]\nabove = 1\ninput = 1\n",
        "two tiers begin at 1",
        "Join",
    ),
    "no-selector": (HEAD + GOOD + "[[model.period.mode]]\ninput = 1\n", "it has no selector", "when = "),
    "idle-mode": (HEAD + GOOD + '[[model.period.mode]]\nwhen = { a = "b" }\n', "it changes nothing", "multiply"),
    "odd-only": (
        HEAD + GOOD + '[[model.period.mode]]\nwhen = { a = "b" }\nmultiply = 2\nonly = ["x"]\n',
        "'x'",
        "only",
    ),
    "odd-hours": (HEAD + GOOD + '[[model.period.window]]\nhours = ["25:00"]\nmultiply = 2\n', "`hours`", "01:00"),
    "late-hours": (
        HEAD + GOOD + '[[model.period.window]]\nhours = [["01:00", "25:00"]]\nmultiply = 2\n',
        "`hours`",
        "01:00",
    ),
    "odd-day": (
        HEAD + GOOD + '[[model.period.window]]\nhours = [["1:00", "2:00"]]\ndays = ["Mo"]\nmultiply = 2\n',
        "'Mo'",
        "mon",
    ),
    "odd-zone": (
        HEAD + GOOD + '[[model.period.window]]\nhours = [["1:00", "2:00"]]\ntz = "Mars"\nmultiply = 2\n',
        "'Mars'",
        "UTC",
    ),
    "idle-window": (
        HEAD + GOOD + '[[model.period.window]]\nhours = [["1:00", "2:00"]]\n',
        "it changes nothing",
        "multiply",
    ),
    "greedy-prefix": (HEAD + 'prefix = ["rock"]\n' + GOOD, "prefix 'rock' would claim", "End it"),
    "loose-regex": (HEAD + "regex = ['rock']\n" + GOOD, "match inside other names", "^"),
    "bad-regex": (HEAD + "regex = ['^(']\n" + GOOD, "is no regular expression", "unterminated"),
    "odd-names": (HEAD + 'names = "x"\n' + GOOD, "`names` is no list", '["..."'),
    "odd-flag": (HEAD + 'dated = "yes"\n' + GOOD, "neither true nor false", "dated = true"),
    "odd-period": (HEAD + "period = 3\n", "`period` is no list of tables", "[[model.period]]"),
    "empty-source": (HEAD + GOOD.replace("'page'", "''"), "`source` is no text", 'source = "..."'),
    "nameless-alias": (HEAD + "[[model.alias]]\nfrom = 2026-01-01\n" + GOOD, "alias: it has no name", "name ="),
    "no-id": ('schema = 1\n[[model]]\nnames = ["x"]\n', "line 2: a model has no id", 'id = "..."'),
    "newer-schema": (HEAD.replace("schema = 1", "schema = 2") + GOOD, "schema = 2 is not one", "schema = 1"),
    "wrong-name": (HEAD.replace("acme", "other") + GOOD, "does not fit the file's name", "other.toml"),
    "odd-dialects": ("schema = 1\ndialects = 3\n" + HEAD[11:] + GOOD, "`dialects` is no table", "[dialects]"),
    "odd-scheme": ("schema = 1\nauth_scheme = 3\n" + HEAD[11:] + GOOD, "`auth_scheme` is no text", "Bearer"),
    "late-table": (HEAD + GOOD + '[dialects]\n"/v1" = "x"\n', "`dialects` stands after the models", "above"),
    "odd-least": (HEAD + GOOD + "least = { wheels = 4 }\n", "`least` cannot be read", "audio_seconds = 10"),
    "twice": (HEAD + GOOD + '[[model]]\nid = "Rocket"\n' + GOOD, "both rocket and Rocket claim", "Leave the name"),
}


@pytest.mark.parametrize(("text", "what", "instead"), BROKEN.values(), ids=BROKEN)
def test_a_broken_file_says_where_it_is_broken_and_what_to_write(
    tmp_path: Path, text: str, what: str, instead: str
) -> None:
    """One line that names the file, and a hint."""
    path = tmp_path / "acme.toml"
    path.write_text(text)
    errors = [one for one in check_path(path, today=TODAY) if one.severity is Severity.ERROR]

    assert len(errors) == 1
    assert errors[0].message.startswith(f"{path}, line") or errors[0].message.startswith(f"{path}: ")
    assert what in errors[0].message
    assert instead in errors[0].hint
    assert "\n" not in errors[0].message + errors[0].hint


@pytest.mark.parametrize("name", ["negative", "misspelled", "overlap", "no-toml", "newer-schema"])
def test_a_broken_file_prices_nothing(tmp_path: Path, name: str) -> None:
    """litellm's wrong-unit incidents: a bad file is loud, it is never half used."""
    (tmp_path / "acme.toml").write_text(BROKEN[name][0])

    with pytest.raises(PriceTableError):
        load([tmp_path]).entry("acme", "rocket")


def test_one_broken_model_does_not_hide_the_next(tmp_path: Path) -> None:
    """Both errors are told in one run."""
    (tmp_path / "acme.toml").write_text(BROKEN["negative"][0] + '[[model]]\nid = "b"\n[[model.period]]\ninput = "x"\n')

    assert [one.severity for one in check_path(tmp_path, today=TODAY)] == [Severity.ERROR, Severity.ERROR]


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    """Saved in another encoding, or no file at all."""
    (tmp_path / "acme.toml").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "folder.toml").mkdir()
    messages = [one.message for one in check_path(tmp_path, today=TODAY)]

    assert messages[0].endswith("acme.toml: is no UTF-8 text")
    assert "folder.toml: cannot be read" in messages[1]


def test_a_version_file_that_is_no_toml_is_refused(tmp_path: Path) -> None:
    """Rows would name a version that nobody can find."""
    (tmp_path / "VERSION.toml").write_text("version = 2026.11.20")

    with pytest.raises(PriceTableError, match="this is not TOML"):
        _ = load([tmp_path]).date_version


def test_doubts_are_warnings(tmp_path: Path) -> None:
    """Gaps, jumps, missing evidence and age do not stop anybody."""
    periods = (
        "[[model.period]]\nuntil = 2026-01-01\ninput = 1\noutput = 1\nsource = 'x'\nchecked = 2026-11-20\n"
        "[[model.period]]\nfrom = 2026-02-01\nuntil = 2026-03-01\ninput = 6\noutput = 1\n"
        "cache_read = 7\nchecked = 2026-11-20\n"
        "[[model.period]]\nfrom = 2026-03-01\ninput = 6\noutput = 1\nsource = 'x'\nchecked = 2026-08-01\n"
    )
    (tmp_path / "acme.toml").write_text(
        HEAD + periods + '[[model]]\nid = "bare"\n[[model.period]]\nfree = true\n[[model]]\nid = "none"\n'
    )
    found = list(check_path(tmp_path, today=TODAY))

    assert {one.severity for one in found} == {Severity.WARNING}
    said = " | ".join(one.message for one in found)
    for expected in (
        "no rate from 2026-01-01 to 2026-02-01",
        "`input` changes by more than 5x at 2026-02-01",
        "a rate has no source",
        "`cache_read` costs more than input",
        "last checked 112 days ago",
        "a rate has no `checked`",
        "it has no rate",
    ):
        assert expected in said
