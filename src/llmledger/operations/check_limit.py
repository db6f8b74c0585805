"""Check a limit: what a selection cost so far, against an amount."""

import re
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from llmledger.core.counted import counted
from llmledger.core.money import NANOUSD_PER_USD, money_text, usd_from_nanousd
from llmledger.core.report import ExchangeRates
from llmledger.core.selection import Selection
from llmledger.core.window import Window
from llmledger.errors import UsageError
from llmledger.operations.build_report import ReportRequest, Source, build_report
from llmledger.reports.usage import Look

_AMOUNT = re.compile(r"(?P<sign>[$€£]?)(?P<number>\d[\d,]*(\.\d+)?|\.\d+)\s*(?P<code>[A-Za-z]{3})?")
_CODES = {"$": "USD", "€": "EUR", "£": "GBP", "": "USD"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """An amount that must not be passed."""

    amount: Decimal
    currency: str = "USD"
    rates: ExchangeRates | None = None
    """Needed for any currency but USD."""
    strict: bool = False
    """Whether a request without a price breaks it too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Whether a limit holds, and what was counted."""

    limit: Limit
    spent: Decimal | None
    """In the limit's currency; None when nothing of it is known."""
    requests: int
    unpriced: int
    warnings: tuple[str, ...]

    @property
    def is_within(self) -> bool:
        """Whether the limit holds, as far as costs are known."""
        if self.limit.strict and (self.unpriced or self.spent is None):
            return False
        return (self.spent or Decimal(0)) <= self.limit.amount

    def text(self) -> str:
        """The verdict for people, in one line."""
        word = "within" if self.is_within else "NOT within"
        spent = "an unknown amount" if self.spent is None else self._money(self.spent)
        lacks = "+" if self.unpriced and self.spent is not None else ""
        return f"{word} the limit: {spent}{lacks} of {self._money(self.limit.amount)} · {counted(self.requests, 'request')}"

    def _money(self, amount: Decimal) -> str:
        text = money_text(int(amount * NANOUSD_PER_USD), symbol="$" if self.limit.currency == "USD" else "")
        return text if self.limit.currency == "USD" else f"{text} {self.limit.currency}"

    def json(self) -> dict[str, object]:
        """The verdict as plain JSON values; money as decimal text."""
        return {
            "within": self.is_within,
            "currency": self.limit.currency,
            "max": f"{self.limit.amount:f}",
            "spent": None if self.spent is None else f"{self.spent:f}",
            "requests": self.requests,
            "unpriced": self.unpriced,
            "warnings": list(self.warnings),
        }


def parse_amount(text: str) -> tuple[Decimal, str]:
    """Read `20USD`, `$20`, `20` or `18.50 EUR`; raises UsageError for anything else."""
    match = _AMOUNT.fullmatch(text.strip())
    if match is None or (match["sign"] and match["code"] and _CODES[match["sign"]] != match["code"].upper()):
        raise UsageError(f"{text!r} is no amount of money", hint="Write it as 20USD, $20 or 18.50EUR.")
    return Decimal(match["number"].replace(",", "")), (match["code"] or _CODES[match["sign"]]).upper()


def check_limit(source: Source, window: Window, selection: Selection, limit: Limit, *, now: datetime) -> Verdict:
    """Compare what a selection cost in a range with a limit. Plan use is no money and does not count."""
    request = ReportRequest(window=window, selection=selection, by=(), latencies=False, look=Look(rates=limit.rates))
    report = build_report(source, request, now=now)
    totals = report.totals
    known = totals.cost_nanousd is not None
    spent = totals.converted if limit.rates is not None else usd_from_nanousd(totals.cost_nanousd or 0)
    return Verdict(
        limit=limit,
        spent=spent if known else None,
        requests=totals.requests,
        unpriced=totals.unpriced,
        warnings=tuple(note.text for note in report.notes),
    )
