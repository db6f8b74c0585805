"""A small model checker over the real ledger: every order of what can happen to two processes, against an oracle.

A history is a list of steps, each an action and the process it happens to. It is played on real files with the real
code, only without threads, so that the order is ours. Histories that lead to the same files, the same living processes
and the same expectations are one state: what follows is explored once and counted for each of them.
"""

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from llmledger.core.cost import Component
from llmledger.core.request import Begun, Charged, Estimate, Finished, request_id_at
from llmledger.core.usage import Usage
from llmledger.core.words import CostSource, Status, UsageQuality
from llmledger.errors import StorageError
from llmledger.ledger.booking import Books
from llmledger.ledger.desk import Desk, open_desk
from llmledger.ledger.events import Begin, Finish
from llmledger.ledger.lock import FileLock, lock_path
from llmledger.ledger.manners import Manners
from llmledger.ledger.spool import found_spools, spools_folder
from llmledger.ledger.store import Failure
from llmledger.ledger.witnesses import remember_witnesses

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
PROCESSES = (0, 1)
LOWER_BOUND, TRUE_COST, LOGGED_COST = 40, 70, 65
MANNERS = Manners(patience_s=0.0, open_patience_s=0.0, spool_bytes=64 * 1024)

Step = tuple[str, int]


@dataclass
class Expected:
    """What the ledger must say about one request when everything has been recovered."""

    is_begun: bool = False
    is_finished: bool = False
    is_imported: bool = False
    is_log_pruned: bool = False
    """The log's record was pruned while it counted: it cannot be taken back, so it is ours that does not count."""

    @property
    def counts(self) -> tuple[int, int]:
        """Requests and nano-USD. What was interrupted never learned the provider's id: the log's stands beside."""
        if self.is_finished:
            return (1, LOGGED_COST if self.is_log_pruned else TRUE_COST)
        own = (1, LOWER_BOUND) if self.is_begun else (0, 0)
        logged = (1, LOGGED_COST) if self.is_imported else (0, 0)
        return (own[0] + logged[0], own[1] + logged[1])


@dataclass
class World:
    """Real files, two processes of which each may live, and what must come out in the end."""

    folder: Path
    desks: dict[int, Desk] = field(default_factory=dict)
    births: dict[int, int] = field(default_factory=lambda: dict.fromkeys(PROCESSES, 0))
    expected: dict[int, Expected] = field(default_factory=lambda: {process: Expected() for process in PROCESSES})
    lock: FileLock | None = None
    pruned: tuple[int, int] = (0, 0)

    @property
    def path(self) -> Path:
        return self.folder / "ledger.db"

    def can(self, step: Step) -> bool:
        """Whether this step makes a difference now."""
        action, process = step
        is_alive, expected = process in self.desks, self.expected[process]
        desk = self.desks.get(process)
        return {
            "open": not is_alive and self.births[process] < 3,
            "open and die in recovery": not is_alive and bool(found_spools(spools_folder(self.path))),
            "begin": is_alive and not expected.is_begun,
            "finish": is_alive and expected.is_begun and not expected.is_finished,
            "finish again": is_alive and expected.is_finished,
            "die": is_alive,
            "close": is_alive,
            "come back": desk is not None and desk.trouble is not None,
            "come back and die": desk is not None and desk.trouble is not None and self.lock is None,
            "swept wrongly": is_alive and expected.is_begun and not expected.is_finished and self.lock is None,
            "import": process == 0 and is_alive and self.lock is None,
            "lock": process == 0 and self.lock is None,
            "unlock": process == 0 and self.lock is not None,
            "prune": process == 0 and self.lock is None,
        }[action]

    def take(self, step: Step) -> None:
        """Let it happen."""
        action, process = step
        getattr(self, f"_{action.replace(' ', '_')}")(process)

    def _open(self, process: int) -> None:
        self.births[process] += 1
        try:
            self.desks[process] = self._desk(f"p{process}g{self.births[process]}")
        except StorageError:
            assert self.lock is not None

    def _open_and_die_in_recovery(self, process: int) -> None:
        """The rows are committed, and the process dies before it has put the spools away."""
        kept = [(found.path, found.path.read_bytes()) for found in found_spools(spools_folder(self.path))]
        self._open(process)
        for path, content in kept:
            path.write_bytes(content)
        if process in self.desks:
            self._die(process)

    def _begin(self, process: int) -> None:
        (result,) = self.desks[process].write([Begin(a_begun(process))])
        assert not isinstance(result, Failure)
        self.expected[process].is_begun = True

    def _finish(self, process: int) -> None:
        (result,) = self.desks[process].write([Finish(a_finish(process))])
        assert not isinstance(result, Failure)
        self.expected[process].is_finished = True

    _finish_again = _finish

    def _die(self, process: int) -> None:
        self.desks.pop(process).abandon()

    def _close(self, process: int) -> None:
        self.desks.pop(process).close()

    def _come_back(self, process: int) -> None:
        assert self.desks[process].come_back() == (self.lock is None)

    def _come_back_and_die(self, process: int) -> None:
        self.desks[process].replay()
        self._die(process)

    def _swept_wrongly(self, process: int) -> None:
        """On a file system without working locks a living process is taken for dead."""
        owner = f"p{process}g{self.births[process]}"
        self._aside(lambda books: books.close_interrupted(owner))

    def _import(self, process: int) -> None:
        (result,) = self.desks[process].write([Finish(a_logged(0))])
        assert not isinstance(result, Failure)
        self.expected[0].is_imported = True

    def _lock(self, _process: int) -> None:
        self.lock = FileLock(lock_path(self.path))
        assert self.lock.acquire()

    def _unlock(self, _process: int) -> None:
        assert self.lock is not None
        self.lock.close()
        self.lock = None

    def _prune(self, _process: int) -> None:
        """Retention: rows and corrections go, what they came to is kept (here: by the oracle), `seen` stays."""

        def prune(books: Books) -> tuple[int, int]:
            totals = _totals(books.connection)
            logged = books.connection.execute("SELECT sum(requests) FROM charges_v1 WHERE source = 'import:codex'")
            self.expected[0].is_log_pruned |= logged.fetchone()[0] == 1
            rows = [row for (row,) in books.connection.execute("SELECT id FROM requests")]
            adjustments = [number for (number,) in books.connection.execute("SELECT id FROM adjustments")]
            remember_witnesses(books.connection, rows, adjustments)
            books.connection.execute("INSERT INTO meta VALUES ('retention', 'model')")
            books.connection.execute("DELETE FROM requests")
            books.connection.execute("DELETE FROM adjustments")
            books.connection.execute("DELETE FROM meta WHERE key = 'retention'")
            return totals

        gone = self._aside(prune)
        self.pruned = (self.pruned[0] + gone[0], self.pruned[1] + gone[1])

    def _aside(self, action):
        """Something that a third process does, without becoming an owner."""
        connection = sqlite3.connect(self.path, isolation_level=None)
        connection.execute("BEGIN IMMEDIATE")
        result = action(Books(connection, owner="aside", now=lambda: NOON))
        connection.execute("COMMIT")
        connection.close()
        return result

    def _desk(self, owner: str) -> Desk:
        return open_desk(self.path, create=True, now=lambda: NOON, home_zone="UTC", manners=MANNERS, owner_name=owner)

    def state(self) -> object:
        """Everything on which the future depends."""
        with sqlite3.connect(self.path) as connection:
            rows = tuple(
                tuple(connection.execute(query).fetchall())
                for query in (
                    "SELECT request_id, owner FROM inflight ORDER BY 1",
                    "SELECT request_id, trait_id, cost_nanousd FROM requests ORDER BY 1, 2",
                    "SELECT cause, requests, cost_nanousd FROM adjustments ORDER BY 1",
                    "SELECT key, status FROM seen ORDER BY 1",
                )
            )
        connection.close()
        spools = tuple(
            (found.owner, found.path.read_bytes().rstrip(b"\x00")) for found in found_spools(spools_folder(self.path))
        )
        alive = tuple((process, desk.trouble is None) for process, desk in sorted(self.desks.items()))
        expected = tuple((e.is_begun, e.is_finished, e.is_imported, e.is_log_pruned) for e in self.expected.values())
        without_id = tuple((owner, content.partition(b"\n")[2]) for owner, content in spools)
        return (rows, without_id, alive, tuple(self.births.values()), expected, self.lock is None, self.pruned)

    def settle(self) -> tuple[int, int]:
        """Everybody dies, the next one recovers; returns requests and nano-USD of the whole ledger."""
        if self.lock is not None:
            self._unlock(0)
        for process in list(self.desks):
            self._die(process)
        self._desk("settler").close()
        with sqlite3.connect(self.path) as connection:
            totals = _totals(connection)
            left = connection.execute("SELECT count(*) FROM inflight").fetchone()[0]
            twice = connection.execute("SELECT count(*) - count(DISTINCT request_id) FROM requests").fetchone()[0]
        connection.close()
        assert (left, twice) == (0, 0)
        assert not found_spools(spools_folder(self.path))
        return (totals[0] + self.pruned[0], totals[1] + self.pruned[1])

    def wanted(self) -> tuple[int, int]:
        """What the oracle says."""
        counts = [expected.counts for expected in self.expected.values()]
        return (sum(requests for requests, _ in counts), sum(nanousd for _, nanousd in counts))


def _totals(connection: sqlite3.Connection) -> tuple[int, int]:
    found = connection.execute("SELECT coalesce(sum(requests), 0), coalesce(sum(cost_nanousd), 0) FROM charges_v1")
    requests, nanousd = found.fetchone()
    return (requests, nanousd)


@dataclass(frozen=True)
class Explored:
    """How much was looked at."""

    histories: int
    states: int
    played: int


def explore(actions: list[str], depth: int, first: tuple[Step, ...] = ()) -> Explored:
    """Play every history up to this depth after the first steps. Raises AssertionError with the one that went wrong."""
    steps: list[Step] = [(action, process) for action in actions for process in PROCESSES]
    with tempfile.TemporaryDirectory(dir=_fast_folder()) as folder:
        template = Path(folder) / "template"
        template.mkdir()
        open_desk(
            template / "ledger.db", create=True, now=lambda: NOON, home_zone="UTC", manners=MANNERS, owner_name="maker"
        ).close()
        known: set[object] = set()
        frontier: dict[object, tuple[tuple[Step, ...], int]] = {None: (first, 1)}
        histories = played = 0
        for _ in range(depth):
            reached: dict[object, tuple[tuple[Step, ...], int]] = {}
            for history, ways in frontier.values():
                for step, state in _continuations(template, history, steps):
                    histories, played = histories + ways, played + 1
                    earlier = reached.get(state)
                    if earlier is not None:
                        reached[state] = (earlier[0], earlier[1] + ways)
                    elif state is not None:
                        reached[state] = ((*history, step), ways)
            known.update(reached)
            frontier = reached
    return Explored(histories, len(known), played)


def _continuations(template: Path, history: tuple[Step, ...], steps: list[Step]) -> Iterator[tuple[Step, object]]:
    world = _played(template, history)
    possible = [step for step in steps if world.can(step)]
    _clean(world)
    for step in possible:
        world = _played(template, history)
        try:
            world.take(step)
            state = world.state()
            assert world.settle() == world.wanted(), "lost or doubled"
        except Exception as error:
            raise AssertionError(f"{[*history, step]}: {error!r}, wanted {world.wanted()}") from error
        finally:
            _clean(world)
        yield step, state


def _played(template: Path, history: tuple[Step, ...]) -> World:
    folder = Path(tempfile.mkdtemp(dir=template.parent))
    shutil.copy(template / "ledger.db", folder / "ledger.db")
    world = World(folder)
    for step in history:
        world.take(step)
    return world


def _clean(world: World) -> None:
    for desk in world.desks.values():
        desk.abandon()
    if world.lock is not None:
        world.lock.close()
    shutil.rmtree(world.folder)


def _fast_folder() -> str | None:
    """Memory, where it can be had: the order of writes is under test here, the disk is elsewhere."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


def a_begun(process: int) -> Begun:
    """The one request of a process; its input alone costs 40 nano-USD."""
    return Begun(
        request_id=request_id_at(1_790_000_000_000, bytes([process] * 10)),
        started_at=NOON,
        provider="openai",
        model="gpt-5-mini",
        source="proxy",
        dialect="openai_chat",
        endpoint="/v1/chat/completions",
        estimate=Estimate(input_tokens=10, low_nanousd=LOWER_BOUND, high_nanousd=900),
    )


def a_finish(process: int) -> Finished:
    """How it ends: 70 nano-USD."""
    return _ended(a_begun(process), TRUE_COST, None)


def a_logged(process: int) -> Finished:
    """The same request as a tool's log has it: under another id of ours, with the provider's id, at 65 nano-USD."""
    request_id = request_id_at(1_790_000_000_001, bytes([100 + process] * 10))
    begun = Begun(
        request_id=request_id,
        started_at=NOON + timedelta(seconds=5),
        provider="openai",
        model="gpt-5-mini",
        source="import:codex",
        dialect="none",
        endpoint="",
    )
    return _ended(begun, LOGGED_COST, f"codex:{process}")


def _ended(begun: Begun, nanousd: int, source_key: str | None) -> Finished:
    process = begun.request_id[-1] % 100
    charged = Charged(
        cost_nanousd=nanousd,
        cost_source=CostSource.COMPUTED,
        computed_nanousd=nanousd,
        components=(Component("input_tokens", 10, nanousd),),
    )
    return Finished(
        begun=begun,
        status=Status.COMPLETED,
        usage=Usage(input_tokens=10, output_tokens=1),
        usage_quality=UsageQuality.EXACT,
        charged=charged,
        provider_request_id=f"chatcmpl-of-process-{process}",
        source_key=source_key,
    )
