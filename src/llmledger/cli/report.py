"""`llmledger report`: what was used and what it cost, by any dimension and bucket of time."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from llmledger.cli._context import surroundings
from llmledger.cli._options import CurrencyOption, Format, FormatOption, JsonOption, LedgersOption, chosen_format
from llmledger.cli._render import json_text, note, out, width
from llmledger.cli._select import Chosen, reading, takes_selection
from llmledger.core.selection import DIMENSIONS, parse_by

if TYPE_CHECKING:
    from llmledger.core.report import ExchangeRates, Report

SUMMARY = "Tokens, costs and response times, by any dimension and bucket of time."


@takes_selection
def command(
    by: Annotated[
        list[str] | None,
        typer.Option(
            "--by", metavar="LIST", help=f"Group by a list of {' '.join(DIMENSIONS)} tag:KEY. Default: model."
        ),
    ] = None,
    sort: Annotated[
        str | None, typer.Option("--sort", metavar="COLUMN", help="cost, requests, key ...; with :asc or :desc.")
    ] = None,
    top: Annotated[
        int | None, typer.Option("--top", min=1, metavar="N", help="The first N; the rest as one line.")
    ] = None,
    compare: Annotated[
        str | None, typer.Option("--compare", metavar="previous", help="With the range (or the bucket) before.")
    ] = None,
    charged: Annotated[bool, typer.Option("--charged", help="With the corrections made by invoices.")] = False,
    format: FormatOption = Format.TABLE,
    json: JsonOption = False,
    currency: CurrencyOption = None,
    ledger: LedgersOption = None,
    *,
    chosen: Chosen,
) -> None:
    """Tokens, costs and response times, by any dimension and bucket of time.

    Periods: 7d 24h 2w 3mo 1y, today yesterday thisweek lastmonth ..., 2026, 2026-10, 2026q4, 2026-10-05, A..B.
    """
    from llmledger.operations.build_report import ReportRequest, build_report
    from llmledger.reports.usage import Look, check_comparable, check_sort

    grouped, look = parse_by(by or ["model"]), Look(sort=sort, top=top, rates=exchange_rates(currency), charged=charged)
    check_sort(sort, grouped)
    check_compare(compare)
    if compare is not None:
        check_comparable(chosen.window(), grouped)
    with reading(ledger) as reader:
        request = ReportRequest(
            window=chosen.window(reader.home_zone),
            selection=chosen.selection(),
            by=grouped,
            compare=compare is not None,
            look=look,
        )
        report = build_report(reader, request, now=surroundings().now())
    show(report, chosen_format(format, json))


def check_compare(compare: str | None) -> None:
    """Refuse to compare with anything but the range before."""
    from llmledger.errors import UsageError

    if compare is not None and compare.lower() != "previous":
        raise UsageError(f"--compare has no value {compare!r}", hint="Write --compare previous.")


def exchange_rates(currency: str | None) -> "ExchangeRates | None":
    """The rates of a currency from the settings; None for USD. Raises UsageError when there are none."""
    from llmledger.core.report import ExchangeRates
    from llmledger.errors import UsageError

    code = (currency or surroundings().config.currency or "USD").upper()
    if code == "USD":
        return None
    rates = surroundings().config.fx.get(code)
    if not rates:
        raise UsageError(
            f"there is no exchange rate for {code}",
            hint=f'Put the units per USD into {surroundings().paths.config_file}: [fx.{code}] 2026-01-01 = "0.92"',
        )
    return ExchangeRates(code, tuple(sorted(rates.items())))


def show(report: "Report", format: Format) -> None:
    """Print a report in a format; only the table and JSON carry the notes with them."""
    if format is Format.JSON:
        from llmledger.reports.envelope import report_json

        out(json_text(report_json(report)))
        return
    if format is Format.TABLE:
        _show_table(report)
        return
    from llmledger.reports.flat import csv_lines, json_lines, markdown_lines

    if format is Format.JSONL:
        lines: Iterator[str] = (json_text(row, indent=None) for row in json_lines(report))
    else:
        lines = csv_lines(report) if format is Format.CSV else markdown_lines(report)
    for line in lines:
        out(line)
    for about in report.notes:
        note(about.text)


def _show_table(report: "Report") -> None:
    from llmledger.cli._table import header, notes, report_table

    if report.rows:
        out(report_table(report))
        return
    note(f"{header(report)}: nothing to show.")
    for line in notes(report, width()):
        note(line)
