"""`reconcile list | show ID | undo ID` and `--formats`: what is kept, and what can be read."""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

from llmledger.cli._context import surroundings
from llmledger.cli._reconcile.data import csv_of
from llmledger.cli._render import Column, envelope, note, out, table, wrapped
from llmledger.core.reconcile.causes import is_class
from llmledger.core.reconcile.cells import time_of
from llmledger.core.reconcile.sentences import period_text, usd
from llmledger.errors import UsageError


def list_formats() -> None:
    """Every format by name, with what it is."""
    from llmledger import statements

    longest = max(map(len, statements.names()))
    for name in statements.names():
        out(wrapped(f"{name:{longest}}  {statements.load(name).SUMMARY}", indent=longest + 2))


def answer_about_kept(words: list[str], ledgers: list[Path] | None, *, class_: str | None, wanted: str) -> None:
    """List, show or undo recorded statements, as a table, JSON or CSV."""
    if wanted in ("md", "html"):
        raise UsageError(f"reconcile {words[0]} has no --format {wanted}", hint="Give table, json or csv.")
    path = surroundings().ledger_path(ledgers[0] if ledgers else None)
    if words[0] == "list":
        _list(path, wanted)
        return
    if len(words) != 2 or not words[1].isdigit():
        raise UsageError(f"reconcile {words[0]} needs the number of a statement", hint="`reconcile list` shows them.")
    if words[0] == "show":
        _show(path, int(words[1]), class_=class_, wanted=wanted)
    else:
        _undo(path, int(words[1]))


def _list(path: Path, wanted: str) -> None:
    from llmledger.ledger import open_reader
    from llmledger.ledger.statements.store import kept_statements

    with open_reader(path) as reader:
        kept = kept_statements(reader.connection)
    if wanted != "table":
        rows = [
            {
                "id": one.id,
                "provider": one.provider,
                "name": one.name,
                "format": one.format_name,
                "since": time_of(one.since_ms),
                "until": time_of(one.until_ms),
                "billed_usd": one.total,
                "unexplained_usd": one.verdict.get("unexplained"),
                "recorded_at": time_of(one.recorded_ms),
                "undone_at": None if one.undone_ms is None else time_of(one.undone_ms),
                "late_requests": one.late_rows,
            }
            for one in kept
        ]
        _rows_out(rows, wanted, lambda: envelope("llmledger.statements/1", {"rows": rows}))
        return
    if not kept:
        out("No statement is recorded yet. `llmledger reconcile FILE --record` keeps one.")
        return
    columns = [
        Column("Id", right=True),
        Column("Provider"),
        Column("Period"),
        Column("Billed", right=True),
        Column("Unexplained", right=True, priority=1),
        Column("State"),
        Column("File", priority=2, shrinks=True),
    ]
    rows_shown = [
        (
            str(one.id),
            one.provider,
            period_text(time_of(one.since_ms), time_of(one.until_ms), one.zone),
            usd(Decimal(one.total)),
            usd(Decimal(str(one.verdict.get("unexplained", "0")))),
            "undone" if one.undone_ms is not None else f"{one.late_rows} late" if one.late_rows else "cleared",
            one.name,
        )
        for one in kept
    ]
    out(table(columns, rows_shown))


def _show(path: Path, number: int, *, class_: str | None, wanted: str) -> None:
    from llmledger.ledger import open_reader
    from llmledger.ledger.statements.store import clearings_of, kept_statement

    with open_reader(path) as reader:
        kept = kept_statement(reader.connection, number)
        found = clearings_of(reader.connection, number)
    chosen = [one for one in found if class_ is None or is_class(one.class_name, class_)]
    if wanted != "table":
        rows = [
            {
                "class": one.class_name,
                "difference_usd": one.difference,
                "since": time_of(one.since_ms),
                "until": time_of(one.until_ms),
                "provider": one.provider or None,
                "model": one.model or None,
                "line": one.line,
                "request_id": None if one.request_id is None else one.request_id.hex(),
            }
            for one in chosen
        ]
        told = {"id": kept.id, "verdict": dict(kept.verdict), "rows": rows}
        _rows_out(rows, wanted, lambda: envelope("llmledger.statement/1", told))
        return
    out(f"Statement {kept.id}: {kept.name} ({kept.format_name}), {kept.provider}, billed {usd(Decimal(kept.total))}")
    columns = [
        Column("Day"),
        Column("Model", priority=1, shrinks=True),
        Column("Class", shrinks=True),
        Column("Difference", right=True),
        Column("Line", right=True),
    ]
    rows_shown = [
        (
            f"{time_of(one.since_ms).astimezone(ZoneInfo(kept.zone)):%Y-%m-%d}",
            one.model or one.provider,
            one.class_name,
            usd(Decimal(one.difference)),
            "" if one.line is None else str(one.line),
        )
        for one in chosen
    ]
    out(table(columns, rows_shown))


def _rows_out(rows: Sequence[Mapping[str, object]], wanted: str, as_json: Callable[[], str]) -> None:
    if wanted == "json":
        out(as_json())
    else:
        out(csv_of(rows), end="")


def _undo(path: Path, number: int) -> None:
    from llmledger.ledger import open_ledger
    from llmledger.operations.record_statement import undo

    now = surroundings().now
    with open_ledger(path, create=False, now=now) as ledger:
        undone = undo(ledger, number, now=now())
    note(
        f"Statement {number} is undone: opposite entries were appended."
        if undone
        else f"Statement {number} was undone before."
    )
