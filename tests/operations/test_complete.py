"""A poll that tells the end of a response corrects the row that asked for it: once, at its own day's price."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from tests.support.builders import NOON, a_finished

from llmledger.core.adjustment import Standing
from llmledger.core.selection import Selection
from llmledger.core.usage import Usage
from llmledger.core.window import Window
from llmledger.core.words import CostSource, Status, UsageQuality
from llmledger.dialects._contract import AS_ORDERED, MeteredPart, Reading
from llmledger.ledger import Ledger, open_ledger, open_reader
from llmledger.operations.complete import Poll, complete
from llmledger.operations.reprice import Repricing, reprice, selected
from llmledger.pricebook import PriceBook, load

ASKED = a_finished(
    {"provider": "acme", "model": "rocket"},
    nanousd=3,
    usage=Usage(input_tokens=1),
    usage_quality=UsageQuality.ESTIMATED,
    provider_request_id="resp_123456",
)
WHOLE = Reading(
    usage=Usage(input_tokens=1000, output_tokens=100),
    quality=UsageQuality.EXACT,
    is_complete=True,
    response_id="resp_123456",
    model="rocket",
)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """A ledger with one request whose answer was not made yet."""
    with open_ledger(tmp_path / "ledger.db", now=lambda: NOON) as opened:
        opened.record(ASKED)
        yield opened


@pytest.fixture
def prices(tmp_path: Path) -> PriceBook:
    """$3 in and $10 out per 1M; a day later twice as much."""
    return priced(tmp_path / "prices", 3)


def priced(folder: Path, usd_in: int) -> PriceBook:
    """A table of one model, dearer from the next day on."""
    folder.mkdir()
    tomorrow = (NOON + timedelta(days=1)).date()
    (folder / "acme.toml").write_text(
        'schema = 1\nprovider = "acme"\n[[model]]\nid = "rocket"\n'
        f"[[model.period]]\nuntil = {tomorrow}\ninput = {usd_in}\noutput = 10\n"
        f"[[model.period]]\nfrom = {tomorrow}\ninput = 6\noutput = 20\n"
        '[[model]]\nid = "small"\n[[model.period]]\ninput = 1\noutput = 1\n'
    )
    return load([folder])


def poll(reading: Reading = WHOLE, provider: str = "acme", path: str = "/v1/responses/resp_123456") -> Poll:
    """A poll of that response."""
    return Poll(provider=provider, path=path, reading=reading)


def standing(ledger: Ledger) -> Standing:
    """How the request counts now."""
    with open_reader(ledger.path) as reader:
        found = reader.standing(ASKED.begun.request_id)
    assert found is not None
    return found


def test_the_first_poll_that_tells_the_end_counts_and_no_other(ledger: Ledger, prices: PriceBook) -> None:
    """1,000 x 3,000 + 100 x 10,000 nano-USD, at the price of the day on which it was asked; still one request."""
    done = complete(ledger, poll(), prices=prices)
    again = [complete(ledger, poll(replace(WHOLE, usage=Usage(input_tokens=9))), prices=prices) for _ in range(3)]

    now = standing(ledger)
    assert done is not None and done.charged.cost_nanousd == 4_000_000
    assert again == [None] * 3
    assert (now.measures.requests, now.measures.cost_nanousd, now.measures.estimated) == (1, 4_000_000, 0)
    assert (now.place.status, now.place.usage_quality) == (Status.COMPLETED, UsageQuality.EXACT)


@pytest.mark.parametrize(
    "other",
    [
        poll(provider="another"),
        poll(replace(WHOLE, response_id="resp_999999")),
        poll(replace(WHOLE, response_id=None), path="/v1/messages/batches/other_123456/results"),
    ],
)
def test_what_was_asked_elsewhere_changes_nothing(ledger: Ledger, prices: PriceBook, other: Poll) -> None:
    """Another provider's id, or one that never came through here."""
    assert complete(ledger, other, prices=prices) is None
    assert standing(ledger).measures.cost_nanousd == 3


@pytest.mark.parametrize("end", ["", "/results", "/cancel", ":cancel"])
def test_a_response_without_a_name_is_known_by_its_path(ledger: Ledger, prices: PriceBook, end: str) -> None:
    """Results of a batch do not say whose they are."""
    unnamed = poll(replace(WHOLE, response_id=None), path=f"/v1/messages/batches/resp_123456{end}")

    assert complete(ledger, unnamed, prices=prices) is not None


def test_an_answer_is_news_when_it_tells_the_whole() -> None:
    """Neither one that runs on, nor one that ended and says nothing of its use."""
    assert poll().is_news
    assert poll(Reading(is_complete=True, flags=(AS_ORDERED,))).is_news
    assert not poll(replace(WHOLE, is_complete=False)).is_news
    assert not poll(Reading(is_complete=True)).is_news


def test_several_models_are_priced_each_by_its_own(ledger: Ledger, prices: PriceBook, tmp_path: Path) -> None:
    """1,000 x 3,000 for one and 500 x 1,000 nano-USD for the other."""
    parts = (
        MeteredPart(model="rocket", usage=Usage(input_tokens=1000)),
        MeteredPart(model="small", usage=Usage(input_tokens=500)),
    )
    told = replace(WHOLE, usage=Usage(input_tokens=1500), parts=parts, flags=("several_models",))
    complete(ledger, poll(told), prices=prices)

    assert standing(ledger).measures.cost_nanousd == 3_500_000
    again = priced_again(ledger, priced(tmp_path / "dearer", 5))
    assert (again.kept, again.requests) == (1, 0), "of the sum nobody knows the parts"


def test_what_came_to_nothing_is_not_billed(ledger: Ledger, prices: PriceBook) -> None:
    """Failed, and nothing was made: 0, and not unknown, whatever the model."""
    nothing = Reading(
        usage=Usage(input_tokens=0, output_tokens=0),
        quality=UsageQuality.EXACT,
        is_complete=True,
        response_id="resp_123456",
        error_type="invalid",
    )
    complete(ledger, poll(nothing), prices=prices)

    now = standing(ledger)
    assert (now.place.status, now.place.cost_source) == (Status.FAILED, CostSource.NOT_BILLED)
    assert (now.measures.cost_nanousd, now.measures.unpriced, now.measures.failed) == (0, 0, 1)


def priced_again(ledger: Ledger, prices: PriceBook) -> Repricing:
    """Everything repriced."""
    with open_reader(ledger.path) as reader:
        found = selected(reader.connection, Window(None, None, "UTC"), Selection())
        return reprice(found, prices, book=ledger, now=NOON)


@pytest.mark.parametrize("asked_for", ["rocket", ""])
def test_a_completed_request_can_be_priced_again(tmp_path: Path, prices: PriceBook, asked_for: str) -> None:
    """By what the poll told, also its model where the request named none: 1,000 x 5,000 + 100 x 10,000 nano-USD."""
    request = replace(ASKED, begun=replace(ASKED.begun, model=asked_for))
    with open_ledger(tmp_path / "ledger.db", now=lambda: NOON) as ledger:
        ledger.record(request)
        complete(ledger, poll(), prices=prices)
        assert standing(ledger).measures.cost_nanousd == 4_000_000
        dearer = priced(tmp_path / "dearer", 5)
        assert priced_again(ledger, dearer).requests == 1

        assert (standing(ledger).place.model, standing(ledger).measures.cost_nanousd) == ("rocket", 6_000_000)
        assert complete(ledger, poll(), prices=dearer) is None
