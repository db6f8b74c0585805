"""Settle a compared statement: keep it with its lines, and append what makes the charged sums equal the bill."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from decimal import localcontext
from fractions import Fraction

from llmledger.core.adjustment import Adjustment, Kind, Measures, Place
from llmledger.core.money import round_half_even, share_out
from llmledger.core.reconcile.causes import Cause, Finding
from llmledger.core.reconcile.cells import ms_of, time_of
from llmledger.core.reconcile.compare import Comparison
from llmledger.core.reconcile.sentences import class_rows
from llmledger.core.request import Attribution
from llmledger.core.statement import EXACT, StatementLine
from llmledger.core.words import Billing, CostSource, Status, UsageQuality
from llmledger.errors import UsageError
from llmledger.ledger import Ledger
from llmledger.ledger.statements.store import Clearing, Settled, record_statement, undo_statement
from llmledger.operations.reconcile import Reconciliation

NANO = 10**9

CellKey = tuple[int, int, str, str]


def record(
    ledger: Ledger, found: Reconciliation, lines: Callable[[], Iterable[StatementLine]], *, now: datetime
) -> tuple[int, bool]:
    """Keep a statement once, with adjustments so that cost and adjustments equal the bill: its id, and whether it is new.

    Raises UsageError for another ledger's estimate, for money that could not be compared, and for a period that another
    statement settles.
    """
    comparison = found.comparison
    if found.statement.format.observer:
        raise UsageError(
            "this is another ledger's estimate, not a bill", hint="Only a provider's statement settles a period."
        )
    if found.currencies or not comparison.has_money:
        raise UsageError(
            "the statement's money could not be compared, so it cannot be settled",
            hint="Give the rate: --fx CNY=0.1391" if found.currencies else "Use the provider's cost export.",
        )
    settled = Settled(
        sha256=found.statement.sha256,
        format_name=found.statement.format_name,
        provider=_provider(comparison),
        name=found.statement.name,
        since_ms=ms_of(comparison.since),
        until_ms=ms_of(comparison.until),
        zone=found.zone,
        currency="USD",
        total=f"{comparison.billed:f}",
        recorded_ms=ms_of(now),
        verdict=_verdict(comparison),
        clearings=_clearings(comparison.findings),
        entries=lambda number: _entries(comparison, number, found.statement.name, now),
        lines=lines,
    )
    number, is_new = ledger.call(lambda books: record_statement(books, settled))
    return int(number), bool(is_new)


def undo(ledger: Ledger, statement_id: int, *, now: datetime) -> bool:
    """Take a statement back by opposite entries; False when it was undone before."""
    return bool(ledger.call(lambda books: undo_statement(books, statement_id, ms_of(now))))


def _provider(comparison: Comparison) -> str:
    providers = sorted({one.provider for one in comparison.findings if one.provider})
    if len(providers) != 1:
        raise UsageError(
            f"the statement is about {len(providers)} providers ({', '.join(providers)})",
            hint="Settle one provider at a time: --provider NAME.",
        )
    return providers[0]


def _verdict(comparison: Comparison) -> dict[str, object]:
    return {
        "billed": f"{comparison.billed:f}",
        "ledger": f"{comparison.ledger:f}",
        "unexplained": f"{comparison.unexplained:f}",
        "grain": comparison.grain.value,
        "classes": {row.name: f"{row.amount:f}" for row in class_rows(comparison.findings)},
    }


def _clearings(findings: Sequence[Finding]) -> list[Clearing]:
    return [
        Clearing(
            class_name=one.class_name,
            difference=f"{one.amount:f}",
            since_ms=ms_of(one.since),
            until_ms=ms_of(one.until),
            provider=one.provider,
            model=one.model,
            line=one.lines[0] if one.lines else None,
            request_id=bytes.fromhex(one.request_ids[0]) if one.request_ids else None,
        )
        for one in findings
        if one.amount or one.causes == (Cause.MATCHED,)
    ]


def _entries(comparison: Comparison, number: int, name: str, now: datetime) -> list[Adjustment]:
    """One entry per period and model whose sums differ; together they are the rounded difference."""
    sums: dict[CellKey, Fraction] = {}
    for one in comparison.findings:
        # Reports show a correction with the requests that it corrects: under the ledger's own name of the model.
        model = comparison.own_names.get((one.provider, one.model), one.model)
        key = ms_of(one.since), ms_of(one.until), one.provider or _provider(comparison), model
        sums[key] = sums.get(key, Fraction(0)) + Fraction(one.amount) * NANO
    cells = sorted(sums)
    with localcontext(EXACT):
        total = round_half_even(sum((sums[key] for key in cells), Fraction(0)))
    shares = share_out(total, [sums[key] for key in cells])
    return [
        _entry(key, nanousd, f"reconcile:{number}:{position}", name, now)
        for position, (key, nanousd) in enumerate(zip(cells, shares, strict=True))
        if nanousd
    ]


def _entry(key: CellKey, nanousd: int, cause: str, name: str, now: datetime) -> Adjustment:
    since, until, provider, model = key
    return Adjustment(
        kind=Kind.RECONCILE,
        cause=cause,
        effective_at=time_of((since + until) // 2),
        booked_at=now,
        reason=f"billed otherwise: {name}",
        place=Place(
            provider=provider,
            model=model,
            attribution=Attribution(),
            source="reconcile",
            dialect="none",
            endpoint="",
            status=Status.COMPLETED,
            billing=Billing.API,
            cost_source=CostSource.REPORTED,
            usage_quality=UsageQuality.EXACT,
        ),
        measures=Measures(cost_nanousd=nanousd),
    )
