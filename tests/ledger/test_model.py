"""Nothing lost, nothing doubled, in any order of what can happen to two processes."""

import pytest
from tests.support.ledger_model import World, explore

CRASHES = [
    "open",
    "begin",
    "finish",
    "die",
    "lock",
    "unlock",
    "come back",
    "come back and die",
    "open and die in recovery",
]
MISTAKES = ["open", "begin", "finish", "finish again", "die", "swept wrongly", "import", "prune"]
ALL = list(dict.fromkeys([*CRASHES, *MISTAKES, "close"]))
OPENED = (("open", 0), ("begin", 0))


def report(capsys, name, explored):
    with capsys.disabled():
        print(
            f"\n{name}: {explored.histories:,} histories, {explored.states:,} states, {explored.played:,} steps played"
        )


def test_no_short_history_of_crashes_and_outages_loses_or_doubles(capsys):
    """Begin, finish, spool, death, replay and sweep, from the moment a request has begun."""
    explored = explore(CRASHES, 3, OPENED)
    report(capsys, "crashes and outages, 3 further steps", explored)
    assert explored.histories > 100


def test_no_short_history_of_imports_sweeps_and_prunes_loses_or_doubles(capsys):
    """Wrong sweeps, late finishes, a log's record before or after our own, and pruning between any of them."""
    explored = explore(MISTAKES, 3, OPENED)
    report(capsys, "mistakes, imports and prunes, 3 further steps", explored)
    assert explored.histories > 100


@pytest.mark.crash
def test_no_history_of_all_events_loses_or_doubles(capsys):
    """All events together, from an empty ledger and deeper."""
    report(capsys, "all events, 5 steps", explore(ALL, 5))
    report(capsys, "all events, 4 steps after a begin", explore(ALL, 4, OPENED))
    report(capsys, "mistakes, imports and prunes, 6 steps after a begin", explore(MISTAKES, 6, OPENED))
    report(capsys, "crashes and outages, 6 steps after a begin", explore(CRASHES, 6, OPENED))


def test_the_oracle_would_notice(monkeypatch):
    """A checker that cannot fail proves nothing: with a wrong price for the lower bound it does."""
    monkeypatch.setattr("tests.support.ledger_model.LOWER_BOUND", 41)
    original = World.wanted
    monkeypatch.setattr(World, "wanted", lambda world: (original(world)[0] + 1, original(world)[1]))
    with pytest.raises(AssertionError, match="lost or doubled"):
        explore(["die"], 1, OPENED)
