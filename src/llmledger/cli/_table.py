"""The look of a report on a terminal: aligned columns that go by priority, and marks for what is not exact.

`$0` is free, `—` unpriced, `~` has estimates in it, `+` lacks unpriced requests, `?` are tokens that nobody told.
"""

from collections.abc import Callable
from dataclasses import dataclass
from textwrap import fill

from llmledger.cli._render import Column, table, width
from llmledger.core.calm import calm
from llmledger.core.counted import counted
from llmledger.core.money import NANOUSD_PER_USD, UNPRICED, money_text
from llmledger.core.report import UNTOLD, Measures, Report, ReportRow

SYMBOLS = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥", "INR": "₹"}
UNATTRIBUTED = "(none)"


@dataclass(frozen=True, slots=True)
class _Shown:
    """One column of measures: how it is titled and told, how soon it goes, and when it is worth showing at all."""

    title: str
    cell: Callable[[Report, Measures], str]
    priority: int
    is_wanted: Callable[[Report], bool] = lambda _report: True


def duration_text(ms: int | None) -> str:
    """A response time for people: 840ms, 9.4s, 2m05s; empty when there is none."""
    if ms is None:
        return ""
    if ms < 1000:
        return f"{ms}ms"
    tenths = (ms + 50) // 100
    if tenths < 600:
        return f"{tenths // 10}.{tenths % 10}s"
    seconds = (ms + 500) // 1000
    return f"{seconds // 60}m{seconds % 60:02d}s"


def percent_text(part: int, whole: int) -> str:
    """A part of a whole in percent; never 0% for what is not nothing."""
    if whole <= 0:
        return ""
    if part > 0 and part * 200 < whole:
        return "<1%"
    return f"{(200 * part + whole) // (2 * whole)}%"


def cost_text(report: Report, measures: Measures) -> str:
    """A cost with its marks, in the report's currency."""
    nanousd = measures.charged_nanousd if report.is_charged else measures.cost_nanousd
    symbol = "$"
    if report.currency is not None:
        symbol = SYMBOLS.get(report.currency, f"{report.currency} ")
        converted = measures.converted
        nanousd = None if converted is None else int(converted * NANOUSD_PER_USD)
    if nanousd is None:
        return UNPRICED
    mark = "~" if measures.estimated > 0 and nanousd else ""
    lacks = "+" if measures.unpriced > 0 else ""
    return f"{mark}{money_text(nanousd, symbol=symbol)}{lacks}"


def share_text(report: Report, measures: Measures) -> str:
    """The part of the total cost."""
    part, whole = measures.cost_nanousd, report.totals.cost_nanousd
    if part is None or whole is None:
        return UNPRICED
    return percent_text(part, whole)


def change_text(now: int | None, before: int | None) -> str:
    """How much a cost grew, in percent."""
    if now is None or before is None:
        return UNPRICED
    if before == 0:
        return "new" if now else ""
    change = 100 * (now - before)
    return f"{change // before if change >= 0 else -(-change // before):+d}%"


def _tokens(name: str) -> Callable[[Report, Measures], str]:
    def text(_report: Report, measures: Measures) -> str:
        tokens = measures.tokens(name)
        return UNTOLD if tokens is None else f"{tokens:,}"

    return text


def _has(name: str) -> Callable[[Report], bool]:
    return lambda report: report.totals.units.get(name, 0) > 0


def _cached(_report: Report, measures: Measures) -> str:
    read, whole = measures.tokens("cache_read_tokens"), measures.tokens("input_tokens")
    return UNTOLD if read is None or whole is None else percent_text(read, whole) or "0%"


COLUMNS = (
    _Shown("Requests", lambda _report, measures: f"{measures.requests:,}", 0),
    _Shown("Failed", lambda _report, measures: f"{measures.failed:,}", 5),
    _Shown("Input", _tokens("input_tokens"), 2),
    _Shown("Cached", _cached, 4),
    _Shown("Written", _tokens("cache_write_tokens"), 10, _has("cache_write_tokens")),
    _Shown("Output", _tokens("output_tokens"), 3),
    _Shown("Reasoning", _tokens("reasoning_tokens"), 9, _has("reasoning_tokens")),
    _Shown(
        "First",
        lambda _report, measures: duration_text(measures.first_token_p50_ms),
        8,
        lambda report: report.totals.first_token_p50_ms is not None,
    ),
    _Shown(
        "p50",
        lambda _report, measures: duration_text(measures.latency_p50_ms),
        7,
        lambda report: report.totals.latency_p50_ms is not None,
    ),
    _Shown(
        "p95",
        lambda _report, measures: duration_text(measures.latency_p95_ms),
        6,
        lambda report: report.totals.latency_p95_ms is not None,
    ),
    _Shown(
        "Plan value",
        lambda _report, measures: money_text(measures.plan_value_nanousd) if measures.has_plan else "",
        1,
        lambda report: report.totals.has_plan,
    ),
    _Shown("Cost", cost_text, 0),
)


def report_table(report: Report, *, limit: int | None = None) -> str:
    """A report as text: its range, its rows, their total and the notes on them."""
    shown = [column for column in COLUMNS if column.is_wanted(report)]
    is_compared = report.previous_totals is not None
    columns = [
        *(Column(title, shrinks=True) for title in _key_titles(report)),
        *(Column(_title(report, column.title), right=True, priority=column.priority) for column in shown),
        *([Column("Before", right=True, priority=1), Column("Change", right=True)] if is_compared else []),
        *([] if is_compared or not report.rows else [Column("Share", right=True)]),
    ]
    lines = [*report.rows, *([report.rest] if report.rest else [])]
    cells = [_line(report, row, shown) for row in lines]
    if report.by:
        total = ReportRow(
            key=("Total", *("" for _ in report.by[1:])), measures=report.totals, previous=report.previous_totals
        )
        cells.append(_line(report, total, shown))
    return "\n".join(
        [header(report), table(columns, cells, limit=limit), *notes(report, width() if limit is None else limit)]
    )


def header(report: Report) -> str:
    """The line above the table: range, zone, counts, and the price table."""
    parts = [f"{report.window.text()} {report.window.zone}", counted(report.totals.requests, "request")]
    parts += [f"{report.totals.failed:,} failed"] if report.totals.failed else []
    parts += [f"prices {report.price_version[:10]}"] if report.price_version else []
    return " · ".join(parts)


def notes(report: Report, limit: int) -> list[str]:
    """The lines below the table, wrapped between words."""
    return [
        fill(
            f"{note.mark} {calm(note.text)}",
            max(limit, 40),
            subsequent_indent="  ",
            break_long_words=False,
            break_on_hyphens=False,
        )
        for note in report.notes
    ]


def key_text(part: str | None) -> str:
    """A group's value for people."""
    return UNATTRIBUTED if part is None else part


def _title(report: Report, title: str) -> str:
    return "Charged" if title == "Cost" and report.is_charged else title


def _key_titles(report: Report) -> list[str]:
    return [name if ":" in name else name.replace("_", " ").capitalize() for name in report.by] or [""]


def _line(report: Report, row: ReportRow, shown: list[_Shown]) -> list[str]:
    is_group = row.others == 0 and row.measures is not report.totals
    keys = [key_text(part) if is_group else part or "" for part in row.key] or ["Total"]
    cells = [*keys, *(column.cell(report, row.measures) for column in shown)]
    if row.previous is not None:
        cells += [
            cost_text(report, row.previous),
            change_text(row.measures.cost_nanousd, row.previous.cost_nanousd),
        ]
        return cells
    return [*cells, share_text(report, row.measures)] if report.rows else cells
