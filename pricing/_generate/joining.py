"""Joining two sources: the dated one keeps its word, the broad one adds to it, and contradictions are noted."""

from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from pricing._generate.litellm_list import LitellmModel
from pricing._generate.past import Issue, with_past

from llmledger.core.usage import UNIT_BY_PRICE_KEY
from llmledger.pricebook._blocks import BlockText
from llmledger.pricebook._file import Found, Match, PriceFile
from llmledger.pricebook.writer import file_text, number_text

MAIN = ("input", "output")
"""Two sources that agree on these speak of the same product; what one of them adds is then believed."""

ROUNDING = 1000
"""Prices that differ by less than this part of them are one price, rounded on the way (0.15001 and 0.15)."""

BETTER: Mapping[str, tuple[str, ...]] = {"perplexity": ("per_1k_requests",)}
"""Where the broad list knows better: Perplexity's fee depends on the size of the search context, and the other list has
only the highest."""

REGIONAL = frozenset({"bedrock"})
"""Where the dated list knows better what a bare id is: a call in its region, a tenth dearer than the global profile
that the broad list takes it for (litellm#42679)."""

FINE_TUNE = "ft:"
"""Begins the name of a tuned model, which goes on with its owner: the base's name with a colon is a prefix of it."""

REACHES = frozenset({"xai"})
"""Vendors whose tier begins when the threshold is reached, as litellm too has it in its code."""


@dataclass
class Joined:
    """One provider's models while sources are joined."""

    name: str
    header: dict[str, Any]
    models: list[dict[str, Any]] = field(default_factory=list)

    def index(self) -> PriceFile:
        """The models as the program itself would look them up."""
        return PriceFile(self.name, BlockText(self.name, file_text(self.header, self.models)))


class _Joining:
    """The work on one provider: what it has, what is added, and the issues of the broad list, oldest first."""

    def __init__(self, joined: Joined, issues: Sequence[Issue], checked: date) -> None:
        self.joined, self.issues, self.checked = joined, issues, checked
        self.latest = issues[-1]
        self.file = joined.index()
        self.by_id = {model["id"].lower(): model for model in joined.models}
        self.new: dict[str, dict[str, Any]] = {}

    def lay(self, issue: Issue, one: LitellmModel) -> None:
        """Join one model: into the entry of its name, as a name of the entry it is a dated version of, or as new."""
        if one.provider in REACHES:
            _reach(one.table)
        name = _without_routes(one.model, self.joined.header.get("routes", ()))
        found = self.file.find(name)
        if found is not None and found.match is Match.ANY:
            return
        if self.joined.header.get("local"):
            one.table.clear()  # hosted elsewhere: known by name, but what it costs is not known
        known = self._known(found)
        if known is not None and found is not None and found.match is Match.EXACT:
            if issue is self.latest:
                _compare(known, one, issue.version, self.checked)
        elif known is not None and found is not None and found.match is Match.DATED and self._agrees(known, one):
            known["names"] = sorted({*known.get("names", ()), name})
            if not _agree(_in_force(known, self.checked), one.table):
                _note(_in_force(known, self.checked), one, issue.version, MAIN)
        elif not self.new.get(name.lower(), {}).get("period"):
            self.new[name.lower()] = self._entry(name, one, issue)

    def _known(self, found: Found | None) -> dict[str, Any] | None:
        return self.by_id[found.entry.id.lower()] if found is not None and found.entry is not None else None

    def _agrees(self, known: Mapping[str, Any], one: LitellmModel) -> bool:
        return one.provider in REGIONAL or _agree(_in_force(known, self.checked), one.table)

    def _entry(self, name: str, one: LitellmModel, issue: Issue) -> dict[str, Any]:
        source = f"{issue.version}, which read {one.url}" if one.url else issue.version
        evidence: dict[str, Any] = {"source": source, "checked": self.checked, "evidence": "secondary"}
        if issue is not self.latest:
            evidence["note"] = f"not in the list any more since {issue.version}"
        table = deepcopy(one.table)
        if table.get("input") and table.get("cache_write") == 0:
            del table["cache_write"]  # a zero that nobody stated would make those tokens free
        periods = [{**table, **evidence}] if table else []
        return {
            "id": name,
            "prefix": [f"{name}:"] if name.startswith(FINE_TUNE) else [],
            "retired": date.fromisoformat(one.retired) if one.retired else None,
            "period": with_past(one, periods, self.issues) if issue is self.latest else periods,
        }


def join(joined: Joined, issues: Sequence[Issue], *, checked: date) -> None:
    """Lay the broad list over one provider's models, in place. Its issues come oldest first.

    What only older issues have stays priceable: lists drop models, but requests to them were made.
    """
    work = _Joining(joined, issues, checked)
    for issue in reversed(issues):
        for key, one in issue.models.items():
            if issue is work.latest or key not in work.latest.models:
                work.lay(issue, one)
    joined.models += work.new.values()


def _without_routes(name: str, routes: Iterable[str]) -> str:
    for route in routes:
        if name.lower().startswith(route) and len(name) > len(route):
            return _without_routes(name[len(route) :], routes)
    return name


def _reach(table: dict[str, Any]) -> None:
    for holder in (table, *table.get("mode", ())):
        holder["tier"] = [
            {("at_least" if key == "above" else key): value for key, value in tier.items()}
            for tier in holder.get("tier", ())
        ]
        if not holder["tier"]:
            del holder["tier"]


def _drop(table: dict[str, Any], key: str) -> None:
    """Forget a fee that the dated list knows under another unit: deep research is billed by the search."""
    table.pop(key, None)
    table["mode"] = [mode for mode in table.get("mode", ()) if key not in mode]


def _in_force(known: Mapping[str, Any], day: date) -> dict[str, Any]:
    """The period that holds on a day: some lists know next year's prices."""
    begun = [period for period in known["period"] if not isinstance(period.get("from"), date) or period["from"] <= day]
    found: dict[str, Any] = (begun or known["period"])[-1]
    return found


def _compare(known: dict[str, Any], one: LitellmModel, version: str, day: date) -> None:
    """Add what only the broad list knows to the rate in force, or note that it says otherwise."""
    if one.retired and not known.get("retired"):
        known["retired"] = date.fromisoformat(one.retired)
    period = _in_force(known, day)
    if not one.table or (one.table.get("free") and period.get("free")):
        return
    if not _agree(period, one.table):
        _note(period, one, version, MAIN)
        return
    for key in BETTER.get(one.provider, ()):
        if key not in period:
            _drop(one.table, key)
        elif key in one.table:
            period[key] = one.table[key]
            period["source"] = f"{period['source']}; {version} for {key}"
    differing = [key for key in _parts(one.table) if key in period and not _same(period[key], one.table[key])]
    if differing:
        _note(period, one, version, differing)
    added = [key for key in _parts(one.table) if key not in period and one.table[key]]
    period.update((key, one.table[key]) for key in added)
    have = [mode["when"] for mode in period.get("mode", ())]
    modes = [mode for mode in one.table.get("mode", ()) if mode["when"] not in have]
    if modes:
        period["mode"] = [*period.get("mode", ()), *deepcopy(modes)]
    if added or modes:
        period["source"] = f"{period['source']}; {version} for {', '.join(_said(added, modes))}"


def _said(added: Iterable[str], modes: Iterable[Mapping[str, Any]]) -> list[str]:
    return [*added, *("+".join(mode["when"].values()) for mode in modes)]


def _note(period: dict[str, Any], one: LitellmModel, version: str, keys: Iterable[str]) -> None:
    if one.table.get("free"):
        said = "free"
    else:
        said = ", ".join(f"{key} {number_text(one.table[key])}" for key in keys if key in one.table)
    period["disputed"] = f"{version} has {said or 'no such price'}"


def _parts(table: Mapping[str, Any]) -> list[str]:
    return [key for key in table if key in UNIT_BY_PRICE_KEY and key not in MAIN]


def _agree(period: Mapping[str, Any], table: Mapping[str, Any]) -> bool:
    """Whether both have the same main prices, but for a rounding; an output price of zero is none."""
    if not table:
        return False
    return all(_same(period.get(key) or Decimal(0), table.get(key) or Decimal(0)) for key in MAIN)


def _same(one: Decimal, other: Decimal) -> bool:
    return abs(one - other) <= max(one, other) / ROUNDING
