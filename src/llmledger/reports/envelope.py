"""A report as JSON: one versioned envelope, money as decimal text, unknown as null."""

from llmledger.core.report import SCHEMA, Report
from llmledger.core.window import from_unix_ms, unix_ms
from llmledger.reports._rows import measures_json, row_json, row_numbers, with_previous


def report_json(report: Report) -> dict[str, object]:
    """The whole report as plain JSON values."""
    envelope: dict[str, object] = {
        "schema": SCHEMA,
        "generated_at": f"{from_unix_ms(unix_ms(report.generated_at)):%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z",
        "timezone": report.window.zone,
        "range": report.window.json(),
        "filters": report.selection.json(),
        "by": list(report.by),
        "price_version": report.price_version,
        "rows": [row_json(report, row) for row in report.rows],
        "totals": with_previous(measures_json(report, report.totals), report.totals, report.previous_totals),
        "warnings": [note.text for note in report.notes],
    }
    if report.rest is not None:
        envelope["rest"] = {"groups": report.rest.others, **row_numbers(report, report.rest)}
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
