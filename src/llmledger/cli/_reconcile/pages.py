"""A reconciliation as a page: Markdown, and one page of HTML to mail to finance."""

import re
from collections.abc import Iterable, Iterator, Sequence
from html import escape

from llmledger.cli._reconcile.text import Sheet, Shown, advices, head, patch_lines, sheets
from llmledger.core.reconcile.sentences import coverage_text
from llmledger.core.spreadsheet import harmless
from llmledger.operations.reconcile import Reconciliation

_MARKED = re.compile(r"([\\`*\[\]|])")


def as_markdown(found: Reconciliation, shown: Shown) -> str:
    """A section for an issue or a chat."""
    lines = [f"## {_plain(found.statement.name)}", *(f"\n{_plain(text)}" for text in head(found))]
    for sheet in sheets(found, shown):
        lines += ["", _row(column.title for column in sheet.columns)]
        lines.append(_row("---:" if column.right else "---" for column in sheet.columns))
        lines += [_row(map(_plain, _harmless_row(sheet, row))) for row in sheet.rows]
    for one in advices(found, shown):
        lines += ["", f"- {_plain(one.text)}", *(["", "```toml", *patch_lines(one), "```"] if one.toml else [])]
    covered = coverage_text(found.comparison)
    return "\n".join([*lines, *(["", _plain(covered)] if covered else [])])


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _harmless_row(sheet: Sheet, row: Sequence[str]) -> Iterator[str]:
    """Its cells as a spreadsheet may have them: foreign texts run nothing, our own numbers are left as they are."""
    for column, cell in zip(sheet.columns, row, strict=True):
        yield cell if column.right else harmless(cell)


def _plain(text: str) -> str:
    """A text that is nothing but text: no tag, link, image or cell border of its own."""
    return _MARKED.sub(r"\\\1", escape(" ".join(text.split()), quote=False))


_STYLE = (
    ":root{color-scheme:light dark}"
    "body{font:15px/1.5 system-ui,sans-serif;max-width:60em;margin:2em auto;padding:0 1em}"
    "h1{font-size:1.4em;overflow-wrap:anywhere}h2{font-size:1.1em}section+section{margin-top:3em}"
    "p{margin:.4em 0}p:first-of-type{font-size:1.15em}"
    "div{overflow-x:auto}table{border-collapse:collapse;margin:1.2em 0;width:100%}"
    "td,th{padding:.3em .6em;border-bottom:1px solid #8886;text-align:left;vertical-align:top}"
    "td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}"
    "pre{background:#8882;padding:.8em;white-space:pre-wrap;overflow-wrap:anywhere}@media print{body{margin:0;max-width:none}}"
)


def as_html(all_found: Sequence[Reconciliation], shown: Shown) -> str:
    """One self-contained page: no script, nothing loaded from elsewhere."""
    body = "".join(_section(found, shown) for found in all_found)
    title = escape(", ".join(found.statement.name for found in all_found))
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>Reconciliation: {title}</title><style>{_STYLE}</style></head><body>{body}</body></html>\n"
    )


def _section(found: Reconciliation, shown: Shown) -> str:
    covered = coverage_text(found.comparison)
    texts = "".join(f"<p>{escape(text)}</p>" for text in (*head(found), *([covered] if covered else [])))
    tables = "".join(_table(sheet) for sheet in sheets(found, shown))
    items = "".join(f"<li>{escape(one.text)}{_pre(patch_lines(one))}</li>" for one in advices(found, shown))
    after = f"<h2>What to do</h2><ul>{items}</ul>" if items else ""
    return f"<section><h1>{escape(found.statement.name)}</h1>{texts}{tables}{after}</section>"


def _pre(lines: Sequence[str]) -> str:
    text = "\n".join(lines)
    return f"<pre>{escape(text)}</pre>" if lines else ""


def _table(sheet: Sheet) -> str:
    def cells(tag: str, row: Sequence[str]) -> str:
        return "".join(
            f"<{tag}{' class=n' if column.right else ''}>{escape(text)}</{tag}>"
            for column, text in zip(sheet.columns, row, strict=True)
        )

    inner = "".join(f"<tr>{cells('td', list(_harmless_row(sheet, row)))}</tr>" for row in sheet.rows)
    head_row = cells("th", [column.title for column in sheet.columns])
    return f"<div><table><thead><tr>{head_row}</tr></thead><tbody>{inner}</tbody></table></div>"
