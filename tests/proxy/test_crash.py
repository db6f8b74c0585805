"""Proxies that are killed and told to stop under load, and ledgers that go away under it: the provider's own count, by id,
equals the rows, by id.
"""

import asyncio
import os
import random
import secrets
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import pytest
from tests.support.counted_load import MOMENTS, CountingProvider, Load, until
from tests.support.outages import full_disk, locked_by_a_tool, locked_by_another, small_disk, unwritable
from tests.support.proxy_process import CHAT, ProxyProcess, proxy_process

pytestmark = pytest.mark.crash

KILLS = 50
LATEST = {"sent": 400, "asked": 400, "chunk": 2000, "done": 300}
"""The last of each kind of moment at which a proxy may be killed: every request of 200 clients has been there once."""
WORKERS = [(), ("--workers", "2")]


class Trigger:
    """Counts the moments of a load, and acts some time after one of them."""

    def __init__(self, kind: str, number: int, delay_s: float, act: Callable[[], None]) -> None:
        self._kind, self._left, self._delay_s, self._act = kind, number, delay_s, act

    def __call__(self, kind: str) -> None:
        if kind == self._kind:
            self._left -= 1
            if self._left == 0:
                asyncio.get_running_loop().call_later(self._delay_s, self._act)


def rows_by_id(proxy: ProxyProcess) -> dict[str, list[str]]:
    """The statuses of all rows, by the id that the client gave."""
    found: dict[str, list[str]] = {}
    for name, status in proxy.rows("SELECT client_request_id, status FROM requests_v1 WHERE requests = 1"):
        found.setdefault(name, []).append(status)
    return found


def check_equal(asked: Counter[str], proxy: ProxyProcess) -> int:
    """None is missing, none is there twice; answers with how many were begun and killed before they were sent."""
    rows = rows_by_id(proxy)
    assert max(asked.values(), default=1) == 1
    assert [name for name in asked if name not in rows] == []
    assert [name for name, statuses in rows.items() if len(statuses) != 1] == []
    never_sent = [name for name in rows if name not in asked]
    assert {rows[name][0] for name in never_sent} <= {"interrupted"}
    assert proxy.rows("SELECT count(*) FROM inflight") == [(0,)]
    return len(never_sent)


@pytest.mark.parametrize("workers", WORKERS, ids=lambda args: "two" if args else "one")
def test_killed_at_fifty_moments_under_load_the_rows_are_what_the_provider_counted(
    home: Path, workers: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    """SIGKILL while 200 requests, half of them streams, begin, wait, stream and end (litellm#34820, #35531)."""
    seed = int(os.environ.get("CRASH_SEED", "0")) or secrets.randbelow(10**9)
    chance, never_sent, kinds = random.Random(seed), 0, Counter[str]()

    async def kill_all() -> int:
        nonlocal never_sent
        async with CountingProvider() as provider:
            for number in range(KILLS):
                with proxy_process(home, provider.port, *workers) as proxy:
                    if number:
                        never_sent = check_equal(provider.asked, proxy)
                    kind = MOMENTS[number % len(MOMENTS)]
                    kinds[kind] += 1
                    trigger = Trigger(kind, chance.randint(1, LATEST[kind]), chance.random() * 0.01, proxy.kill)
                    provider.on_moment = trigger
                    await Load(proxy.url + CHAT, str(number), on_moment=trigger).run()
                    await asyncio.to_thread(proxy.process.wait)
                await provider.emptied()
            with proxy_process(home, provider.port) as proxy:
                never_sent = check_equal(provider.asked, proxy)
            return provider.asked.total()

    sent = asyncio.run(kill_all())
    with capsys.disabled():
        print(
            f"\nseed {seed}: {KILLS} kills ({dict(kinds)}), {sent:,} requests upstream, {never_sent} begun and not sent"
        )
    assert sent > KILLS * 10


@pytest.mark.parametrize("workers", WORKERS, ids=lambda args: "two" if args else "one")
def test_told_to_stop_under_load_it_serves_what_it_has_and_loses_nothing(home: Path, workers: tuple[str, ...]) -> None:
    """SIGTERM with 200 requests in flight: each that went upstream is answered whole and completed (litellm#38157)."""

    async def stop_twice() -> None:
        async with CountingProvider() as provider:
            for number, kind in enumerate(("asked", "chunk", "done")):
                with proxy_process(home, provider.port, *workers) as proxy:
                    trigger = Trigger(kind, 250, 0.0, proxy.process.terminate)
                    provider.on_moment = trigger
                    load = Load(proxy.url + CHAT, str(number), on_moment=trigger)
                    before = provider.asked.total()
                    await load.run()
                    assert await asyncio.to_thread(proxy.process.wait) == 0
                    assert load.statuses == {200: provider.asked.total() - before}
                    assert check_equal(provider.asked, proxy) == 0
                    assert {status for (status,) in rows_by_id(proxy).values()} == {"completed"}

    asyncio.run(stop_twice())


def test_fifty_streams_in_flight_at_the_end_have_their_rows(home: Path) -> None:
    """litellm#38157, #34805, #40949: the last rows are written before the ledger is closed."""

    async def stop() -> None:
        async with CountingProvider() as provider:
            with proxy_process(home, provider.port) as proxy:
                provider.on_moment = Trigger("chunk", 100, 0.0, proxy.process.terminate)
                await Load(proxy.url + CHAT, "stream", all_stream=True).run(50)
                assert await asyncio.to_thread(proxy.process.wait) == 0
                assert check_equal(provider.asked, proxy) == 0

    asyncio.run(stop())


@pytest.mark.parametrize("workers", WORKERS, ids=lambda args: "two" if args else "one")
@pytest.mark.parametrize("outage", [locked_by_another, locked_by_a_tool, unwritable, full_disk])
def test_thirty_seconds_without_the_ledger_nobody_notices_and_nothing_is_lost(
    home: Path,
    outage: Callable[[Path], AbstractContextManager[None]],
    workers: tuple[str, ...],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """litellm#38193: requests are served, memory stays flat, and all rows arrive later from the spool."""
    folder = home / ".local" / "share" / "llmledger"
    folder.mkdir(parents=True)

    async def endure() -> tuple[int, int, float]:
        async with CountingProvider() as provider:
            with proxy_process(home, provider.port, *workers) as proxy:
                load = Load(proxy.url + CHAT, "request")
                running = asyncio.create_task(load.run(pause_s=1.0))
                await until(lambda: load.statuses[200] >= 400)
                with outage(proxy.ledger):
                    before, held, began = proxy.memory_mb(), 0, provider.asked.total()
                    for second in range(30):
                        answered = load.statuses.total()
                        await until(lambda: load.statuses.total() > answered + 20)  # noqa: B023
                        await asyncio.sleep(1)
                        held = max(held, (await asyncio.to_thread(proxy.health))["spooled_bytes"])
                        if second == 5:
                            before = proxy.memory_mb()
                    grown, meanwhile = proxy.memory_mb() - before, provider.asked.total() - began
                load.is_stopped = True
                await running
                assert load.broken == 0
                # Without room for more records on the disk, requests are refused; the provider does not see them.
                assert set(load.statuses) <= ({200, 503} if outage is full_disk else {200})
                assert load.statuses[200] == provider.asked.total()
                await asyncio.to_thread(proxy.wait_for, "SELECT count(*) FROM requests", provider.asked.total())
                # A worker may still wait for the other one, which brings its spool back.
                await asyncio.to_thread(proxy.wait_until_well)
                assert check_equal(provider.asked, proxy) == 0
                return meanwhile, held, grown

    with small_disk(folder, 64) if outage is full_disk else nullcontext():
        meanwhile, held, grown = asyncio.run(endure())
    with capsys.disabled():
        print(f"\n{outage.__name__}: {meanwhile:,} requests meanwhile, {held:,} bytes spooled, memory {grown:+.1f} MB")
    assert meanwhile > 600
    assert held > 0
    assert grown < 10
