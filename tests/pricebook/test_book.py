"""The price book: names, times, layers, versions; and that it never guesses."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from llmledger.core.usage import Usage
from llmledger.core.words import Outcome
from llmledger.errors import PriceTableError
from llmledger.pricebook import PriceBook, load

AT = datetime(2026, 11, 1, tzinfo=UTC)
USAGE = Usage(input_tokens=1_000_000, output_tokens=0)

TABLE = """\
schema = 1
provider = "acme"
routes = ["models/"]
fallback = ["other"]

[[model]]
id = "rocket-4"
names = ["Rocket-Four"]
dated = true
prefix = ["rocket-4@"]
[[model.alias]]
name = "rocket-latest"
until = 2026-09-01
[[model.period]]
until = 2026-03-13
input = 10
output = 30
[[model.period]]
from = 2026-03-13
input = 3
output = 15

[[model]]
id = "rocket-5"
[[model.alias]]
name = "rocket-latest"
from = 2026-09-01
[[model.period]]
from = 2026-06-01
input = 5
output = 25

[[model]]
id = "rocket-4-ft"
regex = ['^ft:rocket-4(-[0-9-]+)?:']
[[model.period]]
input = 6
output = 30
"""
OTHER = 'schema = 1\nprovider = "other"\n[[model]]\nid = "comet"\n[[model.period]]\ninput = 1\noutput = 1\n'
OPEN = (
    'schema = 1\nprovider = "home"\n[[model]]\nid = "any"\nany = true\nexcept = ["[:-]cloud$"]\n'
    "[[model.period]]\nfree = true\n"
)


def write(folder: Path, **files: str) -> Path:
    """A price folder."""
    folder.mkdir(exist_ok=True)
    (folder / "VERSION.toml").write_text('schema = 1\nversion = "2026.11.20"\n[aliases]\n"acme_ai" = "acme"\n')
    for name, text in files.items():
        (folder / f"{name}.toml").write_text(text)
    return folder


@pytest.fixture
def book(tmp_path: Path) -> PriceBook:
    """Three providers."""
    return load([write(tmp_path / "packaged", acme=TABLE, other=OTHER, home=OPEN)])


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("rocket-4", "rocket-4"),
        ("ROCKET-4", "rocket-4"),
        ("rocket-four", "rocket-4"),
        ("models/rocket-4", "rocket-4"),
        ("rocket-4-20260102", "rocket-4"),
        ("rocket-4-2026-01-02", "rocket-4"),
        ("rocket-4@20260102", "rocket-4"),
        ("rocket-4-20260102-v1:0", "rocket-4"),
        ("models/rocket-4-20260102", "rocket-4"),
        ("rocket-4@default", "rocket-4"),
        ("ft:rocket-4:acme::abc", "rocket-4-ft"),
        ("ft:rocket-4-2026-01-02:acme", "rocket-4-ft"),
    ],
)
def test_a_name_is_found_by_the_rules_its_entry_states(book: PriceBook, name: str, found: str) -> None:
    """Exact, route prefix, date suffix, delimited prefix, anchored pattern."""
    assert book.resolve("acme", name, at=AT) == found


@pytest.mark.parametrize(
    "name",
    ["rocket", "rocket-4-mini", "rocket-45", "rocket-4-v9", "rocket-5-20260102", "ft:rocket-5:x", "my-rocket-4", ""],
)
def test_resemblance_is_no_match(book: PriceBook, name: str) -> None:
    """tokscale#523, claude-powerline#71, genai-prices#471: a near name belongs to another model; better no price."""
    cost = book.price("acme", name, USAGE, at=AT)

    assert (cost.outcome, cost.nanousd) == (Outcome.UNPRICED, None)
    assert cost.reason == f"no price for acme/{name}"


@pytest.mark.parametrize(("day", "expected"), [("2026-03-12", 10), ("2026-03-13", 3)])
def test_a_request_is_priced_by_the_rate_of_its_day(book: PriceBook, day: str, expected: int) -> None:
    """The boundary day belongs to the new rate."""
    cost = book.price("acme", "rocket-4", USAGE, at=datetime.fromisoformat(day).replace(tzinfo=UTC))

    assert cost.nanousd == expected * 10**9


def test_a_rate_names_itself_and_its_version(book: PriceBook) -> None:
    """Who reads the row later can find the rate."""
    cost = book.price("acme", "rocket-4", USAGE, at=AT)

    assert cost.rate_id == "acme/rocket-4@2026-03-13"
    assert cost.price_version == book.version
    assert cost.rate == {"rate": "acme/rocket-4", "from": "2026-03-13", "input": 3, "output": 15}


def test_before_the_first_rate_there_is_no_price(book: PriceBook) -> None:
    """No rate is stretched back over days that nobody described."""
    cost = book.price("acme", "rocket-5", USAGE, at=datetime(2026, 5, 31, tzinfo=UTC))

    assert (cost.outcome, cost.reason) == (Outcome.UNPRICED, "no rate of acme/rocket-5 at 2026-05-31")


def test_a_moving_name_means_what_it_meant_then(book: PriceBook) -> None:
    """An old row of `-latest` is not priced at today's target."""
    assert book.resolve("acme", "rocket-latest", at=datetime(2026, 8, 31, tzinfo=UTC)) == "rocket-4"
    assert book.resolve("acme", "rocket-latest", at=datetime(2026, 9, 1, tzinfo=UTC)) == "rocket-5"
    assert book.resolve("acme", "rocket-latest") == "rocket-5"


def test_another_providers_price_stands_in_only_where_the_file_says_so(book: PriceBook) -> None:
    """And the rate's name tells whose it is."""
    cost = book.price("acme", "comet", USAGE, at=AT)

    assert cost.rate_id == "other/comet"
    assert cost.reason == "priced as other/comet, for acme has no price of its own"
    assert book.price("home2", "comet", USAGE, at=AT).outcome is Outcome.UNPRICED
    assert book.price("other", "rocket-4", USAGE, at=AT).outcome is Outcome.UNPRICED


def test_whatever_runs_at_home_is_free_but_what_is_hosted_elsewhere(book: PriceBook) -> None:
    """litellm#10973: a stated zero is not an unknown price, and an unknown price is no zero."""
    assert book.price("home", "qwen3:8b", USAGE, at=AT).outcome is Outcome.FREE
    assert book.price("home", "gpt-oss:120b-cloud", USAGE, at=AT).outcome is Outcome.UNPRICED


def test_providers_are_known_by_their_other_names_too(book: PriceBook) -> None:
    """Other tools spell them differently."""
    assert book.canonical("acme_ai") == "acme"
    assert book.resolve("acme_ai", "rocket-4") == "rocket-4"
    assert book.provider("acme_ai") == book.provider("acme")
    assert book.provider("nobody") is None
    assert book.provider_names() == ["acme", "home", "other"]
    assert book.models("acme") == ["rocket-4", "rocket-4-ft", "rocket-5"]
    assert [entry.id for entry in book.entries("acme")] == ["rocket-4", "rocket-4-ft", "rocket-5"]


def test_two_entries_with_one_name_are_an_error(tmp_path: Path) -> None:
    """Which of them priced a request would depend on their order."""
    twice = TABLE.replace('id = "rocket-5"', 'id = "rocket-5"\nnames = ["rocket-four"]')
    book = load([write(tmp_path / "p", acme=twice)])

    with pytest.raises(PriceTableError, match="both rocket-4 and rocket-5 claim the name rocket-four"):
        book.entry("acme", "rocket-four")


def test_an_own_price_wins_for_its_model_and_no_other(tmp_path: Path) -> None:
    """litellm#20546: an override is a value of the lookup, it never leaks into the shared entry."""
    own = 'schema = 1\nprovider = "acme"\n[[model]]\nid = "rocket-4"\n[[model.period]]\ninput = 2\noutput = 9\n'
    packaged, mine = write(tmp_path / "packaged", acme=TABLE), write(tmp_path / "mine", acme=own)
    both, alone = load([packaged, mine]), load([packaged])

    assert both.price("acme", "rocket-4", USAGE, at=AT).nanousd == 2 * 10**9
    assert both.price("acme", "rocket-4-20260102", USAGE, at=AT).nanousd == 2 * 10**9
    assert both.price("acme", "rocket-5", USAGE, at=AT).nanousd == 5 * 10**9
    assert alone.price("acme", "rocket-4", USAGE, at=AT).nanousd == 3 * 10**9


def test_a_negotiated_discount_changes_the_table_from_its_day_on(tmp_path: Path) -> None:
    """`extends` with a multiplier: before the day the list price, after it 80 %, history included."""
    own = (
        'schema = 1\nprovider = "acme"\n[[model]]\nid = "rocket-4"\nextends = true\n'
        "[[model.period]]\nfrom = 2026-10-01\nmultiply = 0.8\n"
    )
    book = load([write(tmp_path / "packaged", acme=TABLE), write(tmp_path / "mine", acme=own)])
    days = {"2026-03-12": 10.0, "2026-09-30": 3.0, "2026-10-01": 2.4, "2026-11-20": 2.4}
    found = {
        day: book.price("acme", "rocket-4", USAGE, at=datetime.fromisoformat(day).replace(tzinfo=UTC)).nanousd
        for day in days
    }

    assert found == {day: round(usd * 10**9) for day, usd in days.items()}
    assert book.price("acme", "rocket-4", USAGE, at=AT).rate_id == "acme/rocket-4@2026-03-13+2026-10-01"


def test_an_extension_changes_only_what_it_names(tmp_path: Path) -> None:
    """Input 2 for some weeks; the output keeps the table's price, and afterwards so does the input."""
    own = (
        'schema = 1\nprovider = "acme"\n[[model]]\nid = "rocket-4"\nextends = true\n'
        "[[model.period]]\nfrom = 2026-10-01\nuntil = 2026-10-15\ninput = 2\n"
    )
    book = load([write(tmp_path / "packaged", acme=TABLE), write(tmp_path / "mine", acme=own)])
    both = Usage(input_tokens=1_000_000, output_tokens=1_000_000)

    assert book.price("acme", "rocket-4", both, at=datetime(2026, 10, 14, tzinfo=UTC)).nanousd == 17 * 10**9
    assert book.price("acme", "rocket-4", both, at=datetime(2026, 10, 15, tzinfo=UTC)).nanousd == 18 * 10**9


def test_a_default_price_is_opt_in_and_says_that_it_is_an_estimate(tmp_path: Path) -> None:
    """Only for models without a price of their own."""
    own = 'schema = 1\nprovider = "acme"\n[[model]]\nid = "*"\n[[model.period]]\ninput = 7\noutput = 7\n'
    book = load([write(tmp_path / "packaged", acme=TABLE, other=OTHER), write(tmp_path / "mine", acme=own)])
    unknown, known = (book.price("acme", name, USAGE, at=AT) for name in ("stealth-1", "rocket-4"))

    assert (unknown.nanousd, unknown.is_default) == (7 * 10**9, True)
    assert (known.nanousd, known.is_default) == (3 * 10**9, False)
    assert book.price("acme", "comet", USAGE, at=AT).rate_id == "other/comet"


def test_a_price_may_hold_wherever_the_model_is_bought(tmp_path: Path) -> None:
    """`provider = "*"` in `_any.toml`; a price of the provider's own file is nearer."""
    anywhere = 'schema = 1\nprovider = "*"\n[[model]]\nid = "rocket-4"\n[[model.period]]\ninput = 1\noutput = 1\n'
    book = load([write(tmp_path / "packaged", acme=TABLE, other=OTHER), write(tmp_path / "mine", _any=anywhere)])

    assert book.price("acme", "rocket-4", USAGE, at=AT).nanousd == 10**9
    assert book.price("unheard-of", "rocket-4", USAGE, at=AT).nanousd == 10**9
    assert book.price("acme", "rocket-5", USAGE, at=AT).nanousd == 5 * 10**9
    assert "*" not in book.provider_names()


def test_a_broken_file_of_the_users_leaves_requests_unpriced_and_loud_commands_loud(tmp_path: Path) -> None:
    """Recording goes on, the reason stands in the row, and nothing is priced by half a table."""
    book = load([write(tmp_path / "packaged", acme=TABLE), write(tmp_path / "mine", acme="schema = 1\ninput = $3\n")])
    cost = book.price("acme", "rocket-4", USAGE, at=AT)

    assert cost.outcome is Outcome.UNPRICED
    assert cost.reason is not None
    assert "acme.toml, line 2: this is not TOML" in cost.reason
    with pytest.raises(PriceTableError):
        book.entry("acme", "rocket-4")


def test_the_version_names_the_contents_of_every_layer(tmp_path: Path) -> None:
    """Same files, same version; any change, another; an empty user folder adds nothing."""
    packaged, mine = write(tmp_path / "packaged", acme=TABLE), tmp_path / "mine"
    plain = load([packaged]).version
    mine.mkdir()

    assert plain.startswith("2026.11.20+")
    assert load([packaged]).version == plain
    assert load([packaged, mine]).version == plain
    write(mine, acme=OTHER.replace("other", "acme"))
    with_own = load([packaged, mine]).version
    assert with_own.startswith(f"{plain}.u-")
    (packaged / "acme.toml").write_text(TABLE.replace("input = 3", "input = 4"))
    assert load([packaged]).version != plain
    assert load([packaged]).date_version == "2026.11.20"
    assert load([tmp_path / "nowhere"]).version.startswith("unversioned+")


def test_a_single_file_can_be_a_layer(tmp_path: Path) -> None:
    """As `--price FILE` gives it."""
    packaged = write(tmp_path / "packaged", acme=TABLE)
    (tmp_path / "acme.toml").write_text(OTHER.replace("other", "acme").replace("comet", "rocket-4"))

    assert load([packaged, tmp_path / "acme.toml"]).price("acme", "rocket-4", USAGE, at=AT).nanousd == 10**9


def test_remembered_names_are_bounded(book: PriceBook) -> None:
    """A proxy is asked for whatever its clients can spell."""
    for number in range(20_010):
        book.entry("acme", f"x{number}")

    assert len(book._found) <= 20_000


def test_the_fast_search_and_the_whole_parse_agree(tmp_path: Path) -> None:
    """An escape in a name forbids searching the text for it; the answers stay the same."""
    book = load([write(tmp_path / "p", acme=TABLE)])
    spelled = load([write(tmp_path / "r", acme=TABLE.replace('"rocket-4"', '"rocket\\u002d4"'))])

    for name in ("rocket-4", "rocket-4-20260102", "ft:rocket-4:x", "rocket-5", "nothing"):
        assert spelled.resolve("acme", name) == book.resolve("acme", name)
    assert spelled.models("acme") == book.models("acme")


def test_a_text_of_several_lines_cannot_hide_a_model(tmp_path: Path) -> None:
    """Files are cut at their models; one that cannot be cut so is refused and not misread."""
    whole = TABLE.replace('routes = ["models/"]', 'routes = ["models/"]\ntitle = """A\n[[model]]\n"""')

    with pytest.raises(PriceTableError, match="this is not TOML"):
        load([write(tmp_path / "q", acme=whole)]).entry("acme", "rocket-4")
