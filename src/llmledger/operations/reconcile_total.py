"""Compare the total of an invoice that has no lines, and a prepaid balance, with the ledger."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from hashlib import sha256

from llmledger.core.reconcile.booked import LedgerSource
from llmledger.core.statement import EXACT, Format, LineKind, Statement, StatementLine
from llmledger.core.window import from_unix_ms
from llmledger.errors import UsageError
from llmledger.operations.reconcile import Asked, Reconciliation, reconcile_lines
from llmledger.pricebook import PriceBook

CENT = Decimal("0.01")
FORMAT = Format(rounded_to=CENT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """A prepaid balance over a period: what was used is opening + bought - expired - closing."""

    opening: Decimal = Decimal(0)
    bought: Decimal = Decimal(0)
    expired: Decimal = Decimal(0)
    closing: Decimal = Decimal(0)

    @property
    def used(self) -> Decimal:
        """What must have been used."""
        return EXACT.subtract(EXACT.add(self.opening, self.bought), EXACT.add(self.expired, self.closing))


def read_amount(text: str, option: str) -> tuple[Decimal, str]:
    """Read `412.33USD` or `412.33` as an amount and its currency. Raises UsageError."""
    plain = text.strip().removeprefix("$").replace("_", "")
    digits = plain.rstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz ")
    currency = plain[len(digits) :].strip().upper() or "USD"
    try:
        amount = Decimal(digits)
    except ArithmeticError:
        raise UsageError(f"{option} {text!r} is no amount", hint=f"Write {option} 412.33USD.") from None
    if not amount.is_finite() or len(currency) != 3:
        raise UsageError(f"{option} {text!r} is no amount", hint=f"Write {option} 412.33USD.")
    return amount, currency


def reconcile_total(
    total: tuple[Decimal, str], tax: tuple[Decimal, str] | None, source: LedgerSource, book: PriceBook, asked: Asked
) -> Reconciliation:
    """Compare an invoice's total (with its tax inside) with all that the ledger has of a provider in the period."""
    if asked.provider is None or asked.period is None:
        raise UsageError("a total needs its provider and period", hint="Give --provider openai -p 2026-10.")
    since, until = (from_unix_ms(ms).astimezone(UTC) for ms in asked.period)
    text = f"{asked.provider} {since} {until} {total} {tax}"
    statement = Statement(
        name="invoice total", sha256=sha256(text.encode()).hexdigest(), format_name="total", format=FORMAT
    )
    lines = list(_lines(asked.provider, since, until, total, tax))
    return reconcile_lines(statement, lambda: lines, source, book, asked)


def total_lines(asked: Asked, total: tuple[Decimal, str], tax: tuple[Decimal, str] | None) -> list[StatementLine]:
    """The lines that stand for a total."""
    if asked.provider is None or asked.period is None:
        return []
    since, until = (from_unix_ms(ms).astimezone(UTC) for ms in asked.period)
    return list(_lines(asked.provider, since, until, total, tax))


def _lines(
    provider: str, since: datetime, until: datetime, total: tuple[Decimal, str], tax: tuple[Decimal, str] | None
) -> Iterator[StatementLine]:
    of_tax = tax[0] if tax else Decimal(0)
    if tax and tax[1] != total[1]:
        raise UsageError(f"the total is in {total[1]}, the tax in {tax[1]}", hint="Give both in one currency.")
    yield StatementLine(
        number=1,
        since=since,
        until=until,
        provider=provider,
        amount=EXACT.subtract(total[0], of_tax),
        currency=total[1],
    )
    if of_tax:
        yield StatementLine(
            number=2,
            since=since,
            until=until,
            provider=provider,
            amount=of_tax,
            currency=total[1],
            kind=LineKind.TAX,
            label="tax",
        )


def read_balance(text: str) -> Balance:
    """Read `20+50-0-12.40`: opening, bought, expired, closing. Raises UsageError."""
    parts = text.replace(" ", "").replace("+", " ").replace("-", " ").split(" ")
    try:
        amounts = [Decimal(part) for part in parts]
    except ArithmeticError:
        amounts = []
    if len(amounts) != 4 or any(not amount.is_finite() for amount in amounts):
        raise UsageError(
            f"--credits {text!r} cannot be read", hint="Write opening+bought-expired-closing: 20+50-0-12.40"
        )
    opening, bought, expired, closing = amounts
    return Balance(opening=opening, bought=bought, expired=expired, closing=closing)
