"""A report as JSON: one versioned envelope, money as decimal text, unknown as null."""

from collections.abc import Iterator

from llmledger.core.money import usd_text
from llmledger.core.report import SCHEMA, Measures, Report, ReportRow
from llmledger.core.window import from_unix_ms, unix_ms


def report_json(report: Report) -> dict[str, object]:
    """The whole report as plain JSON values."""
    envelope: dict[str, object] = {
        "schema": SCHEMA,
        "generated_at": from_unix_ms(unix_ms(report.generated_at)).isoformat(timespec="milliseconds"),
        "timezone": report.window.zone,
        "range": report.window.json(),
        "filters": report.selection.json(),
        "by": list(report.by),
        "price_version": report.price_version,
        "rows": [row_json(report, row) for row in report.rows],
        "totals": _with_previous(_measures_json(report, report.totals), report.totals, report.previous_totals),
        "warnings": [note.text for note in report.notes],
    }
    if report.rest is not None:
        envelope["rest"] = {"groups": report.rest.others, **_row_numbers(report, report.rest)}
    if report.currency is not None:
        envelope["currency"] = report.currency
    if report.gaps:
        envelope["coverage"] = [
            {
                "since": gap.since.isoformat(),
                "until": gap.until.isoformat(),
                "needs": gap.needs,
                "requests": gap.requests,
            }
            for gap in report.gaps
        ]
    return envelope


def row_json(report: Report, row: ReportRow) -> dict[str, object]:
    """One row: the group's keys, then its measures."""
    return {**dict(zip(report.by, row.key, strict=True)), **_row_numbers(report, row)}


def _row_numbers(report: Report, row: ReportRow) -> dict[str, object]:
    return _with_previous(_measures_json(report, row.measures), row.measures, row.previous)


def _measures_json(report: Report, measures: Measures) -> dict[str, object]:
    plain = measures.json()
    if report.is_charged:
        plain["charged_usd"] = usd_text(measures.charged_nanousd)
    if report.currency is not None:
        converted = measures.converted
        plain[f"cost_{report.currency.lower()}"] = None if converted is None else f"{converted.normalize():f}"
    return plain


def _with_previous(plain: dict[str, object], now: Measures, before: Measures | None) -> dict[str, object]:
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
