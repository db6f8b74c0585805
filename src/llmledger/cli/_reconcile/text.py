"""How a reconciliation is told to people: sentences, tables, what to do next; every form of it is made of these."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from llmledger.cli._render import Column, cells_of, table, width, wrapped
from llmledger.core.calm import calm
from llmledger.core.counted import counted
from llmledger.core.reconcile.causes import Finding, is_class
from llmledger.core.reconcile.digest import Digest, OddPrice, Share
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
from llmledger.core.reconcile.unit_prices import amount_text, per_text
from llmledger.operations.reconcile import Reconciliation

MOST_SHOWN = 40
HEADINGS = ("model", "key", "project", "day")
NONE = "—"
_TITLES = {"openai": "OpenAI", "openrouter": "OpenRouter", "deepseek": "DeepSeek", "xai": "xAI", "aws": "AWS"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What of a reconciliation is wanted."""

    by: str
    chosen: str | None
    """The class whose single findings are listed."""
    today: date


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table in any form: its columns and rows."""

    columns: Sequence[Column]
    rows: Sequence[Sequence[str]]


def as_text(found: Reconciliation, shown: Shown) -> str:
    """For a terminal: as wide as it is, the rows of a long list cut."""
    lines = [wrapped(calm(text)) for text in head(found)]
    for sheet in sheets(found, shown):
        lines += ["", *_sheet_lines(sheet)]
    after = [line for one in advices(found, shown) for line in _advice_lines(one)]
    covered = coverage_text(found.comparison)
    return "\n".join(
        [*lines, *([""] if after or covered else []), *after, *([wrapped(calm(covered))] if covered else [])]
    )


def _sheet_lines(sheet: Sheet) -> list[str]:
    """A table; where its evidence has no room beside the other columns, it follows in sentences."""
    columns, rows = sheet.columns, [[*map(calm, row)] for row in sheet.rows[:MOST_SHOWN]]
    more = [f"... and {len(sheet.rows) - MOST_SHOWN:,} more rows: --format csv has all"]
    more = more if len(sheet.rows) > MOST_SHOWN else []
    whole = table(columns, rows, limit=_NO_LIMIT).split("\n")
    if columns[-1].title != "Evidence" or max(map(cells_of, whole)) <= width():
        return [*table(columns, rows).split("\n"), *more]
    told = dict.fromkeys((" ".join(filter(None, row[: _NAMED[columns[0].title]])), row[-1]) for row in rows)
    texts = [wrapped(f"{name}: {evidence}.") for name, evidence in told if evidence]
    return [*table(columns[:-1], [row[:-1] for row in rows]).split("\n"), *more, "", *texts]


_NO_LIMIT = 10_000
_NAMED = {"Class": 1, "Day": 2}
"""How many of a row's first cells name it before its evidence."""


def _advice_lines(one: Advice) -> list[str]:
    return [wrapped(f"- {calm(one.text)}"), *(f"  {line}" for line in patch_lines(one))]


def patch_lines(one: Advice) -> list[str]:
    """An advice's patch of the price table, under the name of the file that it belongs to."""
    return [f"# {one.provider}.toml", *one.toml.split("\n")] if one.toml else []


def head(found: Reconciliation) -> list[str]:
    """The sentences, and what to know before believing them."""
    comparison = found.comparison
    names = sorted({one.provider for one in comparison.findings if one.provider})
    provider = " and ".join(_TITLES.get(name, name.title()) for name in names) or found.statement.name
    lines = sentences(comparison, provider=provider, zone=found.zone, observer=found.statement.format.observer)
    if found.ledger_cost is not None and found.digest:
        lines.append(f"{_our_price(found.digest)} The ledger has {usd(found.ledger_cost)}.")
    lines += [f"note: {text}" for text in found.notes]
    for currency in found.currencies:
        lines.append(
            f"note: no rate for {currency}, so its money was not compared: give --fx {currency}=RATE (USD for one)."
        )
    if found.statement.format.observer:
        lines.append("note: this is another ledger's estimate, not a bill.")
    read = f"{counted(comparison.line_count, 'line')} of {found.statement.name} ({found.statement.format_name})"
    if found.statement.format_name == "total":
        read = "the invoice's total"
    if not found.is_alone:
        how = GRAIN_WORDS[comparison.grain]
        return [*lines, f"Compared {read} with {counted(comparison.ledger_requests, 'request')} of the ledger, {how}."]
    alone = "The ledger has no request of this provider in this period: here is the statement alone"
    return [*lines, f"{alone}, {read}.", *(price_texts(found.digest, _step(found)) if found.digest else ())]


def _step(found: Reconciliation) -> Decimal:
    return found.statement.format.rounded_to or Decimal(0)


def _our_price(digest: Digest) -> str:
    shares = [share for _, share in digest.shares("model")]
    if not any(share.ours for share in shares):
        return "Our table has no price for its tokens."
    ours = usd(sum((share.ours for share in shares), Decimal(0)))
    if all(share.is_priced for share in shares):
        return f"At our prices its tokens cost {ours}."
    return f"At our prices its tokens cost {ours}, without those that our table has no price for."


def price_texts(digest: Digest, step: Decimal) -> list[str]:
    """What checking a statement's unit prices against our table shows; that nothing can be checked is said too."""
    check = digest.check_prices(step=step)
    told = [_odd_text(one) for one in check.odd]
    if check.agreeing:
        others = "other " if check.odd else ""
        return [*told, f"{counted(check.agreeing, f'{others}unit price')} on it: as in our table."]
    if told:
        return told
    if any(share.tells_money and share.is_priced and share.tokens for _, share in digest.shares("model")):
        return ["Its lines tell no price of a single kind of token: compare what is billed with the sum at our prices."]
    return ["No price on it can be checked: no line tells both a number of tokens of one kind and what they cost."]


def _odd_text(one: OddPrice) -> str:
    ours = "our table has no price"
    if one.expected is not None:
        ours = f"our table has {amount_text(one.expected / 1_000_000, one.meter)}"
    name = f"{one.provider}/{one.model}" if one.model else one.provider
    billed = f"{amount_text(one.implied / 1_000_000, one.meter)} {per_text(one.meter)}"
    return f"{name} {one.meter.replace('_', ' ')}: {billed} since {one.since}; {ours}."


def sheets(found: Reconciliation, shown: Shown) -> Iterator[Sheet]:
    """The tables: the classes and both sides by a heading; a statement alone by each heading; or a class's findings."""
    if shown.chosen:
        yield finding_sheet(found.comparison.findings, shown.chosen)
    elif found.is_alone and found.digest:
        yield from _alone(found.digest, HEADINGS)
    else:
        yield class_sheet(found)
        if found.comparison.has_money:
            yield group_sheet(found, shown.by)
        elif found.digest:
            yield from _alone(found.digest, (shown.by,))


def class_sheet(found: Reconciliation) -> Sheet:
    """The classes with their amounts."""
    columns = [
        Column("Class", shrinks=True),
        Column("Difference", right=True),
        Column("Lines", right=True, priority=2),
        Column("Evidence", priority=1, shrinks=True),
    ]
    tells = found.comparison.has_money
    rows = class_rows(found.comparison.findings)
    return Sheet(
        columns, [(row.name, usd(row.amount) if tells else NONE, f"{row.lines:,}", row.evidence) for row in rows]
    )


def group_sheet(found: Reconciliation, by: str) -> Sheet:
    """Both sides by model, day or key."""
    columns = [
        Column(by.title(), shrinks=True),
        Column("Billed", right=True, priority=1),
        Column("Ledger", right=True, priority=2),
        Column("Difference", right=True),
    ]
    rows = group_rows(found.comparison.findings, by, found.zone)
    return Sheet(columns, [(row.name, usd(row.billed), usd(row.ledger), usd(row.difference)) for row in rows])


def finding_sheet(findings: Sequence[Finding], chosen: str) -> Sheet:
    """The single findings of a class."""
    rows = [
        (
            f"{one.since:%Y-%m-%d}",
            f"{one.provider}/{one.model}" if one.model else one.provider,
            usd(one.amount),
            one.key or "",
            " ".join(map(str, one.lines[:4])),
            one.evidence,
        )
        for one in findings
        if is_class(one.class_name, chosen)
    ]
    columns = [
        Column("Day"),
        Column("Model", shrinks=True),
        Column("Difference", right=True),
        Column("Key", priority=1),
        Column("Lines", priority=2),
        Column("Evidence", priority=3),
    ]
    return Sheet(columns, rows or [("none", "", "", "", "", "")])


def _alone(digest: Digest, headings: Sequence[str]) -> Iterator[Sheet]:
    kinds = digest.kinds()
    if len(kinds) > 1:
        columns = [Column("Kind of line"), Column("Billed", right=True), Column("Lines", right=True, priority=1)]
        rows = [(kind, NONE if amount is None else usd(amount), f"{lines:,}") for kind, amount, lines in kinds]
        yield Sheet(columns, rows)
    for heading in headings:
        shares = digest.shares(heading)
        if heading in ("key", "project") and [name for name, _ in shares] == [NONE]:
            continue
        columns = [
            Column(heading.title(), shrinks=True),
            Column("Billed", right=True),
            Column("Tokens", right=True, priority=1),
            Column("At our prices", right=True, priority=2),
        ]
        yield Sheet(columns, [_share_cells(name, share) for name, share in shares])


def _share_cells(name: str, share: Share) -> tuple[str, str, str, str]:
    billed = usd(share.amount) if share.tells_money else NONE
    return name, billed, f"{share.tokens:,.0f}", usd(share.ours) if share.is_priced and share.tokens else NONE


def advices(found: Reconciliation, shown: Shown) -> list[Advice]:
    """What to do next; nothing beside the findings of one class."""
    if shown.chosen:
        return []
    return advice(found.comparison, statement=found.statement.name, today=shown.today)
