"""Repricing: a dry run that tells, corrections that are appended once, and what no table decides stays."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.support.builders import NOON, a_charge, a_finished

from llmledger.core.request import Charged, Part
from llmledger.core.selection import Selection
from llmledger.core.usage import Usage
from llmledger.core.window import Window
from llmledger.core.words import CostSource
from llmledger.ledger import Ledger, open_ledger, open_reader
from llmledger.operations.reprice import Repricing, reprice, selected
from llmledger.pricebook import PriceBook, load

USAGE = Usage(input_tokens=1000, output_tokens=100)
EVER = Window(None, None, "UTC")


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """An empty ledger."""
    with open_ledger(tmp_path / "ledger.db", now=lambda: NOON) as opened:
        yield opened


def book_at(folder: Path, text: str) -> PriceBook:
    """A price book of one provider."""
    folder.mkdir(exist_ok=True)
    (folder / "acme.toml").write_text(f'schema = 1\nprovider = "acme"\n{text}')
    return load([folder])


def priced(usd_in: str, model: str = "rocket", since: str = "") -> str:
    """A model that costs so much in, and $10 out."""
    return f'[[model]]\nid = "{model}"\n[[model.period]]\n{since}input = {usd_in}\noutput = 10\n'


def run(ledger: Ledger, path: Path, prices: PriceBook, *, yes: bool = True, as_of: datetime | None = None) -> Repricing:
    """Reprice everything."""
    with open_reader(path / "ledger.db") as reader:
        found = selected(reader.connection, EVER, Selection())
        return reprice(found, prices, book=ledger if yes else None, now=NOON, as_of=as_of)


def standing_cost(path: Path, request_id: bytes) -> tuple[int, int, CostSource]:
    """What a request counts now: nano-USD, whether it is unpriced, and where the cost is from."""
    with open_reader(path / "ledger.db") as reader:
        standing = reader.standing(request_id)
    assert standing is not None
    return standing.measures.cost_nanousd, standing.measures.unpriced, standing.place.cost_source


def test_an_unpriced_request_gets_its_price(ledger: Ledger, tmp_path: Path) -> None:
    """1000 x 3000 + 100 x 10000 nano-USD; before it was unknown, not zero."""
    request = a_finished({"provider": "acme", "model": "rocket"}, nanousd=None, usage=USAGE)
    ledger.record(request)
    prices = book_at(tmp_path / "p", priced("3"))
    dry = run(ledger, tmp_path, prices, yes=False)

    assert (dry.requests, dry.booked) == (1, 0)
    assert standing_cost(tmp_path, request.begun.request_id) == (0, 1, CostSource.NONE)
    done = run(ledger, tmp_path, prices)
    difference = done.models["acme/rocket"]
    assert (difference.before_nanousd, difference.after_nanousd, difference.unpriced_before) == (0, 4_000_000, 1)
    assert standing_cost(tmp_path, request.begun.request_id) == (4_000_000, 0, CostSource.COMPUTED)


def test_twice_is_once(ledger: Ledger, tmp_path: Path) -> None:
    """The second run finds everything as the table says; back and forth stays exact."""
    request = a_finished({"provider": "acme", "model": "rocket"}, nanousd=1, usage=USAGE)
    ledger.record(request)
    old, new = book_at(tmp_path / "old", priced("3")), book_at(tmp_path / "new", priced("5"))

    assert run(ledger, tmp_path, old).booked == 1
    again = run(ledger, tmp_path, old)
    assert (again.booked, again.same) == (0, 1)
    assert run(ledger, tmp_path, new).booked == 1
    assert standing_cost(tmp_path, request.begun.request_id)[0] == 6_000_000
    assert run(ledger, tmp_path, old).booked == 1
    assert standing_cost(tmp_path, request.begun.request_id)[0] == 4_000_000


def test_the_row_itself_never_changes(ledger: Ledger, tmp_path: Path) -> None:
    """litellm#31835, ccusage#1636: a closed week keeps its cost; the correction stands beside it and says why."""
    request = a_finished({"provider": "acme", "model": "rocket"}, nanousd=2_000_000, usage=USAGE)
    ledger.record(request)
    run(ledger, tmp_path, book_at(tmp_path / "p", priced("3")))
    with open_reader(tmp_path / "ledger.db") as reader:
        recorded = reader.request(request.begun.request_id)

    assert recorded is not None
    assert recorded.finished.charged.cost_nanousd == 2_000_000
    entries = [entry for _, entry in recorded.adjustments]
    assert sum(entry.measures.cost_nanousd for entry in entries) == 2_000_000
    assert sum(entry.measures.requests for entry in entries) == 0
    assert entries[-1].reason.startswith("priced again by acme/rocket, prices unversioned+")
    assert entries[-1].rate_id == "acme/rocket"


def test_what_no_table_decides_is_kept(ledger: Ledger, tmp_path: Path) -> None:
    """The provider's own word, answers of our cache, requests that were never billed."""
    for source, nanousd in ((CostSource.REPORTED, 7), (CostSource.CACHE, 0), (CostSource.NOT_BILLED, 0)):
        charged = Charged(cost_nanousd=nanousd, cost_source=source)
        ledger.record(a_finished({"provider": "acme", "model": "rocket"}, usage=USAGE, charged=charged))
    done = run(ledger, tmp_path, book_at(tmp_path / "p", priced("3")))

    assert (done.kept, done.requests, done.booked) == (3, 0, 0)


def test_a_request_is_priced_at_its_own_time_or_as_of_a_day(ledger: Ledger, tmp_path: Path) -> None:
    """The old price at its start; the new one when asked for as of now: 1000 x 9000 + 100 x 10000."""
    begun = {"provider": "acme", "model": "rocket", "started_at": datetime(2026, 3, 1, tzinfo=UTC)}
    request = a_finished(begun, nanousd=None, usage=USAGE)
    ledger.record(request)
    text = (
        '[[model]]\nid = "rocket"\n[[model.period]]\nuntil = 2026-06-01\ninput = 3\noutput = 10\n'
        "[[model.period]]\nfrom = 2026-06-01\ninput = 9\noutput = 10\n"
    )
    prices = book_at(tmp_path / "p", text)
    run(ledger, tmp_path, prices)

    assert standing_cost(tmp_path, request.begun.request_id)[0] == 4_000_000
    run(ledger, tmp_path, prices, as_of=NOON)
    assert standing_cost(tmp_path, request.begun.request_id)[0] == 10_000_000


def test_a_price_that_was_taken_away_leaves_the_request_unpriced(ledger: Ledger, tmp_path: Path) -> None:
    """Unknown again, and said to be."""
    request = a_finished({"provider": "acme", "model": "rocket"}, nanousd=5, usage=USAGE)
    ledger.record(request)
    done = run(ledger, tmp_path, book_at(tmp_path / "p", priced("3", model="other")))

    assert done.models["acme/rocket"].unpriced_after == 1
    assert standing_cost(tmp_path, request.begun.request_id) == (0, 1, CostSource.NONE)


def test_a_default_price_makes_an_estimate(ledger: Ledger, tmp_path: Path) -> None:
    """And the report will say so."""
    request = a_finished({"provider": "acme", "model": "rocket"}, nanousd=None, usage=USAGE)
    ledger.record(request)
    run(ledger, tmp_path, book_at(tmp_path / "p", priced("1", model="*")))

    assert standing_cost(tmp_path, request.begun.request_id) == (2_000_000, 0, CostSource.DEFAULT)


def test_parts_are_priced_each_by_its_own_model(ledger: Ledger, tmp_path: Path) -> None:
    """litellm#39294: 1000 x 3000 + 100 x 10000 of one, 2000 x 1000 of the other."""
    parts = (
        Part(provider="acme", model="rocket", usage=USAGE, nanousd=None),
        Part(provider="acme", model="small", usage=Usage(input_tokens=2000, output_tokens=0), nanousd=None),
    )
    usage = parts[0].usage + parts[1].usage
    request = a_finished({"provider": "acme", "model": "rocket"}, usage=usage, parts=parts, charged=a_charge(None))
    ledger.record(request)
    run(ledger, tmp_path, book_at(tmp_path / "p", priced("3") + priced("1", model="small")))

    assert standing_cost(tmp_path, request.begun.request_id)[0] == 4_000_000 + 2_000_000
