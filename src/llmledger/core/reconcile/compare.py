"""Compare a statement with the ledger, and put every cent of the difference in a class with its evidence.

The match ladder: by the provider's id where the statement names requests; else by period, model, key and meter; else by period
alone. Which causes can be told apart at which grain stands in `causes`. Amounts are exact: the findings' amounts sum
to billed less ledger, to the last decimal.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal, localcontext
from itertools import chain

from llmledger.core.reconcile.booked import ZERO, LedgerSource, UnitPrice
from llmledger.core.reconcile.by_request import DAY_MS, Requests
from llmledger.core.reconcile.by_sum import Aggregate
from llmledger.core.reconcile.causes import Cause, Finding, Grain
from llmledger.core.reconcile.cells import EPOCH, Block, Calendar, Canonical, Table, meters_of, ms_of, time_of
from llmledger.core.reconcile.coverage import Coverage, together
from llmledger.core.reconcile.gather import Gathering, Priced, gathered
from llmledger.core.statement import EXACT, Format, LineKind, StatementLine

LONGEST_MS = 26 * 3_600_000
"""A line about more than the longest day is about a period of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What comparing one statement with the ledger found."""

    since: datetime
    until: datetime
    grain: Grain
    billed: Decimal
    """USD: everything on the statement, taxes and credits too."""
    ledger: Decimal
    findings: tuple[Finding, ...]
    coverage: tuple[Coverage, ...] = ()
    unknown: tuple[tuple[str, int], ...] = ()
    """Kinds of lines that we do not know, and how many there are."""
    line_count: int = 0
    ledger_requests: int = 0
    has_money: bool = True
    has_tokens: bool = True
    """Whether a line tells a quantity."""
    own_names: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """The ledger's own name of a model, by provider and the name that the findings have it under."""

    @property
    def difference(self) -> Decimal:
        """Billed less ledger."""
        return EXACT.subtract(self.billed, self.ledger)

    @property
    def unexplained(self) -> Decimal:
        """The size of what no cause accounts for; opposite amounts do not cancel out."""
        return sum((abs(one.amount) for one in self.findings if one.causes == (Cause.UNEXPLAINED,)), ZERO)


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """By what a statement is compared."""

    unit_price: UnitPrice
    canonical: Canonical
    format: Format
    zone: tzinfo
    period: Block | None = None
    """Only lines and rows within it."""


@dataclass(slots=True)
class _Tally:
    """What is counted while lines go by."""

    terms: Terms
    count: int = 0
    has_money: bool = False
    has_tokens: bool = False
    first: datetime | None = None
    last: datetime = EPOCH
    """The latest end."""
    latest: datetime = EPOCH
    """The latest beginning."""
    others: list[tuple[StatementLine, Decimal]] = field(default_factory=list)
    unknown: dict[str, int] = field(default_factory=dict)

    def usage(self, lines: Iterable[Priced]) -> Iterator[Priced]:
        """Yield the lines about usage, and keep the others."""
        for line, usd in lines:
            self.count += 1
            self.has_money = self.has_money or usd is not None
            self.has_tokens = self.has_tokens or bool(line.quantities)
            since, until = line.since, line.until
            if self.first is None or since < self.first:
                self.first = since
            self.last = max(self.last, until)
            self.latest = max(self.latest, since)
            if line.kind is LineKind.USAGE:
                yield line, usd
                continue
            if line.kind is LineKind.UNKNOWN:
                self.unknown[line.label] = self.unknown.get(line.label, 0) + 1
            self.others.append((line, usd or ZERO))

    @property
    def first_ms(self) -> int:
        """Where the first line begins."""
        return ms_of(self.first) if self.first else 0

    @property
    def last_ms(self) -> int:
        """Where the last line ends; one about a moment lasts a millisecond."""
        return max(ms_of(self.last), ms_of(self.latest) + 1)


def compare(lines: Iterable[Priced], source: LedgerSource, terms: Terms) -> Comparison:
    """Compare lines (with their amounts in USD, None when unknown) with the ledger's rows.

    The findings sum to billed less ledger exactly. Lines outside the terms' period are left out.
    """
    with localcontext(EXACT):
        tally = _Tally(terms)
        usage = tally.usage(within(lines, terms.period))
        head = next(usage, None)
        rest = usage if head is None else chain((head,), usage)
        if head is not None and head[0].request_id and head[0].since == head[0].until:
            return _by_request(rest, source, terms, tally)
        return _by_cell(rest, source, terms, tally)


def within(lines: Iterable[Priced], period: Block | None) -> Iterable[Priced]:
    """The lines that begin in a period."""
    if period is None:
        return lines
    since, until = time_of(period[0]), time_of(period[1])
    return ((line, usd) for line, usd in lines if since <= line.since < until)


def _by_request(lines: Iterable[Priced], source: LedgerSource, terms: Terms, tally: _Tally) -> Comparison:
    half = (terms.format.rounded_to or ZERO) / 2
    meters = meters_of((), splits_cache=terms.format.splits_cache)
    requests = Requests(source, terms.unit_price, terms.canonical, meters, half)
    # Of pruned requests no id is left: their days are compared by model, whole ones.
    cut = -(-source.pruned_before_ms // DAY_MS) * DAY_MS
    pruned = Gathering()
    requests.match(_behind(cut, lines, pruned))
    first, last = terms.period or _whole_days(tally)
    found: list[Finding] = []
    coverage: tuple[Coverage, ...] = ()
    grain, seen = Grain.REQUEST, 0
    if first < cut:
        table = Table(Calendar(UTC), terms.canonical)
        for some in pruned.all():
            table.bill(some)
        span = first, min(cut, last)
        aggregate = _aggregate(table, source, terms, span, whole=span if first < source.months_before_ms else None)
        found, coverage, seen = aggregate.findings(), aggregate.coverage.rows(), aggregate.ledger_requests
        grain = grain if cut < last else Grain.DAY
    if cut < last:
        found += requests.finish(max(first, cut), last, late_after_ms=last - terms.format.late_days * DAY_MS)
        seen += requests.seen + requests.unbilled
    comparison = _comparison(tally, (first, last), grain, found, together(coverage, requests.coverage()), seen)
    return replace(comparison, own_names=requests.own_names)


def _behind(cut: int, lines: Iterable[Priced], pruned: Gathering) -> Iterator[Priced]:
    """The lines of requests behind a cut; those before it are summed by their days."""
    before = time_of(cut)
    for line, usd in lines:
        if line.since >= before:
            yield line, usd
        else:
            day = time_of(ms_of(line.since) // DAY_MS * DAY_MS)
            pruned.add(line._replace(since=day, until=day + timedelta(days=1), request_id=None), usd)


def _whole_days(tally: _Tally) -> Block:
    """A statement of single requests covers the UTC days that it has requests of."""
    return tally.first_ms // DAY_MS * DAY_MS, -(-tally.last_ms // DAY_MS) * DAY_MS


def _by_cell(lines: Iterable[Priced], source: LedgerSource, terms: Terms, tally: _Tally) -> Comparison:
    table = Table(Calendar(terms.zone), terms.canonical)
    longest = 0
    for some in gathered(lines):
        table.bill(some)
        longest = max(longest, ms_of(some.line.until) - ms_of(some.line.since))
    days = table.range
    first, last = terms.period or days or (tally.first_ms, tally.last_ms)
    is_long = longest > LONGEST_MS
    if is_long and not terms.period:
        first, last = tally.first_ms, tally.last_ms
    is_whole = is_long or first < source.months_before_ms
    aggregate = _aggregate(table, source, terms, (first, last), whole=(first, last) if is_whole else None)
    found = aggregate.findings()
    comparison = _comparison(
        tally, (first, last), aggregate.grain, found, aggregate.coverage.rows(), aggregate.ledger_requests
    )
    names = {place: max(own, key=lambda name: (own[name], name)) for place, own in table.own_names.items()}
    return replace(comparison, own_names=names)


def _aggregate(table: Table, source: LedgerSource, terms: Terms, span: Block, *, whole: Block | None) -> Aggregate:
    """A table of billed lines against the ledger's sums; as one period where `whole` gives it."""
    table.settle(whole)
    table.meters = meters_of(table.line_meters, splits_cache=terms.format.splits_cache)
    return Aggregate(table, source, terms.unit_price, terms.format, span)


def _comparison(
    tally: _Tally,
    span: Block,
    grain: Grain,
    found: list[Finding],
    coverage: tuple[Coverage, ...],
    requests: int,
) -> Comparison:
    findings = (*found, *(_other(line, usd, tally.terms.canonical) for line, usd in tally.others))
    return Comparison(
        since=time_of(span[0]),
        until=time_of(span[1]),
        grain=grain,
        billed=sum((one.billed for one in findings), ZERO),
        ledger=sum((one.ledger for one in findings), ZERO),
        findings=findings,
        coverage=coverage,
        unknown=tuple(sorted(tally.unknown.items())),
        line_count=tally.count,
        ledger_requests=requests,
        has_money=tally.has_money,
        has_tokens=tally.has_tokens,
    )


_OTHER = {LineKind.ROUNDING: Cause.ROUNDING, LineKind.UNKNOWN: Cause.UNEXPLAINED}


def _other(line: StatementLine, usd: Decimal, canonical: Canonical) -> Finding:
    cause = _OTHER.get(line.kind, Cause.CREDITS)
    words = f"a line of kind {line.kind}" if cause is not Cause.UNEXPLAINED else "a line of a kind that we do not know"
    return Finding(
        causes=(cause,),
        amount=usd,
        billed=usd,
        since=line.since,
        until=line.until,
        provider=line.provider,
        model=canonical(line.provider, line.model) if line.model else "",
        key=line.key,
        lines=(line.number,),
        line_count=1,
        evidence=f"{words}: {line.label}" if line.label else words,
    )
