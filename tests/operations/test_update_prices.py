"""Updating prices: the new is added, the changed appended, the insane refused, and ours is never written over."""

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from tests.support.builders import NOON

from llmledger.core.usage import Usage
from llmledger.errors import PriceTableError
from llmledger.operations.update_prices import PriceUpdate, plan_update, write_update
from llmledger.pricebook import load

USAGE = Usage(input_tokens=1_000_000, output_tokens=0)


def table(folder: Path, **periods: str) -> Path:
    """A folder with models of one provider, each with the text of its periods."""
    folder.mkdir(exist_ok=True)
    models = "".join(f'[[model]]\nid = "{name}"\n{text}' for name, text in periods.items())
    (folder / "acme.toml").write_text(f'schema = 1\nprovider = "acme"\n{models}')
    return folder


def period(usd: str, *, since: str = "", until: str = "", source: str = "list 1", more: str = "") -> str:
    """One period's text."""
    edges = (f"from = {since}\n" if since else "") + (f"until = {until}\n" if until else "")
    return f'[[model.period]]\n{edges}input = {usd}\noutput = 1\n{more}source = "{source}"\nchecked = 2026-11-01\n'


def plan(tmp_path: Path, theirs: Path, source: str = "list") -> PriceUpdate:
    """What another table changes of ours."""
    managed = tmp_path / "managed"
    return plan_update(load([tmp_path / "ours", managed]), load([theirs]), managed, now=NOON, source=source)


def input_usd(tmp_path: Path, model: str, day: str) -> Decimal | None:
    """The price of input on a day, after the update."""
    book = load([tmp_path / "ours", tmp_path / "managed"])
    return book.price("acme", model, USAGE, at=datetime.fromisoformat(day).replace(tzinfo=UTC)).usd


def test_a_changed_price_opens_a_period_on_the_day_it_was_seen(tmp_path: Path) -> None:
    """Before today the old price, from today the new one; and that the day is ours, not the vendor's, is said."""
    table(tmp_path / "ours", a=period("3"))
    update = plan(tmp_path, table(tmp_path / "theirs", a=period("4", source="list 2")))
    write_update(update)
    text = (tmp_path / "managed" / "acme.toml").read_text()

    assert [(one.before, one.after) for one in update.changes] == [(Decimal(3), Decimal(4))]
    assert (input_usd(tmp_path, "a", "2026-11-20"), input_usd(tmp_path, "a", "2026-11-21")) == (3, 4)
    assert "from = 2026-11-21\nobserved = true" in text
    assert 'source = "list 2"' in text


def test_the_other_tables_own_date_is_taken_when_it_is_later_than_ours(tmp_path: Path) -> None:
    """They know when the vendor changed it."""
    table(tmp_path / "ours", a=period("3", since="2026-01-01"))
    theirs = table(tmp_path / "theirs", a=period("3", until="2026-10-05") + period("4", since="2026-10-05"))
    write_update(plan(tmp_path, theirs))

    assert (input_usd(tmp_path, "a", "2026-10-04"), input_usd(tmp_path, "a", "2026-10-05")) == (3, 4)
    assert "observed" not in (tmp_path / "managed" / "acme.toml").read_text()


def test_a_price_that_is_announced_stays_announced(tmp_path: Path) -> None:
    """The new period goes between the one in force and next year's."""
    table(tmp_path / "ours", a=period("3", until="2027-01-01") + period("9", since="2027-01-01"))
    write_update(plan(tmp_path, table(tmp_path / "theirs", a=period("4"))))

    found = [input_usd(tmp_path, "a", day) for day in ("2026-11-20", "2026-11-21", "2026-12-31", "2027-01-01")]
    assert found == [3, 4, 4, 9]


def test_a_new_model_comes_with_all_it_has(tmp_path: Path) -> None:
    """Names, tiers, modes and windows survive; ours without it stay."""
    table(tmp_path / "ours", a=period("3"))
    more = (
        "[[model.period.tier]]\nabove = 5\ninput = 7\n"
        '[[model.period.mode]]\nwhen = { processing = "batch" }\nmultiply = 0.5\n'
        '[[model.period.window]]\nhours = [["01:00", "04:00"]]\ntz = "UTC"\ninput = 9\n'
    )
    theirs = table(tmp_path / "theirs", b='names = ["bee"]\ndated = true\n' + period("2") + more)
    update = plan(tmp_path, theirs)
    write_update(update)
    entry = load([tmp_path / "ours", tmp_path / "managed"]).entry("acme", "bee-20261001")

    assert [one.model for one in update.changes] == ["b"]
    assert entry is not None
    assert entry.id == "b"
    assert (entry.rates[0].tiers[0].threshold, entry.rates[0].modes[0].multiply) == (5, Decimal("0.5"))
    assert entry.rates[0].windows[0].hours == ((60, 240),)
    assert entry.rates[0].checked == date(2026, 11, 1)
    assert input_usd(tmp_path, "a", "2026-11-21") == 3


def test_an_update_twice_is_an_update_once(tmp_path: Path) -> None:
    """The second finds nothing."""
    table(tmp_path / "ours", a=period("3"))
    theirs = table(tmp_path / "theirs", a=period("4"))
    write_update(plan(tmp_path, theirs))
    again = plan(tmp_path, theirs)

    assert (again.changes, again.files) == ([], {})


def test_a_jump_of_more_than_five_times_is_insane(tmp_path: Path) -> None:
    """litellm's wrong-unit incident: 3 to 15 is news, 3 to 15.1 or to 0.59 is a slip until somebody looked."""
    table(tmp_path / "ours", a=period("3"), b=period("3"), c=period("3"))
    theirs = table(tmp_path / "theirs", a=period("15"), b=period("15.1"), c=period("0.59"))

    assert [one.model for one in plan(tmp_path, theirs).insane] == ["b", "c"]


def test_a_price_from_better_evidence_is_kept_and_told(tmp_path: Path) -> None:
    """The list may correct what came from it, not what somebody read at the vendor."""
    mixed = period("3", source="list 1; vendor page for per_1k_requests", more="per_1k_requests = 5\n")
    table(tmp_path / "ours", a=period("3", source="https://vendor.example/prices"), b=mixed)
    theirs = table(tmp_path / "theirs", a=period("4"), b=period("3", more="per_1k_requests = 12\n"))
    update = plan(tmp_path, theirs)

    assert ([one.model for one in update.kept], update.changes, update.files) == (["a"], [], {})


def test_a_table_that_cannot_be_used_changes_nothing(tmp_path: Path) -> None:
    """The last good table stays."""
    table(tmp_path / "ours", a=period("3"))
    theirs = table(tmp_path / "theirs", a=period("-4"))

    with pytest.raises(PriceTableError):
        plan(tmp_path, theirs)
    assert not (tmp_path / "managed").exists()


def test_what_is_free_or_has_no_price_now_is_left_alone(tmp_path: Path) -> None:
    """A model of theirs whose price has ended, and whatever runs here anyway."""
    (tmp_path / "ours").mkdir()
    (tmp_path / "ours" / "acme.toml").write_text(
        'schema = 1\n[[model]]\nid = "any"\nany = true\n[[model.period]]\nfree = true\n'
    )
    theirs = table(tmp_path / "theirs", a=period("4"), b=period("4", until="2026-01-01"))

    assert plan(tmp_path, theirs).files == {}
