"""Which rows a question is about: the small dictionary tables read once, and filters turned into SQL conditions."""

import json
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from llmledger.core.selection import (
    ATTRIBUTION_DIMENSIONS,
    BILLINGS,
    MODEL_DIMENSIONS,
    TRAIT_DIMENSIONS,
    Selection,
    is_failed,
)
from llmledger.core.words import CostSource, UsageQuality, is_estimated
from llmledger.ledger.statements.clearance import BILLABLE, covering

Params = list[object]
_Entry = TypeVar("_Entry")

NET_UNPRICED = """(r.cost_nanousd IS NULL) + COALESCE(
  (SELECT sum(x.unpriced) FROM adjustments x WHERE x.request_id = r.request_id AND x.kind <> 'reconcile'), 0) > 0"""
"""Whether a row is still without a price after its corrections."""


@dataclass(frozen=True, slots=True)
class Trait:
    """How a request came and ended, and what follows from it."""

    values: dict[str, str]
    is_failed: bool
    is_estimated: bool
    is_plan: bool


BILLING_IDS = {billing: -1 - place for place, billing in enumerate(BILLINGS)}
"""Ids below zero stand for all traits of one billing: the sums by model know no other trait."""
BILLING_TRAITS = {
    number: Trait({"billing": billing}, is_failed=False, is_estimated=False, is_plan=billing == "subscription")
    for billing, number in BILLING_IDS.items()
}


@dataclass(frozen=True, slots=True)
class Dictionaries:
    """The distinct models, attributions and traits of a ledger, by id."""

    models: dict[int, tuple[str, str]]
    attributions: dict[int, dict[str, str | None]]
    traits: dict[int, Trait]

    def value(self, dimension: str, ids: tuple[int, int, int]) -> str | None:
        """The value of a single-valued dimension for (model, attribution, trait)."""
        if dimension in MODEL_DIMENSIONS:
            provider, model = self.models[ids[0]]
            return provider if dimension == "provider" else model_text(provider, model)
        if dimension in ATTRIBUTION_DIMENSIONS:
            return self.attributions[ids[1]][dimension]
        return (BILLING_TRAITS if ids[2] < 0 else self.traits)[ids[2]].values[dimension]


def model_text(provider: str, model: str) -> str:
    """A model as flags and reports write it."""
    return f"{provider}/{model}" if model else f"{provider}/(unnamed)"


def read_dictionaries(connection: sqlite3.Connection, *, attributions: bool = True) -> Dictionaries:
    """Read the dictionary tables; attributions only when asked for, since they can be many."""
    models = {row[0]: (row[1], row[2]) for row in connection.execute("SELECT id, provider, model FROM models")}
    people: dict[int, dict[str, str | None]] = {}
    if attributions:
        columns = ", ".join(ATTRIBUTION_DIMENSIONS)
        for number, *values in connection.execute(f"SELECT id, {columns} FROM attributions"):
            people[number] = dict(zip(ATTRIBUTION_DIMENSIONS, values, strict=True))
    traits = {}
    for number, *values in connection.execute(f"SELECT id, {', '.join(TRAIT_DIMENSIONS)} FROM traits"):
        named = dict(zip(TRAIT_DIMENSIONS, values, strict=True))
        traits[number] = Trait(
            named,
            is_failed(named["status"]),
            is_estimated(UsageQuality(named["usage_quality"]), CostSource(named["cost_source"])),
            named["billing"] == "subscription",
        )
    return Dictionaries(models, people, traits)


@dataclass(slots=True)
class Conditions:
    """SQL conditions with their parameters, joined by AND."""

    clauses: list[str] = field(default_factory=list)
    params: Params = field(default_factory=list)

    def add(self, clause: str, *params: object) -> None:
        """Require one more condition."""
        self.clauses.append(clause)
        self.params += params

    def ids(self, column: str, allowed: set[int] | None) -> None:
        """Require that a dictionary id is among those allowed; None allows all."""
        if allowed is not None:
            self.add(f"{column} IN (SELECT value FROM json_each(?))", json.dumps(sorted(allowed)))

    @property
    def sql(self) -> str:
        """The WHERE clause, or nothing."""
        return f"WHERE {' AND '.join(self.clauses)}" if self.clauses else ""


@dataclass(frozen=True, slots=True)
class Allowed:
    """The dictionary ids that pass a selection; None when that dictionary is not filtered."""

    models: set[int] | None
    attributions: set[int] | None
    traits: set[int] | None

    def apply(self, conditions: Conditions, alias: str) -> None:
        """Add the three conditions for a table with the three id columns."""
        conditions.ids(f"{alias}model_id", self.models)
        conditions.ids(f"{alias}attribution_id", self.attributions)
        conditions.ids(f"{alias}trait_id", self.traits)


def allowed_ids(selection: Selection, dictionaries: Dictionaries) -> Allowed:
    """Resolve globs and values against the dictionaries."""
    return Allowed(
        _passing(
            dictionaries.models,
            lambda pair: selection.takes_model(*pair),
            is_filtered=bool(selection.model or selection.provider),
        ),
        _passing(
            dictionaries.attributions,
            lambda values: all(selection.takes_attribution(name, values[name]) for name in ATTRIBUTION_DIMENSIONS),
            is_filtered=filters_attributions(selection),
        ),
        _passing(
            dictionaries.traits,
            lambda trait: selection.takes_trait(
                status=trait.values["status"],
                source=trait.values["source"],
                billing=trait.values["billing"],
                is_estimated=trait.is_estimated,
            ),
            is_filtered=bool(selection.status or selection.source or selection.billing or selection.estimated),
        ),
    )


def filters_attributions(selection: Selection) -> bool:
    """Whether a selection looks at attributions."""
    return any(getattr(selection, name) for name in ATTRIBUTION_DIMENSIONS)


def _passing(entries: Mapping[int, _Entry], takes: Callable[[_Entry], bool], *, is_filtered: bool) -> set[int] | None:
    return {number for number, entry in entries.items() if takes(entry)} if is_filtered else None


def session_conditions(conditions: Conditions, selection: Selection) -> None:
    """Add the conditions on session, branch and tags; the sessions are aliased `s`."""
    for column, wanted in (("session", selection.session), ("branch", selection.branch)):
        if wanted:
            conditions.add(f"COALESCE(s.{column}, '') IN ({_marks(wanted)})", *wanted)
    for key in dict.fromkeys(key for key, _ in selection.tag):
        values = [value for name, value in selection.tag if name == key]
        conditions.add(f"COALESCE({TAG_VALUE}, '') IN ({_marks(values)})", key, *values)


TAG_VALUE = "(SELECT t.value FROM json_each(s.tags) t WHERE t.key = ?)"
"""The SQL of one tag's value; takes the key as a parameter."""


def clearing_conditions(conditions: Conditions, selection: Selection, *, alias: str, time: str, known: str) -> None:
    """Add the conditions on whether a recorded statement covers a row, or a correction."""
    if selection.cleared or selection.uncleared:
        covered = f"EXISTS ({covering(alias, time, known)})"
        conditions.add(covered if selection.cleared else f"NOT {covered}")
        conditions.add(f"{alias}.trait_id IN (SELECT t.id FROM traits t WHERE {BILLABLE})")


def filters_sessions(selection: Selection) -> bool:
    """Whether a selection looks at session, branch or tags."""
    return bool(selection.session or selection.branch or selection.tag)


def _marks(values: Iterable[object]) -> str:
    return ", ".join("?" for _ in values)
