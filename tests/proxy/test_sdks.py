"""The official SDKs, unmodified but for their base URL: they hear what they hear directly, and each call leaves its row."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.proxy import RunningProxy, running_proxy
from tests.support.sdks import SDKS, Around, Asked, Sdk, replayed
from tests.support.upstream import Upstream

from llmledger.pricebook import load, packaged_folder
from llmledger.transport import AsyncLedgerTransport, LedgerTransport, Metering

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::pydantic.warnings.PydanticDeprecationWarning"),
    pytest.mark.unmeasured,  # the clients, that is: the proxy has threads of its own
]
sdks = pytest.mark.parametrize("name", SDKS)
clients = pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])

DIFFERS = {"row", "request_id", "started_at", "source", "latency_ms", "first_token_ms"}
"""What two records of the same call may not have in common: ids, times, and who recorded it."""


@pytest.fixture
def replaying(tmp_path: Path, upstream: Upstream) -> Iterator[RunningProxy]:
    """The proxy before a provider of every format."""
    upstream.replies(replayed)
    with running_proxy(tmp_path, upstream, address_of=lambda _: upstream.url) as proxy:
        yield proxy


def ask(sdk: Sdk, url: str, *, is_async: bool, around: Around = lambda inner: inner) -> Asked:
    """All calls of an SDK, by one of its clients."""
    return sdk.ask_later(url, around=around) if is_async else sdk.ask(url, around=around)


def facts(row: dict[str, Any]) -> dict[str, Any]:
    """What every record of a call says."""
    return {name: value for name, value in row.items() if name not in DIFFERS}


@sdks
@clients
def test_an_sdk_hears_every_byte_as_directly_and_leaves_the_same_rows_either_way(
    replaying: RunningProxy, upstream: Upstream, name: str, is_async: bool
) -> None:
    """Directly, through the proxy, and through our transport: whole and streamed, each exact, each once."""
    sdk = SDKS[name]
    metering = Metering(ledger=replaying.ledger, book=load([packaged_folder()]), provider=sdk.provider)
    transport = AsyncLedgerTransport if is_async else LedgerTransport

    texts, heard = ask(sdk, upstream.url, is_async=is_async)
    count = len(texts)
    sent = [(request.path, request.body) for request in upstream.received]
    assert texts == ["Four cents."] * count
    assert len(heard) == count

    assert ask(sdk, f"{replaying.url}/{sdk.provider}", is_async=is_async) == (texts, heard)
    by_proxy = replaying.rows(count)
    metered = ask(sdk, upstream.url, is_async=is_async, around=lambda inner: transport(inner, metering=metering))
    assert metered == (texts, heard)
    by_transport = replaying.rows(2 * count)[count:]

    assert [row["source"] for row in by_proxy + by_transport] == ["proxy"] * count + ["api"] * count
    assert {row["usage_quality"] for row in by_proxy} == {"exact"}
    assert sorted(map(str, map(facts, by_proxy))) == sorted(map(str, map(facts, by_transport)))
    assert [path for path, _ in sent] * 3 == [request.path for request in upstream.received]
    unchanged = [pair for pair in sent if not (pair[0].endswith("/chat/completions") and b'"stream":true' in pair[1])]
    again = [(request.path, request.body) for request in upstream.received]
    assert all(again.count(pair) == 3 * sent.count(pair) for pair in unchanged)


@sdks
def test_streamed_and_whole_calls_of_an_sdk_count_the_same(replaying: RunningProxy, name: str) -> None:
    """Each call twice, once of each kind: pairs of equal usage."""
    sdk = SDKS[name]
    texts, _ = sdk.ask(f"{replaying.url}/{sdk.provider}")
    rows = replaying.rows(len(texts))

    totals = [(row["endpoint"].partition(":")[0], row["input_tokens"], row["output_tokens"]) for row in rows]
    assert len(set(totals)) == len(texts) // 2
