"""Read statements, compare them with ledgers, and say whether the bill is explained."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, timedelta, tzinfo
from decimal import Decimal, localcontext
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from llmledger.core.counted import counted
from llmledger.core.reconcile.booked import LedgerSource, UnitPrice
from llmledger.core.reconcile.cells import SHORTEST_DAY, Block, Canonical, ms_of
from llmledger.core.reconcile.compare import Comparison, Terms, compare, within
from llmledger.core.reconcile.digest import Digest
from llmledger.core.reconcile.sentences import period_text
from llmledger.core.statement import EXACT, Statement, StatementLine
from llmledger.core.usage import UNIT_BY_NAME, Usage
from llmledger.core.window import from_unix_ms
from llmledger.errors import InputFileError, UsageError
from llmledger.pricebook import PriceBook
from llmledger.statements import read, recognise
from llmledger.statements._contract import Part

Opened = tuple[Statement, list[Part]]
_DATED = re.compile(r"[-@:](?:\d{4}-\d{2}-\d{2}|\d{8}|latest)(?=:[a-z]+\Z|\Z)")
_SLUG = re.compile(r"[ .]+")
_TOKENS = 100_000
"""A quantity to ask prices with: below every context tier, and a power of ten, so that the unit price is exact."""
_LONG = 2_000_000
_PLACES = Decimal("1e-30")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerance:
    """How much may stay unexplained: the larger of an amount and a share of the bill."""

    usd: Decimal = Decimal(1)
    share: Decimal = Decimal("0.001")

    def of(self, billed: Decimal) -> Decimal:
        """USD that may stay unexplained of a bill."""
        return max(self.usd, EXACT.multiply(abs(billed), self.share))


def parse_tolerance(text: str) -> Tolerance:
    """Read `0.50`, `0.50USD` or `1%`. Raises UsageError."""
    plain = text.strip().removesuffix("USD").removeprefix("$").strip()
    try:
        value = Decimal(plain.removesuffix("%"))
    except ArithmeticError:
        raise UsageError(f"--tolerance {text!r} is no amount", hint="Write 0.50 or 1%.") from None
    if not value.is_finite() or value < 0:
        raise UsageError(f"--tolerance {text!r} is no amount", hint="Write 0.50 or 1%.")
    if plain.endswith("%"):
        return Tolerance(usd=Decimal(0), share=value / 100)
    return Tolerance(usd=value, share=Decimal(0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the user asked for."""

    provider: str | None = None
    """The ledger's name of the provider, where the statement's is another."""
    period: Block | None = None
    fx: Mapping[str, Decimal] = field(default_factory=dict)
    """USD for one unit of a currency."""
    dated_fx: Mapping[str, Mapping[date, Decimal]] = field(default_factory=dict)
    """Units of a currency for one USD, from a date on."""
    rules: Mapping[str, Any] | None = None
    tolerance: Tolerance = Tolerance()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciliation:
    """One statement, compared."""

    statement: Statement
    comparison: Comparison
    digest: Digest | None
    """The statement alone: when the ledger has nothing to compare it with, or it tells no money to compare."""
    tolerance: Decimal
    zone: str
    currencies: tuple[str, ...] = ()
    """Currencies without a rate: their money was not compared."""
    notes: tuple[str, ...] = ()
    ledger_cost: Decimal | None = None
    """USD: what the ledger's requests of the period cost, where the statement tells no money to compare it with."""
    unbalanced: Decimal = Decimal(0)
    """USD by which a prepaid balance does not close."""

    @property
    def is_alone(self) -> bool:
        """Whether the ledger has nothing to compare the statement with."""
        return not self.comparison.ledger_requests

    @property
    def unsettled(self) -> Decimal:
        """USD: what no cause accounts for, and by how much a balance does not close."""
        return EXACT.add(self.comparison.unexplained, abs(self.unbalanced))

    @property
    def is_explained(self) -> bool:
        """Whether what stays unexplained is within the tolerance."""
        return self.unsettled <= self.tolerance


def reconcile_one(
    group: Sequence[Opened], source: LedgerSource, book: PriceBook, asked: Asked, *, notes: tuple[str, ...] = ()
) -> Reconciliation:
    """Compare one or several files of one format, as one statement."""
    statement = replace(
        group[0][0],
        name=" + ".join(statement.name for statement, _ in group),
        sha256="+".join(sorted(statement.sha256 for statement, _ in group)),
    )
    overlap = Overlap()
    found = reconcile_lines(statement, lambda: lines_of(group, overlap), source, book, asked, notes=notes)
    if not overlap.lines:
        return found
    words = "stands in several files and counts" if overlap.lines == 1 else "stand in several files and count"
    return replace(found, notes=(*found.notes, f"{counted(overlap.lines, 'line')} {words} once."))


def reconcile_lines(
    statement: Statement,
    lines: Callable[[], Iterable[StatementLine]],
    source: LedgerSource,
    book: PriceBook,
    asked: Asked,
    *,
    notes: tuple[str, ...] = (),
) -> Reconciliation:
    """Compare the lines of a statement, whatever they are read from (twice, when the ledger has nothing to compare them with).

    Raises InputFileError when none of them is about the period.
    """
    unit_price, canonical = prices_of(book), names_of(book)
    priced = _Priced(asked, book)
    zone = zone_of(statement, lines(), asked.rules)
    period = _in_zone(asked.period, zone)
    terms = Terms(unit_price=unit_price, canonical=canonical, format=statement.format, zone=zone, period=period)
    comparison = compare(priced.lines(lines()), source, terms)
    if not comparison.line_count:
        raise InputFileError(
            f"{statement.name} has no line in this period",
            hint=f"{_covered(lines(), zone)}Leave --period out, or give another.",
        )
    if comparison.ledger_requests and not comparison.has_money and not comparison.has_tokens and priced.without_rate:
        currencies = " and ".join(sorted(priced.without_rate))
        raise UsageError(
            f"{statement.name} is in {currencies} and tells no tokens: without a rate there is nothing to compare",
            hint=f"Give --fx {min(priced.without_rate)}=RATE (USD for one).",
        )
    digest = cost = None
    if not comparison.ledger_requests or not comparison.has_money:
        digest = Digest(canonical, unit_price)
        for line, usd in within(priced.lines(lines()), period):
            digest.add(line, usd)
    if comparison.ledger_requests and not comparison.has_money:
        cost = _cost_of(source, comparison)
    return Reconciliation(
        statement=statement,
        comparison=comparison,
        digest=digest,
        tolerance=asked.tolerance.of(comparison.billed),
        zone=str(zone),
        currencies=tuple(sorted(priced.without_rate)),
        notes=(*notes, *_pruned(comparison, source)),
        ledger_cost=cost,
    )


def _covered(lines: Iterable[StatementLine], zone: tzinfo) -> str:
    """From when to when the lines are, as far as there are any."""
    days = [line.since for line in lines]
    if not days:
        return ""
    return f"It covers {period_text(min(days), max(days) + timedelta(seconds=1), str(zone))}. "


def _cost_of(source: LedgerSource, comparison: Comparison) -> Decimal:
    providers = frozenset(one.provider for one in comparison.findings if one.provider)
    with localcontext(EXACT):
        rows = source.sums(ms_of(comparison.since), ms_of(comparison.until), providers)
        return sum((row.cost for row in rows), Decimal(0))


def _pruned(comparison: Comparison, source: LedgerSource) -> tuple[str, ...]:
    """What to know about a period whose requests were pruned."""
    before, months = from_unix_ms(source.pruned_before_ms), from_unix_ms(source.months_before_ms)
    if comparison.since >= before:
        return ()
    if comparison.since < months:
        how = f"of before {months:%Y-%m-%d} it has whole months only: the bill is compared as one period, without parts of months"
    else:
        how = "up to then the bill is compared by day and model with the sums that the ledger keeps"
    return (f"the single requests of before {before:%Y-%m-%d} were pruned from the ledger; {how}.",)


def group_files(files: Sequence[Path], rules: Mapping[str, Any] | None) -> tuple[list[list[Opened]], list[str]]:
    """The statements in some files, those of one format together; the same file twice counts once, with a note."""
    groups: dict[str, list[Opened]] = {}
    notes: list[str] = []
    seen: set[str] = set()
    for path in sorted(files, key=lambda path: (path.name, str(path))):
        for opened in recognise(path, rules=rules):
            if opened[0].sha256 in seen:
                notes.append(f"{path.name} is the same file as one before and counts once")
                continue
            seen.add(opened[0].sha256)
            groups.setdefault(opened[0].format_name, []).append(opened)
    return [group for _, group in sorted(groups.items())], notes


def zone_of(statement: Statement, lines: Iterable[StatementLine], rules: Mapping[str, Any] | None = None) -> tzinfo:
    """The zone in which a statement's days are days: its format's, the one that its rules name, or that of its own days.

    An export whose days follow the account's offset (DeepSeek's) tells it with each day; it is known by the zone's name of
    that many whole hours.
    """
    name = str((rules or {}).get("timezone", statement.format.zone))
    if name != "UTC":
        return ZoneInfo(name)
    first = next(iter(lines), None)
    offset = first.since.utcoffset() if first and first.until - first.since >= SHORTEST_DAY else None
    if not offset or offset % timedelta(hours=1):
        return UTC
    return ZoneInfo(f"Etc/GMT{-(offset // timedelta(hours=1)):+d}")


def _in_zone(period: Block | None, zone: tzinfo) -> Block | None:
    """The period with its days in the statement's zone: October of a statement in Pacific time begins at 07:00 UTC."""
    if period is None or zone is UTC:
        return period
    since, until = (from_unix_ms(ms).astimezone(UTC).replace(tzinfo=zone) for ms in period)
    return ms_of(since), ms_of(until)


@dataclass(slots=True)
class Overlap:
    """How many lines several files of one statement both hold."""

    lines: int = 0


def lines_of(group: Sequence[Opened], overlap: Overlap | None = None) -> Iterator[StatementLine]:
    """The lines of the files of one format; a line that two files both hold counts once, and in `overlap`.

    Raises UsageError when they differ.
    """
    overlap = overlap or Overlap()
    overlap.lines = 0
    if len(group) == 1:
        yield from read(*group[0])
        return
    seen: dict[int, tuple[str, str]] = {}
    for statement, parts in group:
        mine: set[int] = set()
        for line in read(statement, parts):
            identity = hash(
                (line.since, line.until, line.model, line.meter, line.label, line.key, line.project, line.request_id)
            )
            other = seen.get(identity)
            if other is not None and identity not in mine and other[0] != statement.name:
                if other[1] == str(line.amount):
                    overlap.lines += 1
                    continue
                raise UsageError(
                    f"{other[0]} and {statement.name} both bill {line.label or line.model} of {line.since:%Y-%m-%d}, and differ",
                    hint="Give the newer export alone.",
                )
            mine.add(identity)
            seen[identity] = statement.name, str(line.amount)
            yield line


class _Priced:
    """Lines under the ledger's name of their provider, with amounts in USD by the user's rates; None without a rate."""

    def __init__(self, asked: Asked, book: PriceBook) -> None:
        self._asked = asked
        self._book = book
        self._names: dict[str, str] = {}
        self.without_rate: set[str] = set()

    def lines(self, lines: Iterable[StatementLine]) -> Iterator[tuple[StatementLine, Decimal | None]]:
        for line in lines:
            name = self._names.get(line.provider) or self._name(line.provider)
            usd = line.amount if line.currency == "USD" else self._converted(line)
            yield line if name == line.provider else line._replace(provider=name), usd

    def _name(self, provider: str) -> str:
        self._names[provider] = self._asked.provider or self._book.canonical(provider)
        return self._names[provider]

    def _converted(self, line: StatementLine) -> Decimal | None:
        if line.amount is None:
            return None
        rate = self._asked.fx.get(line.currency)
        if rate is not None:
            return EXACT.multiply(line.amount, rate)
        dated = self._asked.dated_fx.get(line.currency, {})
        past = [since for since in dated if since <= line.since.date()]
        if not past:
            self.without_rate.add(line.currency)
            return None
        return EXACT.quantize(EXACT.divide(line.amount, dated[max(past)]), _PLACES)


def names_of(book: PriceBook) -> Canonical:
    """One name for all spellings of a model: the table's id; else the name in lower case, dashed, without its date."""
    known: dict[tuple[str, str], str] = {}

    def canonical(provider: str, model: str) -> str:
        found = known.get((provider, model))
        if found is None:
            slug = _SLUG.sub("-", model.casefold())
            resolved = (_own_id(book, provider, name) for name in (model, slug, model.casefold()))
            found = next(filter(None, resolved), None) or _DATED.sub("", slug)
            known[provider, model] = found
        return found

    return canonical


def _own_id(book: PriceBook, provider: str, model: str) -> str | None:
    """The table's id of a model that it knows by itself; not the entry that stands for all others."""
    entry = book.entry(provider, model)
    return None if entry is None or entry.any else entry.id


def prices_of(book: PriceBook) -> UnitPrice:
    """Unit prices of the table: exact USD per unit, at the standard context size or that of long prompts."""
    known: dict[tuple[object, ...], Decimal | None] = {}

    def unit_price(provider: str, model: str, meter: str, at_ms: int, context: Mapping[str, str]) -> Decimal | None:
        key = (provider, model, meter, at_ms // 3_600_000, tuple(sorted(context.items())))
        if key not in known:
            known[key] = _asked_price(book, key[:3], at_ms, dict(context))
        return known[key]

    return unit_price


def _asked_price(book: PriceBook, what: tuple[str, str, str], at_ms: int, context: dict[str, str]) -> Decimal | None:
    provider, model, meter = what
    padding = _LONG if context.pop("context_window", None) == "long" else 0
    at = from_unix_ms(at_ms)

    def cost(usage: Usage) -> int | None:
        return book.price(provider, model, usage, at=at, context=context).nanousd

    whole = cost(_usage(meter, padding))
    pad = cost(Usage(input_tokens=padding)) if padding else 0
    if whole is None or pad is None:
        return None
    return Decimal(whole - pad) / _TOKENS / 10**9


def _usage(meter: str, padding: int) -> Usage:
    counts: dict[str, int] = {}
    at: str | None = meter
    while at is not None:
        counts[at] = _TOKENS
        at = UNIT_BY_NAME[at].parent
    if padding:
        counts["input_tokens"] = counts.get("input_tokens", 0) + padding
    return Usage(**counts)
