"""What each event writes, in a transaction of the caller: the rules that let nothing be lost and nothing doubled."""

import sqlite3
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from enum import StrEnum

from llmledger.core import witness
from llmledger.core.adjustment import (
    Adjustment,
    Kind,
    Measures,
    Standing,
    answer_of,
    interrupted,
    measures_of,
    move,
    place_of,
    reversal,
    standing_of,
)
from llmledger.core.request import Begun, Finished, id_text
from llmledger.core.words import Status, UsageQuality
from llmledger.ledger.bulk import Sheaf, whole_of
from llmledger.ledger.bulk_insert import insert_sheaves
from llmledger.ledger.codec import from_json, to_json
from llmledger.ledger.dictionaries import Dictionaries, digest_of, source_digest
from llmledger.ledger.rows import (
    INSERT_ADJUSTMENT,
    INSERT_REQUEST,
    adjustment_row,
    ms_of,
    request_row,
)
from llmledger.ledger.standing import apply_adjustments, recorded_row
from llmledger.ledger.storable import storable, storable_adjustment, storable_begun
from llmledger.ledger.witnesses import (
    ALWAYS,
    LINK,
    Witness,
    alike,
    cause_key,
    linked_key,
    pruned_witness,
    time_of_others,
    witnesses_of,
)

_STATUS = {Status.COMPLETED: 0, Status.FAILED: 1, Status.CANCELLED: 2, Status.INTERRUPTED: 3}
_STATUS_BITS = 7
_SOURCE_KEY = 8


_REPEATABLE = frozenset({Kind.LATE, Kind.SNAPSHOT, Kind.DUPLICATE})
"""Corrections that a replay or an import would make again after a prune took the first: `seen` keeps their causes."""


class Booked(StrEnum):
    """What became of a finished request that was handed in."""

    ADDED = "added"
    """It is a new row."""
    KNOWN = "known"
    """It was there already."""
    LINKED = "linked"
    """A better witness recorded it; it does not count again."""
    LATE = "late"
    """It had been closed as interrupted; a correction was appended."""
    SNAPSHOT = "snapshot"
    """An earlier and thinner record of it was there; a correction was appended."""
    UNMETERED = "unmetered"
    """Neither ledger nor spool could take it, and the user chose to go on."""


class Books:
    """Writes events into the tables. One per connection; every method runs in the caller's transaction."""

    def __init__(self, connection: sqlite3.Connection, *, owner: str, now: Callable[[], datetime]) -> None:
        self.connection = connection
        """For what else is to be written in the same transaction."""
        self.owner = owner
        self._now = now
        self._ids = Dictionaries(connection)
        self._traits_known = -1
        self._ranks: frozenset[int] = frozenset()
        self.is_awaited: Callable[[], bool] = lambda: False
        """Whether another process waits for the transaction to end."""

    def forget(self) -> None:
        """A transaction was rolled back: ids that it made do not exist."""
        self._ids.forget()
        self._traits_known = -1

    def begin(self, begun: Begun, *, owner: str | None = None) -> bool:
        """Note a request that is about to go upstream; False when its end, or itself, is known already."""
        begun = storable_begun(begun)
        cursor = self.connection.execute(
            "INSERT OR IGNORE INTO inflight (request_id, owner, started_ms, begun)"
            " SELECT ?1, ?2, ?3, ?4 WHERE NOT EXISTS (SELECT 1 FROM seen WHERE key = ?1)",
            (begun.request_id, owner or self.owner, ms_of(begun.started_at), to_json(begun)),
        )
        return cursor.rowcount > 0

    def finish(self, finished: Finished) -> Booked:
        """Write the row of a request, whether it was begun here, by a dead process, or never (an import)."""
        finished = storable(finished)
        self.connection.execute("DELETE FROM inflight WHERE request_id = ?", (finished.begun.request_id,))
        if finished.source_key is not None:
            known = self._seen(source_digest(finished.source_key))
            if known is not None:
                return self._again(finished, *known)
        known = self._seen(finished.begun.request_id)
        if known is not None:
            return self._late(finished, *known)
        if finished.source_key is not None and self._link_to_better(finished):
            return Booked.LINKED
        self._insert(finished)
        self._cancel_worse(finished)
        return Booked.ADDED

    def complete(self, standing: Standing, finished: Finished) -> bool:
        """Let a request count as a later poll told; False when a poll told it before, or it is corrected otherwise."""
        cause = f"poll:{id_text(standing.request_id)}"
        return self._replace(standing, storable(finished), cause, "A later poll brought the end of the response.")

    def finish_sheaves(self, sheaves: Sequence[Sheaf], *, one_by_one: bool = False) -> tuple[int, Counter[Booked]]:
        """Write rows of one import: those that nobody has seen at once, the others as `finish` does. So are those of a
        time in which another witness saw requests too, for they may be the same.

        Stops between two sheaves when somebody waits for the ledger; returns how many sheaves are written, and what
        became of their rows.
        """
        booked: Counter[Booked] = Counter()
        rank = witness.rank(sheaves[0].source)
        crowded = ALWAYS if one_by_one else None
        if not one_by_one and self._known_ranks() - {rank}:
            crowded = time_of_others(self.connection, rank)
        done, added, known, others = insert_sheaves(
            self.connection, self._ids, sheaves, is_awaited=self.is_awaited, crowded=crowded
        )
        booked.update({Booked.ADDED: added, Booked.KNOWN: known})
        booked.update(self.finish(whole_of(heading, row)) for heading, row in others)
        return done, booked

    def adjust(self, entries: tuple[Adjustment, ...]) -> bool:
        """Append corrections that belong together: all of them, or none if one is booked or out of date already."""
        entries = tuple(storable_adjustment(entry) for entry in entries)
        if any(self._is_booked(entry) or self._is_out_of_date(entry) for entry in entries):
            return False
        for entry in entries:
            self.connection.execute(INSERT_ADJUSTMENT, adjustment_row(entry, self._ids))
            if entry.kind in _REPEATABLE:
                self._see(cause_key(entry.cause), 0, LINK, None)
        return True

    def close_interrupted(self, owner: str) -> int:
        """Close all that a dead process had begun: the lower bound of each cost counts. Returns how many."""
        rows = self.connection.execute("SELECT begun FROM inflight WHERE owner = ?", (owner,)).fetchall()
        for (text,) in rows:
            self.finish(interrupted(from_json(Begun, text)))
        return len(rows)

    def store_content(self, request_id: bytes, started_at: datetime, prompt: str | None, response: str | None) -> None:
        """Keep the text of a request; a second time fills in what was not there."""
        values = (request_id, ms_of(started_at), _storable_text(prompt), _storable_text(response))
        self.connection.execute(
            "INSERT INTO contents (request_id, started_ms, prompt, response) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (request_id) DO UPDATE SET prompt = coalesce(prompt, excluded.prompt),"
            " response = coalesce(response, excluded.response)",
            values,
        )

    def _seen(self, key: bytes) -> tuple[int, int, int | None] | None:
        found: tuple[int, int, int | None] | None = self.connection.execute(
            "SELECT row, status, cost_nanousd FROM seen WHERE key = ?", (key,)
        ).fetchone()
        return found

    def _see(self, key: bytes, row: int, status: int, cost: int | None) -> None:
        self.connection.execute(
            "INSERT INTO seen (key, row, status, cost_nanousd) VALUES (?, ?, ?, ?)", (key, row, status, cost)
        )

    def _insert(self, finished: Finished) -> None:
        row = self.connection.execute(INSERT_REQUEST, request_row(finished, self._ids)).lastrowid or 0
        status, cost = _STATUS[finished.status], finished.charged.cost_nanousd
        self._see(finished.begun.request_id, row, status, cost)
        if finished.source_key is not None:
            self._see(source_digest(finished.source_key), row, status + _SOURCE_KEY, cost)

    def _late(self, finished: Finished, row: int, status: int, _cost: int | None) -> Booked:
        """A request that has a row: if that only says `interrupted`, the true end is appended, once."""
        if status & _STATUS_BITS != _STATUS[Status.INTERRUPTED] or finished.status is Status.INTERRUPTED:
            return Booked.KNOWN
        recorded = recorded_row(self.connection, row)
        standing = recorded.standing if recorded is not None else self._pruned_standing(finished.begun)
        if standing.measures.requests != 1:
            return Booked.KNOWN
        cause = f"late:{id_text(finished.begun.request_id)}"
        reason = "The answer came after the request was closed as interrupted."
        return Booked.LATE if self._replace(standing, finished, cause, reason) else Booked.KNOWN

    def _replace(self, standing: Standing, finished: Finished, cause: str, reason: str) -> bool:
        new = self._correction(finished, Kind.LATE, cause, reason)
        new = replace(new, place=replace(new.place, attribution=standing.place.attribution))
        is_booked = self.adjust(move(standing, new))
        if is_booked:
            self._cancel_worse(finished)
        return is_booked

    def _pruned_standing(self, begun: Begun) -> Standing:
        """How an interrupted request stands whose row was pruned: the row followed from its beginning alone."""
        return apply_adjustments(self.connection, standing_of(interrupted(begun)))

    def _again(self, finished: Finished, row: int, _status: int, cost: int | None) -> Booked:
        """A source key that was imported before: a fuller record of the message is appended, a repetition is not."""
        is_final = finished.usage_quality is UsageQuality.EXACT
        # An equal price that is no zero tells an equal usage; all that can be new is that it is the last word.
        if cost and cost == finished.charged.cost_nanousd and not is_final:
            return Booked.KNOWN
        recorded = recorded_row(self.connection, row)
        if recorded is None:
            return Booked.KNOWN
        standing, measures = recorded.standing, measures_of(finished)
        is_ours = standing.measures.requests == 1 and standing.place.source == finished.begun.source
        if not is_ours or _fullness(measures) <= _fullness(standing.measures):
            return Booked.KNOWN
        key = source_digest(finished.source_key or "").hex()
        fullness = digest_of(*_fullness(measures)).hex()
        cause = f"snapshot:{key}:{fullness}"
        new = self._correction(finished, Kind.SNAPSHOT, cause, "A fuller record of the same message was imported.")
        new = replace(new, place=replace(new.place, attribution=standing.place.attribution))
        return Booked.SNAPSHOT if self.adjust(move(standing, new)) else Booked.KNOWN

    def _correction(self, finished: Finished, kind: Kind, cause: str, reason: str) -> Adjustment:
        charged = finished.charged
        detail = {
            "latency_ms": finished.latency_ms,
            "first_token_ms": finished.first_token_ms,
            "timeline": [list(event) for event in finished.timeline] or None,
            "error_message": finished.error_message,
            "cost_high_nanousd": charged.cost_high_nanousd,
            "computed_cost_nanousd": charged.computed_nanousd,
            "reported_cost_nanousd": charged.reported_nanousd,
            "raw_usage": finished.raw_usage,
        }
        return Adjustment(
            kind=kind,
            cause=cause,
            effective_at=finished.begun.started_at,
            booked_at=self._now(),
            reason=reason,
            place=place_of(finished),
            measures=measures_of(finished),
            request_id=finished.begun.request_id,
            answer=answer_of(finished),
            provider_request_id=finished.provider_request_id,
            price_version=charged.price_version,
            rate_id=charged.rate_id,
            rate=charged.rate,
            detail={name: value for name, value in detail.items() if value is not None},
        )

    def _link_to_better(self, finished: Finished) -> bool:
        """An imported record of a request that a better witness wrote: note its key, so that it never counts."""
        source_key = source_digest(finished.source_key or "")
        status, cost = _STATUS[finished.status] + _SOURCE_KEY, finished.charged.cost_nanousd
        rank = witness.rank(finished.begun.source)
        pruned = self._pruned_witness(finished, range(rank))
        if pruned is not None:
            self._see(pruned[1], pruned[0], LINK, None)
            self._see(source_key, pruned[0], status, cost)
            return True
        for better in self._witnesses(finished, lambda other: other < rank):
            link = linked_key(better.request_id, finished.begun.source)
            if self._seen(link) is None:
                self._see(link, better.row, LINK, None)
                self._see(source_key, better.row, status, cost)
                return True
        return False

    def _cancel_worse(self, finished: Finished) -> None:
        """Records of this request that worse witnesses wrote before: take them away, one of each source."""
        ours, rank = finished.begun.request_id, witness.rank(finished.begun.source)
        for worse in self._witnesses(finished, lambda other: other > rank):
            link = linked_key(ours, worse.source)
            recorded = recorded_row(self.connection, worse.row)
            if recorded is None or recorded.standing.measures.requests != 1 or self._seen(link) is not None:
                continue
            entry = reversal(
                recorded.standing,
                kind=Kind.DUPLICATE,
                cause=f"duplicate:{id_text(worse.request_id)}",
                reason=f"Recorded by a better witness as {id_text(ours)}.",
                booked_at=self._now(),
            )
            if self.adjust((entry,)):
                self._see(link, worse.row, LINK, None)
        self._yield_to_pruned(finished, rank)

    def _yield_to_pruned(self, finished: Finished, rank: int) -> None:
        """A worse witness of this request was pruned: its totals cannot be taken back, so ours do not count."""
        pruned = self._pruned_witness(finished, range(rank + 1, witness.WORST + 1))
        if pruned is None:
            return
        begun = finished.begun
        found = self._seen(begun.request_id)
        recorded = None if found is None else recorded_row(self.connection, found[0])
        standing = recorded.standing if recorded is not None else self._pruned_standing(begun)
        entry = reversal(
            standing,
            kind=Kind.DUPLICATE,
            cause=f"duplicate:{id_text(begun.request_id)}",
            reason="Counted already by another record, which has been pruned.",
            booked_at=self._now(),
        )
        if self.adjust((entry,)):
            self._see(pruned[1], pruned[0], LINK, None)

    def _pruned_witness(self, finished: Finished, ranks: range) -> tuple[int, bytes] | None:
        if not witness.is_telling(finished.provider_request_id):
            return None
        return pruned_witness(self.connection, finished, ranks)

    def _witnesses(self, finished: Finished, wanted: Callable[[int], bool]) -> list[Witness]:
        if not any(wanted(rank) for rank in self._known_ranks()):
            return []
        is_telling = witness.is_telling(finished.provider_request_id)
        found = witnesses_of(self.connection, finished) if is_telling else []
        found = found or alike(self.connection, finished)
        return [other for other in found if wanted(witness.rank(other.source))]

    def _known_ranks(self) -> frozenset[int]:
        """The ranks of all sources that ever wrote here; only a new trait can add one."""
        newest = self.connection.execute("SELECT max(id) FROM traits").fetchone()[0] or 0
        if newest != self._traits_known:
            sources = self.connection.execute("SELECT DISTINCT source FROM traits").fetchall()
            self._ranks = frozenset(witness.rank(source) for (source,) in sources)
            self._traits_known = newest
        return self._ranks

    def _is_booked(self, entry: Adjustment) -> bool:
        found = self.connection.execute("SELECT 1 FROM adjustments WHERE cause = ?", (entry.cause,)).fetchone()
        if found is None and entry.kind in _REPEATABLE:
            return self._seen(cause_key(entry.cause)) is not None
        return found is not None

    def _is_out_of_date(self, entry: Adjustment) -> bool:
        if entry.after is None:
            return False
        newest = self.connection.execute(
            "SELECT max(id) FROM adjustments WHERE request_id = ?", (entry.request_id,)
        ).fetchone()[0]
        return (newest or 0) != entry.after


def _fullness(measures: Measures) -> tuple[int, int, int, int]:
    usage = measures.usage
    return (usage.output_tokens or 0, usage.input_tokens or 0, measures.cost_nanousd, -measures.estimated)


def _storable_text(text: str | None) -> str | None:
    if text is None:
        return None
    return text.replace("\x00", "␀").encode("utf-16", "surrogatepass").decode("utf-16", "replace")
