"""Rows of a report as plain values: what its JSON, its CSV and its other lines have in common."""

from collections.abc import Iterator

from llmledger.core.money import usd_text
from llmledger.core.report import Measures, Report, ReportRow


def row_json(report: Report, row: ReportRow) -> dict[str, object]:
    """One row: the group's keys, then its measures."""
    return {**dict(zip(report.by, row.key, strict=True)), **row_numbers(report, row)}


def row_numbers(report: Report, row: ReportRow) -> dict[str, object]:
    """The measures of one row, and those of the range before."""
    return with_previous(measures_json(report, row.measures), row.measures, row.previous)


def measures_json(report: Report, measures: Measures) -> dict[str, object]:
    """Measures as JSON has them, in the report's other currency too."""
    plain = measures.json()
    if report.is_charged:
        plain["charged_usd"] = usd_text(measures.charged_nanousd)
    if report.currency is not None:
        converted = measures.converted
        plain[f"cost_{report.currency.lower()}"] = None if converted is None else f"{converted.normalize():f}"
    return plain


def with_previous(plain: dict[str, object], now: Measures, before: Measures | None) -> dict[str, object]:
    """Measures beside those of the range before."""
    if before is None:
        return plain
    known = now.cost_nanousd is not None and before.cost_nanousd is not None
    change = (now.cost_nanousd or 0) - (before.cost_nanousd or 0) if known else None
    return {
        **plain,
        "previous_requests": before.requests,
        "previous_cost_usd": usd_text(before.cost_nanousd),
        "cost_change_usd": usd_text(change),
    }


def flat_rows(report: Report) -> Iterator[dict[str, object]]:
    """The rows one by one, the rest below the top as the last; for line formats."""
    for row in report.rows:
        yield row_json(report, row)
    if report.rest is not None:
        yield row_json(report, report.rest)
