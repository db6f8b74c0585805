"""A reconciliation for machines: everything as JSON, every finding as a row of CSV."""

import csv
import io
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from llmledger.cli._reconcile.text import HEADINGS, NONE, Shown, advices
from llmledger.core.reconcile.causes import Finding, is_class
from llmledger.core.reconcile.sentences import class_rows
from llmledger.core.spreadsheet import harmless
from llmledger.operations.reconcile import Reconciliation


def as_json(found: Reconciliation, shown: Shown) -> dict[str, Any]:
    """Everything, amounts as decimal text."""
    comparison = found.comparison
    return {
        "statement": {
            "name": found.statement.name,
            "format": found.statement.format_name,
            "sha256": found.statement.sha256,
            "is_estimate": found.statement.format.observer,
            "lines": comparison.line_count,
        },
        "timezone": found.zone,
        "range": {"since": comparison.since, "until": comparison.until},
        "grain": comparison.grain.value,
        "billed_usd": _text(comparison.billed) if comparison.has_money else None,
        "ledger_usd": _ledger(found),
        "difference_usd": _text(comparison.difference) if comparison.has_money else None,
        "unexplained_usd": _text(comparison.unexplained),
        "tolerance_usd": _text(found.tolerance),
        "explained": found.is_explained,
        "unbalanced_usd": _text(found.unbalanced),
        "ledger_requests": comparison.ledger_requests,
        "classes": [
            {
                "class": row.name,
                "amount_usd": _text(row.amount),
                "findings": row.findings,
                "lines": row.lines,
                "evidence": row.evidence,
            }
            for row in class_rows(comparison.findings)
        ],
        "rows": [finding_json(one) for one in chosen(found, shown)],
        "coverage": [
            {
                "key": one.key or None,
                "billed_tokens": one.billed_tokens,
                "seen_tokens": one.seen_tokens,
                "billed_requests": one.billed_requests,
                "seen_requests": one.seen_requests,
                "is_shared": one.is_shared,
            }
            for one in comparison.coverage
        ],
        "advice": [
            {"text": one.text, "provider": one.provider or None, "toml": one.toml or None}
            for one in advices(found, shown)
        ],
        "unknown_kinds": [{"label": label, "lines": count} for label, count in comparison.unknown],
        "without_rate": list(found.currencies),
        "warnings": list(found.notes),
        "statement_alone": None if found.digest is None else alone_json(found),
    }


def chosen(found: Reconciliation, shown: Shown) -> list[Finding]:
    """The findings that are wanted: those of a class, or all."""
    return [one for one in found.comparison.findings if not shown.chosen or is_class(one.class_name, shown.chosen)]


def alone_json(found: Reconciliation) -> dict[str, Any]:
    """The statement alone: its kinds of lines, its unit prices against our table, and what it bills by each heading."""
    digest = found.digest
    if digest is None:
        return {}
    check = digest.check_prices(step=found.statement.format.rounded_to or Decimal(0))
    return {
        "kinds": [
            {"kind": kind, "billed_usd": None if amount is None else _text(amount), "lines": lines}
            for kind, amount, lines in digest.kinds()
        ],
        "prices_as_in_our_table": check.agreeing,
        "other_prices": [
            {
                "provider": one.provider,
                "model": one.model or None,
                "meter": one.meter,
                "since": one.since,
                "implied_usd_per_1m": _text(one.implied.quantize(Decimal("1e-12"))),
                "expected_usd_per_1m": None if one.expected is None else _text(one.expected),
                "lines": one.lines,
            }
            for one in check.odd
        ],
        "by": {
            heading: [
                {
                    heading: None if name == NONE else name,
                    "billed_usd": _text(share.amount) if share.tells_money else None,
                    "tokens": int(share.tokens),
                    "at_our_prices_usd": _text(share.ours) if share.is_priced and share.tokens else None,
                    "lines": share.lines,
                }
                for name, share in digest.shares(heading)
            ]
            for heading in HEADINGS
        },
    }


def finding_json(one: Finding) -> dict[str, Any]:
    """One finding, with its evidence."""
    return {
        "class": one.class_name,
        "causes": [cause.value for cause in one.causes],
        "amount_usd": _text(one.amount),
        "billed_usd": _text(one.billed),
        "ledger_usd": _text(one.ledger),
        "since": one.since,
        "until": one.until,
        "provider": one.provider or None,
        "model": one.model or None,
        "meter": one.meter,
        "quantity": None if one.quantity is None else _text(one.quantity),
        "key": one.key,
        "requests": one.requests,
        "lines": list(one.lines),
        "line_count": one.line_count,
        "request_ids": list(one.request_ids),
        "implied_usd_per_1m": None if one.implied is None else _text(one.implied.quantize(Decimal("1e-12"))),
        "expected_usd_per_1m": None if one.expected is None else _text(one.expected.quantize(Decimal("1e-12"))),
        "evidence": one.evidence,
    }


def _text(value: Decimal) -> str:
    plain = f"{value:f}"
    return (plain.rstrip("0").rstrip(".") or "0") if "." in plain else plain


def _ledger(found: Reconciliation) -> str | None:
    cost = found.comparison.ledger if found.comparison.has_money else found.ledger_cost
    return None if cost is None else _text(cost)


def as_csv(all_found: Iterable[Reconciliation], shown: Shown) -> str:
    """Every finding as a row."""
    return csv_of(
        {"statement": found.statement.name, **finding_json(one)} for found in all_found for one in chosen(found, shown)
    )


def csv_of(rows: Iterable[Mapping[str, object]]) -> str:
    """Rows of one shape as CSV with their names; texts that a spreadsheet would run as a formula are made harmless."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    for position, row in enumerate(rows):
        if not position:
            writer.writerow(row)
        writer.writerow([harmless(_cell(value)) for value in row.values()])
    return stream.getvalue()


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        return " ".join(map(str, value))
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
