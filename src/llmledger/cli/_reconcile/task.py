"""From the options of `reconcile` to comparisons: rules, rates and period read, ledgers opened, statements recorded."""

import tomllib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llmledger.cli._context import surroundings
from llmledger.cli._render import note, progress, warn
from llmledger.core.period import Clock, parse_period
from llmledger.core.reconcile.booked import LedgerSource, Skip, never
from llmledger.core.reconcile.cells import Block
from llmledger.core.window import unix_ms
from llmledger.errors import InputFileError, LedgerMissing, UsageError
from llmledger.operations.reconcile import (
    Asked,
    Reconciliation,
    Tolerance,
    group_files,
    lines_of,
    parse_tolerance,
    reconcile_one,
)
from llmledger.pricebook import PriceBook, load

if TYPE_CHECKING:
    from llmledger.operations.reconcile_total import Invoice


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """The options as they were given."""

    files: tuple[Path, ...] = ()
    provider: str | None = None
    period: str | None = None
    tolerance: str | None = None
    fx: tuple[str, ...] = ()
    rules: Path | None = None
    total: str | None = None
    tax: str | None = None
    balance: tuple[str | None, str | None, str | None, str | None] = (None, None, None, None)
    """Opening, bought, expired and closing, as --credits-bought and its companions give them."""
    fetch: str | None = None


class NoRows:
    """The source when there is no ledger yet."""

    pruned_before_ms = 0
    months_before_ms = 0

    def rows(self, since_ms: int, until_ms: int, providers: frozenset[str], skip: Skip = never) -> list[Any]:
        """Nothing."""
        return []

    def sums(self, since_ms: int, until_ms: int, providers: frozenset[str]) -> list[Any]:
        """Nothing."""
        return []

    def find(self, wanted: Any) -> dict[str, Any]:
        """Nothing."""
        return {}


def compared(wish: Wish, ledgers: list[Path] | None, *, record: bool) -> list[Reconciliation]:
    """Compare what was asked for, and record it if that was asked for."""
    asked = _asked(wish)
    book = load(surroundings().pricing_folders())
    if wish.fetch:
        wish = _fetched(wish, asked)
    with _source(ledgers) as source:
        if wish.total or any(wish.balance):
            return [_total(wish, asked, source, book, ledgers, record=record)]
        if not wish.files:
            raise UsageError(
                "there is no statement to compare", hint="Give a file, --fetch PROVIDER, or --total AMOUNT."
            )
        groups, notes = group_files(wish.files, asked.rules)
        found: list[Reconciliation] = []
        for group in groups:
            with progress(f"reading {group[0][0].name}"):
                one = reconcile_one(group, source, book, asked, notes=tuple(notes))
            found.append(one)
            if record:
                _record(one, lambda group=group: lines_of(group), ledgers)
    return found


def draft(wish: Wish) -> str:
    """Rules for the one file that was given."""
    from llmledger.statements._draft import draft_rules
    from llmledger.statements._parts import open_parts, refuse_pdf

    if len(wish.files) != 1:
        raise UsageError("--init-rules drafts rules for one file", hint="reconcile --init-rules FILE > rules.toml")
    refuse_pdf(wish.files[0])
    head = open_parts(wish.files[0], {})[0].head
    if not head.rows or len(head.rows[0]) < 2:
        raise InputFileError(
            f"{wish.files[0].name} is no table with columns",
            hint="Rules are for CSV files that begin with their titles.",
        )
    return draft_rules(head)


@contextmanager
def _source(ledgers: list[Path] | None) -> Iterator[LedgerSource]:
    from llmledger.ledger import open_reader
    from llmledger.ledger.statements.rows import LedgerRows

    paths = ledgers or [surroundings().ledger_path(None)]
    with ExitStack() as stack:
        try:
            readers = [stack.enter_context(open_reader(path)) for path in paths]
        except LedgerMissing:
            if ledgers:
                raise
            yield NoRows()
            return
        yield LedgerRows([reader.connection for reader in readers])


def _asked(wish: Wish) -> Asked:
    return Asked(
        provider=wish.provider,
        period=_period(wish.period),
        fx=dict(_rate(text) for text in wish.fx),
        dated_fx=surroundings().config.fx,
        rules=None if wish.rules is None else _rules(wish.rules),
        tolerance=parse_tolerance(wish.tolerance) if wish.tolerance else Tolerance(),
    )


def _period(text: str | None) -> Block | None:
    if text is None:
        return None
    window = parse_period(text, Clock(surroundings().now(), "UTC"))
    if window.since is None or window.until is None:
        raise UsageError(f"{text!r} has no end", hint="Give a whole period, as 2026-10.")
    return unix_ms(window.since), unix_ms(window.until)


def _rate(text: str) -> tuple[str, Decimal]:
    currency, _, number = text.partition("=")
    try:
        rate = Decimal(number)
    except ArithmeticError:
        rate = Decimal(0)
    if len(currency) != 3 or not rate.is_finite() or rate <= 0:
        raise UsageError(f"--fx {text!r} is no rate", hint="Write --fx CNY=0.1391 (USD for one CNY).")
    return currency.upper(), rate


def _rules(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as reason:
        raise InputFileError(f"{path} cannot be read: {reason.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as reason:
        raise InputFileError(f"{path} is no TOML: {reason}", hint="reconcile --init-rules FILE drafts rules.") from None


def _total(
    wish: Wish, asked: Asked, source: LedgerSource, book: PriceBook, ledgers: list[Path] | None, *, record: bool
) -> Reconciliation:
    from llmledger.operations.reconcile_total import reconcile_total, total_lines

    invoice = _invoice(wish)
    found = reconcile_total(invoice, source, book, asked)
    if record:
        _record(found, lambda: total_lines(asked, invoice), ledgers)
    return found


def _invoice(wish: Wish) -> "Invoice":
    from llmledger.operations.reconcile_total import Balance, Invoice, read_amount

    options = ("--opening", "--credits-bought", "--expired", "--closing")
    given = [read_amount(text, option) if text else None for text, option in zip(wish.balance, options, strict=True)]
    balance = None
    if any(given):
        currencies = sorted({one[1] for one in given if one})
        if len(currencies) > 1:
            raise UsageError(f"the balance is in {' and '.join(currencies)}", hint="Give all in one currency.")
        opening, bought, expired = (one[0] if one else Decimal(0) for one in given[:3])
        closing = given[3][0] if given[3] else None
        balance = Balance(opening=opening, bought=bought, expired=expired, closing=closing, currency=currencies[0])
    return Invoice(
        total=read_amount(wish.total, "--total") if wish.total else None,
        tax=read_amount(wish.tax, "--tax") if wish.tax else None,
        balance=balance,
    )


def _record(found: Reconciliation, lines: Any, ledgers: list[Path] | None) -> None:
    from llmledger.ledger import open_ledger
    from llmledger.operations.record_statement import record

    if ledgers and len(ledgers) > 1:
        raise UsageError("--record needs one ledger", hint="Give one --ledger; import the others into it first.")
    if not found.is_explained:
        warn("recorded although a part is not explained")
    path = surroundings().ledger_path(ledgers[0] if ledgers else None)
    now = surroundings().now
    with open_ledger(path, create=False, now=now) as ledger:
        number, is_new = record(ledger, found, lines, now=now())
    note(f"Recorded as statement {number}." if is_new else f"Statement {number} has this already; nothing was changed.")


def _fetched(wish: Wish, asked: Asked) -> Wish:
    from dataclasses import replace

    from llmledger.cli._reconcile.fetch import fetch_to_file

    if asked.period is None:
        raise UsageError("--fetch needs a period", hint="Give -p 2026-10.")
    return replace(wish, files=(*wish.files, fetch_to_file(wish.fetch or "", asked.period)))
