"""A process that records requests at a steady pace, as a busy proxy does, and tells how long each waited. Run as a script.

Arguments: the ledger, requests per second, and a name from which the ids follow. Each request is begun and finished,
durably. It says `ready` after the first one and goes on until its input ends; then it prints how many it recorded, how many
failed, whether any waits in the spool, and the longest and the 99th of a hundred waits in milliseconds.
"""

import sys
import threading
import time
from concurrent.futures import Future
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.support.writing_process import a_request

from llmledger.ledger import open_ledger


def main() -> None:
    path, rate, name = Path(sys.argv[1]), float(sys.argv[2]), sys.argv[3]
    ended = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
    waits: list[float] = []
    written: list[Future[Any]] = []

    def noted(asked: float) -> Any:
        return lambda _: waits.append(time.perf_counter() - asked)

    with open_ledger(path, now=lambda: datetime.now(UTC)) as ledger:
        started, number = time.perf_counter(), 0
        while number == 0 or not ended.is_set():
            begun, finished = a_request(name, number)
            for submit, record in ((ledger.begin_soon, begun), (ledger.finish_soon, finished)):
                asked = time.perf_counter()
                done = submit(record)  # type: ignore[operator]
                done.add_done_callback(noted(asked))
                written.append(done)
            number += 1
            if number == 1:
                done.result()
                print("ready", flush=True)
            time.sleep(max(0.0, started + number / rate - time.perf_counter()))
        results = [done.exception() for done in written]
        is_spooled = ledger.state().spooled_bytes > 0
    waits.sort()
    failed = sum(error is not None for error in results)
    longest, late = 1000 * waits[-1], 1000 * waits[len(waits) * 99 // 100]
    print(f"{number} {failed} {int(is_spooled)} {longest:.1f} {late:.1f}", flush=True)


if __name__ == "__main__":
    main()
