"""How an import shows its plan, its results and its quarantine."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llmledger.cli._render import Column, envelope, note, out, table
from llmledger.core.money import money_text, usd_text

if TYPE_CHECKING:
    from llmledger.ledger.imports import FileProblem
    from llmledger.operations.import_logs import SourceResult
    from llmledger.operations.import_plan import SourcePlan

PLAN_COLUMNS = (
    Column("Source", shrinks=True),
    Column("Files", right=True, priority=4),
    Column("New", right=True),
    Column("From", priority=3),
    Column("To", priority=2),
    Column("Cost", right=True),
    Column("Plan value", right=True, priority=1),
    Column("Paid", priority=5),
)
"""Plan value stands in a column of its own: it is no money spent."""

RESULT_COLUMNS = (
    Column("Source", shrinks=True),
    Column("Files read", right=True, priority=3),
    Column("New", right=True),
    Column("Known", right=True, priority=1),
    Column("Corrected", right=True, priority=2),
    Column("Problems", right=True, priority=4),
)


def show_plan(plans: "Sequence[SourcePlan]") -> None:
    """The plan as a table, and what its signs mean."""
    out(table(PLAN_COLUMNS, [_plan_row(plan) for plan in plans]))
    unpriced = sum(plan.unpriced for plan in plans)
    if unpriced:
        out(f"+ without {unpriced:,} requests that have no price (see: pricing check)")
    if any(plan.billing.get("subscription") for plan in plans):
        out("Plan value: what use on a subscription would have cost per token. No money was spent for it.")
    note_unknown_billing([plan.name for plan in plans if plan.billing.get("unknown")])
    problems = sum(plan.problems for plan in plans)
    if problems:
        note(f"{problems:,} lines or files cannot be read; the import keeps a list of them.", style_name="yellow")


def note_unknown_billing(sources: Sequence[str]) -> None:
    """Say that a plan would be taken for money spent, and how to tell otherwise; before the rows are written."""
    if sources:
        first = sources[0]
        note(
            f"Nothing tells how {' and '.join(sources)} {'is' if len(sources) == 1 else 'are'} paid: it counts as money."
        )
        note(f"If it is a plan, say so once: llmledger import --source {first} --billing subscription")


def _plan_row(plan: "SourcePlan") -> tuple[str, ...]:
    more = "+" if plan.unpriced else ""
    is_plan, is_paid = plan.billing.get("subscription"), any(kind != "subscription" for kind in plan.billing)
    return (
        plan.name,
        f"{plan.files:,}",
        f"{plan.requests:,}",
        _day(plan.since),
        _day(plan.until),
        f"{money_text(plan.cost_nanousd)}{more}" if is_paid else "",
        money_text(plan.plan_value_nanousd) if is_plan else "",
        ", ".join(sorted(plan.billing)),
    )


def _day(moment: datetime | None) -> str:
    return "" if moment is None else f"{moment:%Y-%m-%d}"


def plan_json(plans: "Sequence[SourcePlan]") -> str:
    """The plan as one versioned object."""
    rows = [
        {
            "source": plan.name,
            "files": plan.files,
            "bytes": plan.size,
            "requests": plan.requests,
            "unpriced": plan.unpriced,
            "since": plan.since,
            "until": plan.until,
            "cost_usd": usd_text(plan.cost_nanousd),
            "plan_value_usd": usd_text(plan.plan_value_nanousd),
            "billing": dict(plan.billing),
            "problems": plan.problems,
        }
        for plan in plans
    ]
    return envelope("llmledger.import-plan/1", {"rows": rows})


def show_results(results: "Sequence[SourceResult]") -> None:
    """What was imported, as a table."""
    rows = [
        (one.name, *(f"{n:,}" for n in (one.files, one.added, one.known + one.linked, one.snapshots, one.problems)))
        for one in results
    ]
    out(table(RESULT_COLUMNS, rows))
    linked = sum(one.linked for one in results)
    if linked:
        out(f"{linked:,} of the known were recorded by a better witness, such as the proxy.")
    problems = sum(one.problems for one in results)
    if problems:
        note(f"{problems:,} lines or files could not be read. See: llmledger import --problems", style_name="yellow")


def results_json(results: "Sequence[SourceResult]") -> str:
    """What was imported, as one versioned object."""
    rows = [
        {
            "source": one.name,
            "files_read": one.files,
            "added": one.added,
            "known": one.known,
            "linked": one.linked,
            "corrected": one.snapshots,
            "problems": one.problems,
        }
        for one in results
    ]
    return envelope("llmledger.import/1", {"rows": rows})


def show_problems(problems: "Mapping[str, Sequence[FileProblem]]", *, json: bool) -> None:
    """The quarantine: where and why, never the text."""
    if json:
        out(envelope("llmledger.import-problems/1", {"rows": list(_problem_rows(problems))}))
        return
    if not problems:
        note("Nothing is in quarantine: every line that looked like usage could be read.")
        return
    columns = (Column("Source", priority=2), Column("Log", shrinks=True), Column("At", right=True), Column("Why"))
    rows = [
        (row["source"], Path(row["path"]).name, f"{row['place']:,}", row["reason"]) for row in _problem_rows(problems)
    ]
    out(table(columns, rows))


def _problem_rows(problems: "Mapping[str, Sequence[FileProblem]]") -> list[dict[str, Any]]:
    return [
        {"source": source, "path": found.path, "place": found.line, "reason": found.reason, "found_at": found.found_at}
        for source, several in problems.items()
        for found in several
    ]
