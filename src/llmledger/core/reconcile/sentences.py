"""A comparison in sentences and rows: what people read first, the classes, the models and days, and what to do next."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal, localcontext

from llmledger.core.counted import counted
from llmledger.core.money import money_text, nanousd_from_usd
from llmledger.core.reconcile.booked import ZERO
from llmledger.core.reconcile.causes import Cause, Finding, Grain
from llmledger.core.reconcile.compare import Comparison
from llmledger.core.reconcile.coverage import Coverage
from llmledger.core.reconcile.unit_prices import amount_text, per_text
from llmledger.core.statement import EXACT
from llmledger.core.usage import UNIT_BY_NAME


@dataclass(frozen=True, slots=True)
class ClassRow:
    """One class of a comparison."""

    name: str
    amount: Decimal
    findings: int
    lines: int
    evidence: str
    """Of its largest finding."""


@dataclass(frozen=True, slots=True)
class GroupRow:
    """One model, day or key of a comparison."""

    name: str
    billed: Decimal
    ledger: Decimal

    @property
    def difference(self) -> Decimal:
        """Billed less ledger."""
        return EXACT.subtract(self.billed, self.ledger)


@dataclass(frozen=True, slots=True)
class Advice:
    """What to do about a class, and a price-table patch where one would help."""

    text: str
    provider: str = ""
    toml: str = ""


_SHORT = {
    Cause.ROUNDING: "is rounding",
    Cause.MISSING_IN_LEDGER: "is missing in the ledger",
    Cause.MISSING_IN_STATEMENT: "is missing in the statement",
    Cause.OTHER_KEY: "went past it",
    Cause.PRICE: "is a price that differs",
    Cause.CACHED_SPLIT: "is cached input counted differently",
    Cause.CACHE_TTL: "is the cache's time to live",
    Cause.REASONING: "is reasoning counted differently",
    Cause.TIER: "is another tier or batch",
    Cause.CONTEXT_TIER: "is the price of long prompts",
    Cause.DAY_BOUNDARY: "is the day boundary",
    Cause.INTERRUPTED: "is requests that were interrupted or estimated",
    Cause.TOOL_FEES: "is tool fees",
    Cause.CREDITS: "is credits, tax or discount",
    Cause.DUPLICATE: "is counted twice",
}


def usd(amount: Decimal) -> str:
    """An exact amount for people, with two decimals at least.

    >>> usd(Decimal("0.5")), usd(Decimal(0)), usd(Decimal("-0.00028"))
    ('$0.50', '$0.00', '-$0.00028')
    """
    whole, _, digits = money_text(nanousd_from_usd(amount)).partition(".")
    return f"{whole}.{digits:0<2}"


def zone_text(zone: str) -> str:
    """A zone for people: `UTC+8` for a clock that is known by its offset alone.

    >>> zone_text("Etc/GMT-8"), zone_text("America/Los_Angeles")
    ('UTC+8', 'America/Los_Angeles')
    """
    hours = zone.removeprefix("Etc/GMT")
    return zone if hours == zone else f"UTC{-int(hours):+d}"


def sentences(comparison: Comparison, *, provider: str, zone: str, observer: bool = False) -> list[str]:
    """What was billed, what the ledger has, where the difference went, and what stays unexplained."""
    when = f"{period_text(comparison.since, comparison.until, zone)} ({zone_text(zone)})"
    if not comparison.has_money:
        text = f"{provider} counted tokens for {when}; the statement tells no money that can be compared."
        if not comparison.has_tokens:
            text = (
                f"{provider} billed for {when} what cannot be compared: no line tells tokens, or money at a known rate."
            )
        return [text, _tokens_sentence(comparison)] if comparison.ledger_requests else [text]
    text = f"{provider} billed {usd(comparison.billed)} for {when}."
    if observer:
        text = f"Estimated for {provider}: {usd(comparison.billed)} for {when}."
    if not comparison.ledger_requests:
        return [text]
    text = f"{text} The ledger has {usd(comparison.ledger)}"
    keys = sorted({one.key for one in comparison.findings if one.causes == (Cause.OTHER_KEY,) and one.key})
    rows = [row for row in class_rows(comparison.findings) if row.amount and row.name != Cause.UNEXPLAINED]
    parts = [_part(row, keys) for row in rows]
    head = f"{text}; {', '.join(parts)}." if parts else f"{text}."
    return [head, f"Unexplained: {usd(comparison.unexplained)}."]


def _part(row: ClassRow, keys: Sequence[str]) -> str:
    known = {str(cause): words for cause, words in _SHORT.items()}
    if row.name == Cause.OTHER_KEY and keys:
        named = ", ".join(key if len(key) <= 12 else f"…{key[-4:]}" for key in keys[:3])
        more = f" and {len(keys) - 3} more" if len(keys) > 3 else ""
        return f"{usd(row.amount)} went past it (key {named}{more})"
    return f"{usd(row.amount)} {known.get(row.name, f'is {row.name}')}"


def _tokens_sentence(comparison: Comparison) -> str:
    odd = [one for one in comparison.findings if one.causes != (Cause.MATCHED,)]
    if not odd:
        return "Every token of it is in the ledger."
    return f"Tokens differ in {counted(len(odd), 'finding')}; see the classes below."


def period_text(since: datetime, until: datetime, zone: str) -> str:
    """A period as people say it: a month by name, else its first and last day.

    >>> from datetime import UTC
    >>> period_text(datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC), "UTC")
    'October 2026'
    """
    from zoneinfo import ZoneInfo

    first, last = (moment.astimezone(ZoneInfo(zone)) for moment in (since, until - timedelta(microseconds=1)))
    if first.day == 1 and (first.year, first.month) == (last.year, last.month) and (last + timedelta(days=1)).day == 1:
        return f"{first:%B %Y}"
    if first.date() == last.date():
        return f"{first:%Y-%m-%d}"
    return f"{first:%Y-%m-%d} .. {last:%Y-%m-%d}"


def class_rows(findings: Iterable[Finding]) -> list[ClassRow]:
    """The classes with their sums, the largest difference first; matched comes last."""
    groups: dict[str, list[Finding]] = {}
    for one in findings:
        groups.setdefault(one.class_name, []).append(one)
    with localcontext(EXACT):
        rows = [
            ClassRow(
                name,
                sum((one.amount for one in group), ZERO),
                len(group),
                # Findings about several meters of one cell share its lines.
                sum(
                    {(one.since, one.provider, one.model, one.key, one.lines): one.line_count for one in group}.values()
                ),
                max(group, key=lambda one: abs(one.amount)).evidence,
            )
            for name, group in groups.items()
        ]
    return sorted(rows, key=lambda row: (row.name == Cause.MATCHED, -abs(row.amount), row.name))


def group_rows(findings: Iterable[Finding], by: str, zone: str) -> list[GroupRow]:
    """Both sides by `model`, `day` or `key`, in order of name."""
    sums: dict[str, list[Decimal]] = {}
    with localcontext(EXACT):
        for one in findings:
            pair = sums.setdefault(_heading(one, by, zone), [ZERO, ZERO])
            pair[0] += one.billed
            pair[1] += one.ledger
    return [GroupRow(name, billed, ledger) for name, (billed, ledger) in sorted(sums.items())]


def _heading(one: Finding, by: str, zone: str) -> str:
    if by == "day":
        from zoneinfo import ZoneInfo

        return f"{one.since.astimezone(ZoneInfo(zone)):%Y-%m-%d}"
    if by == "key":
        return one.key or "—"
    return f"{one.provider}/{one.model}" if one.model else one.provider or "—"


def advice(comparison: Comparison, *, statement: str, today: date) -> list[Advice]:
    """What to do about the classes that were found; a price comes as a patch for the price table."""
    return [*_prices(comparison, statement, today), *_hints(comparison)]


_HINTS: Sequence[tuple[Cause, str]] = (
    (
        Cause.OTHER_KEY,
        "Requests went past the ledger: point that host's clients at the proxy, or import its logs (llmledger import).",
    ),
    (Cause.MISSING_IN_LEDGER, "Requests are missing: check which client or host does not go through the ledger."),
    (
        Cause.INTERRUPTED,
        "Streams without usage are estimated: let clients send stream_options.include_usage (the proxy adds it).",
    ),
    (Cause.MISSING_IN_STATEMENT, "Exports are filled in for some days: export this period again before you settle it."),
    (Cause.DUPLICATE, "Something is counted twice: give each export once, and import a log from one place only."),
    (
        Cause.DAY_BOUNDARY,
        "The provider's day is not the one that the statement names: compare whole months.",
    ),
    (
        Cause.TOOL_FEES,
        "Tools are billed apart: the proxy counts them where responses tell; what it cannot see, --record adds.",
    ),
    (
        Cause.CACHE_TTL,
        "Cache writes of one hour cost more: update the client or importer that reports them as short ones.",
    ),
    (Cause.CACHED_SPLIT, "Cached input was counted as fresh (or the reverse): see the requests with log show."),
)


def _hints(comparison: Comparison) -> Iterator[Advice]:
    if not comparison.ledger_requests:
        yield Advice(
            "To compare it, send requests through the proxy (llmledger proxy) or import what clients logged"
            " (llmledger import). If the ledger has them under another provider's name, give --provider NAME."
        )
    matched = any(one.causes[0] in (Cause.MATCHED, Cause.ROUNDING) for one in comparison.findings)
    if comparison.grain is Grain.REQUEST and comparison.ledger_requests and comparison.line_count and not matched:
        yield Advice("Not one line agrees with a request of the ledger: is this the statement of another account?")
    found = {cause for one in comparison.findings for cause in one.causes if one.amount or not comparison.has_money}
    for cause, text in _HINTS:
        if cause in found and comparison.ledger_requests:
            yield Advice(text)
    for label, count in comparison.unknown:
        are = "is" if count == 1 else "are"
        yield Advice(f"{counted(count, 'line')} {are} of a kind that we do not know: {label!r}. Please report it.")


def _prices(comparison: Comparison, statement: str, today: date) -> Iterator[Advice]:
    found: dict[tuple[str, str, str, Decimal], list[Finding]] = {}
    for one in comparison.findings:
        if Cause.PRICE in one.causes and one.implied and one.meter:
            found.setdefault((one.provider, one.model, one.meter, _rounded(one.implied)), []).append(one)
    for (provider, model, meter, implied), group in sorted(found.items()):
        unit = UNIT_BY_NAME[meter]
        price = _rounded(implied / 1_000_000 * unit.per)
        since = min(one.since for one in group)
        expected = group[0].expected
        instead = f" instead of {amount_text(expected / 1_000_000, meter)}" if expected else ""
        words = (
            f"{provider}/{model}: {unit.price_key} is billed at {amount_text(implied / 1_000_000, meter)}{instead}"
            f" {per_text(meter)} since {since:%Y-%m-%d} ({counted(len(group), 'day')})"
        )
        yield Advice(
            f"{words}. If that is your price, put the patch into your price table.",
            provider,
            _toml(model, unit.price_key, price, since.date(), f"{statement}: {words}", today),
        )


def _rounded(value: Decimal) -> Decimal:
    """Twelve significant digits are more than a price has; trailing zeros go."""
    with localcontext(EXACT):
        return value.quantize(Decimal(1).scaleb(value.adjusted() - 11)).normalize() + 0


def _toml(model: str, key: str, price: Decimal, since: date, source: str, today: date) -> str:
    return "\n".join(
        (
            "[[model]]",
            f"id = {_quoted(model)}",
            "extends = true",
            "[[model.period]]",
            f"from = {since.isoformat()}",
            f"{key} = {price:f}",
            f"source = {_quoted(source)}",
            f"checked = {today.isoformat()}",
        )
    )


def _quoted(text: str) -> str:
    escaped = "".join(
        character if character.isprintable() and character not in '"\\' else f"\\u{ord(character):04x}"
        for character in text
    )
    return f'"{escaped}"'


def coverage_text(comparison: Comparison) -> str:
    """What share of the billed requests and tokens the ledger saw; empty when the statement tells neither by key."""
    told = [one for one in comparison.coverage if one.billed_tokens or one.billed_requests]
    shares = [
        f"{_percent(seen, billed)} of the billed {noun}"
        for noun, seen, billed in (
            ("requests", sum(one.seen_requests or 0 for one in told), sum(one.billed_requests or 0 for one in told)),
            ("tokens", sum(one.seen_tokens for one in told), sum(one.billed_tokens for one in told)),
        )
        if billed
    ]
    if not told or not comparison.ledger_requests:
        return ""
    per = [
        f"{one.key or 'no key'} {'about ' if one.is_shared else ''}{_percent(one.seen_tokens, one.billed_tokens)}"
        if one.billed_tokens
        else f"{one.key or 'no key'} {_percent(one.seen_requests or 0, one.billed_requests or 0)}"
        for one in sorted(told, key=_missed)
    ]
    more = f" and {counted(len(per) - _MOST_KEYS, 'other key')}" if len(per) > _MOST_KEYS else ""
    return f"Coverage: the ledger saw {' and '.join(shares)} ({', '.join(per[:_MOST_KEYS])}{more})."


_MOST_KEYS = 8


def _missed(one: Coverage) -> tuple[int, str]:
    return one.seen_tokens - one.billed_tokens, one.key


def _percent(part: int, whole: int) -> str:
    """A share rounded down, so that 100% means all of it."""
    tenths = 1000 * part // whole
    return f"{tenths // 10}%" if tenths % 10 == 0 else f"{tenths // 10}.{tenths % 10}%"


GRAIN_WORDS = {
    Grain.REQUEST: "request by request",
    Grain.METER: "by day, model and meter",
    Grain.MONEY: "by day, model and meter, in money alone",
    Grain.DAY: "by day and model",
    Grain.TOTAL: "by total",
}
