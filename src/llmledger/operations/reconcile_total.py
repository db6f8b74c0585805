"""Compare the total of an invoice that has no lines, and a prepaid balance, with the ledger."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
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
    """A prepaid balance over a period: opening + bought - used - expired = closing, all of one currency."""

    opening: Decimal = Decimal(0)
    bought: Decimal = Decimal(0)
    expired: Decimal = Decimal(0)
    closing: Decimal | None = None
    """None where it is not known."""
    currency: str = "USD"

    @property
    def used(self) -> Decimal | None:
        """What must have been used."""
        return None if self.closing is None else EXACT.subtract(self.left_after(Decimal(0)), self.closing)

    def left_after(self, used: Decimal) -> Decimal:
        """What the balance should close at."""
        return EXACT.subtract(EXACT.add(self.opening, self.bought), EXACT.add(self.expired, used))

    def words(self, used: Decimal) -> str:
        """The equation with its numbers, and by how much it does not close."""
        should = self.left_after(used)
        text = (
            f"opening {self.opening:f} + bought {self.bought:f} - used {used:f} - expired {self.expired:f}"
            f" = closing {should:f} {self.currency}"
        )
        if self.closing is None or self.closing == should:
            return f"The balance: {text}."
        gap = EXACT.subtract(self.closing, should)
        return f"The balance does not close: {text}, but it is {self.closing:f}: {abs(gap):f} too {_size(gap)}."


def _size(gap: Decimal) -> str:
    return "much" if gap > 0 else "little"


@dataclass(frozen=True, slots=True, kw_only=True)
class Invoice:
    """What is known of an invoice without lines: its total, the tax inside it, or the balance that it was paid from."""

    total: tuple[Decimal, str] | None = None
    tax: tuple[Decimal, str] | None = None
    balance: Balance | None = None

    @property
    def billed(self) -> tuple[Decimal, str]:
        """The total; without one, what the balance says was used. Raises UsageError when it does not say."""
        if self.total is not None:
            return self.total
        if self.balance is None or self.balance.used is None:
            raise UsageError(
                "a prepaid balance needs how it closed",
                hint="Give --opening 20 --credits-bought 50 --closing 12.40 (and --expired), or the use as --total.",
            )
        if self.tax is not None:
            raise UsageError("--tax is the tax inside a total", hint="Leave it out: a balance is used without tax.")
        return self.balance.used, self.balance.currency


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


def reconcile_total(invoice: Invoice, source: LedgerSource, book: PriceBook, asked: Asked) -> Reconciliation:
    """Compare an invoice's total (with its tax inside) with all that the ledger has of a provider in the period.

    Raises UsageError without provider and period, and for amounts that cannot be meant together.
    """
    total, tax, balance = invoice.billed, invoice.tax, invoice.balance
    if asked.provider is None or asked.period is None:
        raise UsageError("a total needs its provider and period", hint="Give --provider openai -p 2026-10.")
    since, until = (from_unix_ms(ms).astimezone(UTC) for ms in asked.period)
    text = f"{asked.provider} {since} {until} {total} {tax}"
    statement = Statement(
        name="invoice total", sha256=sha256(text.encode()).hexdigest(), format_name="total", format=FORMAT
    )
    lines = list(_lines(asked.provider, since, until, total, tax))
    found = reconcile_lines(statement, lambda: lines, source, book, asked)
    if balance is None:
        return found
    if balance.currency != total[1]:
        raise UsageError(
            f"the total is in {total[1]}, the balance in {balance.currency}", hint="Give both in one currency."
        )
    used = EXACT.subtract(total[0], tax[0] if tax else Decimal(0))
    gap = Decimal(0) if balance.closing is None else EXACT.subtract(balance.closing, balance.left_after(used))
    rate = found.comparison.billed / total[0] if total[0] else Decimal(1)
    return replace(found, notes=(*found.notes, balance.words(used)), unbalanced=EXACT.multiply(gap, rate))


def total_lines(asked: Asked, invoice: Invoice) -> list[StatementLine]:
    """The lines that stand for a total."""
    if asked.provider is None or asked.period is None:
        return []
    since, until = (from_unix_ms(ms).astimezone(UTC) for ms in asked.period)
    return list(_lines(asked.provider, since, until, invoice.billed, invoice.tax))


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
