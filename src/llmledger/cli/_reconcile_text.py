"""How a reconciliation is written: for people, as JSON, CSV, Markdown, and one page of HTML to mail to finance."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from html import escape
from typing import Any

from llmledger.cli._render import Column, shorten, table, width
from llmledger.core.reconcile.causes import Finding
from llmledger.core.reconcile.digest import Digest, OddPrice
from llmledger.core.reconcile.sentences import (
    GRAIN_WORDS,
    Advice,
    advice,
    class_rows,
    coverage_text,
    group_rows,
    sentences,
    usd,
)
from llmledger.core.spreadsheet import harmless
from llmledger.operations.reconcile import Reconciliation

MOST_SHOWN = 40
_TITLES = {"openai": "OpenAI", "openrouter": "OpenRouter", "deepseek": "DeepSeek", "xai": "xAI", "aws": "AWS"}


def lines_for_people(found: Reconciliation, *, by: str, chosen_class: str | None, today: date) -> list[str]:
    """Sentences first, then the classes, the two sides by model or day, the advice and the coverage."""
    comparison = found.comparison
    lines = [*head(found), ""]
    if found.digest:
        return [*lines, *statement_alone(found.digest, step=found.statement.format.rounded_to or Decimal(0))]
    lines += class_table(found)
    if chosen_class:
        return [*lines, "", *finding_table(found.comparison.findings, chosen_class)]
    if comparison.has_money:
        lines += ["", *group_table(found, by)]
    lines += ["", *(line for one in _advice(found, today) for line in _advice_lines(one))]
    covered = coverage_text(comparison)
    return [*lines, *([covered] if covered else [])]


def head(found: Reconciliation) -> list[str]:
    """The sentences, and what to know before believing them."""
    comparison = found.comparison
    names = sorted({one.provider for one in comparison.findings if one.provider})
    provider = " and ".join(_TITLES.get(name, name.title()) for name in names) or found.statement.name
    lines = sentences(comparison, provider=provider, zone=found.zone, observer=found.statement.format.observer)
    lines += [f"note: {text}" for text in found.notes]
    for currency in found.currencies:
        lines.append(
            f"note: no rate for {currency}, so its money was not compared: give --fx {currency}=RATE (USD for one)."
        )
    if found.statement.format.observer:
        lines.append("note: this is another ledger's estimate, not a bill.")
    how = f"{comparison.line_count:,} lines of {found.statement.name} ({found.statement.format_name})"
    return [*lines, f"{how}, compared {GRAIN_WORDS[comparison.grain]} with {comparison.ledger_requests:,} requests."]


def class_table(found: Reconciliation) -> list[str]:
    """The classes with their amounts."""
    columns = [
        Column("Class", shrinks=True),
        Column("Amount", right=True),
        Column("Lines", right=True, priority=2),
        Column("Evidence", priority=1, shrinks=True),
    ]
    rows = [
        (row.name, usd(row.amount), f"{row.lines:,}", _room(row.evidence, 50))
        for row in class_rows(found.comparison.findings)
    ]
    return table(columns, rows).split("\n")


def _room(text: str, others: int) -> str:
    """A text cut to what is left beside the other columns; JSON and CSV have it whole."""
    return shorten(text, max(20, width() - others))


def group_table(found: Reconciliation, by: str) -> list[str]:
    """Both sides by model, day or key."""
    columns = [
        Column(by.title(), shrinks=True),
        Column("Billed", right=True, priority=1),
        Column("Ledger", right=True, priority=2),
        Column("Difference", right=True),
    ]
    rows = group_rows(found.comparison.findings, by, found.zone)
    shown = [(row.name, usd(row.billed), usd(row.ledger), usd(row.difference)) for row in rows]
    return table(columns, shown).split("\n")


def finding_table(findings: Sequence[Finding], chosen: str) -> list[str]:
    """The single findings of a class."""
    wanted = chosen.casefold().replace("_", " ")
    rows = [
        (
            f"{one.since:%Y-%m-%d}",
            f"{one.provider}/{one.model}" if one.model else one.provider,
            usd(one.amount),
            one.key or "",
            " ".join(map(str, one.lines[:4])),
            _room(one.evidence, 72),
        )
        for one in findings
        if wanted in one.class_name.casefold()
    ]
    if not rows:
        return [f"no finding of the class {chosen!r}"]
    columns = [
        Column("Day"),
        Column("Model", shrinks=True),
        Column("Amount", right=True),
        Column("Key", priority=1),
        Column("Lines", priority=2),
        Column("Evidence", priority=3),
    ]
    text = table(columns, rows[:MOST_SHOWN]).split("\n")
    return [*text, f"... and {len(rows) - MOST_SHOWN} more: --format csv has all"] if len(rows) > MOST_SHOWN else text


def statement_alone(digest: Digest, *, step: Decimal) -> list[str]:
    """A statement without a ledger: its prices against our table, and what it bills by model, key, project and day."""
    lines = ["The ledger has no request of this provider in this period: here is the statement alone.", ""]
    odd = digest.odd_prices(step=step)
    lines += [_odd_text(one) for one in odd] or ["Every price on it that can be checked is the one of our table."]
    for heading in ("model", "key", "project", "day"):
        shares = digest.shares(heading)
        if heading in ("key", "project") and [name for name, _ in shares] == ["—"]:
            continue
        columns = [
            Column(heading.title(), shrinks=True),
            Column("Billed", right=True),
            Column("Tokens", right=True, priority=1),
            Column("At our prices", right=True, priority=2),
        ]
        rows = [
            (
                name,
                usd(share.amount),
                f"{share.tokens:,.0f}",
                usd(share.ours) if share.is_priced and share.tokens else "—",
            )
            for name, share in shares
        ]
        lines += ["", *table(columns, rows).split("\n")]
    return lines


def _odd_text(one: OddPrice) -> str:
    ours = "our table has no price" if one.expected is None else f"our table has {one.expected.normalize():f}"
    return f"{one.provider}/{one.model} {one.meter}: {float(one.implied):.6g} USD per 1M since {one.since}; {ours}"


def _advice(found: Reconciliation, today: date) -> list[Advice]:
    return advice(found.comparison, statement=found.statement.name, today=today)


def _advice_lines(one: Advice) -> list[str]:
    if not one.toml:
        return [f"- {one.text}"]
    return [f"- {one.text}", f"  # {one.provider}.toml", *(f"  {line}" for line in one.toml.split("\n"))]


def as_json(found: Reconciliation, today: date) -> dict[str, Any]:
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
        "ledger_usd": _text(comparison.ledger) if comparison.has_money else None,
        "difference_usd": _text(comparison.difference) if comparison.has_money else None,
        "unexplained_usd": _text(comparison.unexplained),
        "tolerance_usd": _text(found.tolerance),
        "explained": found.is_explained,
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
        "rows": [finding_json(one) for one in comparison.findings],
        "coverage": [
            {"key": one.key or None, "billed_tokens": one.billed_tokens, "seen_tokens": one.seen_tokens}
            for one in comparison.coverage
        ],
        "advice": [
            {"text": one.text, "provider": one.provider or None, "toml": one.toml or None}
            for one in _advice(found, today)
        ],
        "unknown_kinds": [{"label": label, "lines": count} for label, count in comparison.unknown],
        "without_rate": list(found.currencies),
        "warnings": list(found.notes),
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


def as_csv(all_found: Iterable[Reconciliation]) -> str:
    """Every finding as a row; texts that a spreadsheet would run as a formula are made harmless."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    names: list[str] = []
    for found in all_found:
        for one in found.comparison.findings:
            row: Mapping[str, Any] = {"statement": found.statement.name, **finding_json(one)}
            if not names:
                names = list(row)
                writer.writerow(names)
            writer.writerow([harmless(_cell(value)) for value in row.values()])
    return stream.getvalue()


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        return " ".join(map(str, value))
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def as_markdown(found: Reconciliation, *, by: str, today: date) -> str:
    """The same as for people, as Markdown."""
    lines = [
        f"## {_plain(found.statement.name)}",
        "",
        *map(_plain, head(found)),
        "",
        "| class | amount | lines | evidence |",
    ]
    lines += ["| --- | ---: | ---: | --- |"]
    for row in class_rows(found.comparison.findings):
        lines.append(f"| {_plain(row.name)} | {usd(row.amount)} | {row.lines:,} | {_plain(row.evidence)} |")
    lines += ["", f"| {by} | billed | ledger | difference |", "| --- | ---: | ---: | ---: |"]
    for group in group_rows(found.comparison.findings, by, found.zone):
        lines.append(f"| {_plain(group.name)} | {usd(group.billed)} | {usd(group.ledger)} | {usd(group.difference)} |")
    for one in _advice(found, today):
        lines += ["", f"- {_plain(one.text)}", *(["", "```toml", one.toml, "```"] if one.toml else [])]
    return "\n".join(lines)


def _plain(text: str) -> str:
    return escape(text, quote=False).replace("|", "\\|").replace("\n", " ")


_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:60em;margin:2em auto;padding:0 1em;color:#222}"
    "table{border-collapse:collapse;margin:1em 0;width:100%}td,th{padding:.3em .6em;border-bottom:1px solid #ddd;text-align:left}"
    "td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}pre{background:#f4f4f4;padding:.8em;overflow:auto}"
)


def as_html(all_found: Sequence[Reconciliation], *, by: str, today: date) -> str:
    """One self-contained page: no script, nothing loaded from elsewhere."""
    body = "".join(_html_of(found, by, today) for found in all_found)
    title = escape(", ".join(found.statement.name for found in all_found))
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Reconciliation: {title}</title>'
        f"<style>{_STYLE}</style></head><body>{body}</body></html>\n"
    )


def _html_of(found: Reconciliation, by: str, today: date) -> str:
    classes = [
        (row.name, usd(row.amount), f"{row.lines:,}", row.evidence) for row in class_rows(found.comparison.findings)
    ]
    groups = [
        (row.name, usd(row.billed), usd(row.ledger), usd(row.difference))
        for row in group_rows(found.comparison.findings, by, found.zone)
    ]
    notes = "".join(
        f"<li>{escape(one.text)}{f'<pre>{escape(one.toml)}</pre>' if one.toml else ''}</li>"
        for one in _advice(found, today)
    )
    return (
        f"<h1>{escape(found.statement.name)}</h1>{''.join(f'<p>{escape(text)}</p>' for text in head(found))}"
        f"{_html_table(('Class', 'Amount', 'Lines', 'Evidence'), classes, numbers=(1, 2))}"
        f"{_html_table((by.title(), 'Billed', 'Ledger', 'Difference'), groups, numbers=(1, 2, 3))}<ul>{notes}</ul>"
    )


def _html_table(titles: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: Sequence[int]) -> str:
    def cells(tag: str, row: Sequence[str]) -> str:
        return "".join(
            f"<{tag}{' class=n' if index in numbers else ''}>{escape(text)}</{tag}>" for index, text in enumerate(row)
        )

    inner = "".join(f"<tr>{cells('td', row)}</tr>" for row in rows)
    return f"<table><tr>{cells('th', titles)}</tr>{inner}</table>"
