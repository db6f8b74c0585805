"""Exact claims: causes whose amount follows from the ledger's own rows and prices, so that the bill can confirm or refute it."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from itertools import accumulate, product

from llmledger.core.reconcile.booked import TOKENS, ZERO, Booked, money, quantities
from llmledger.core.reconcile.causes import Cause, Grain
from llmledger.core.reconcile.view import INPUTS, Claim, View
from llmledger.core.usage import UNIT_BY_NAME

MODES: tuple[Mapping[str, str], ...] = (
    {"processing": "batch"},
    {"service_tier": "flex"},
    {"service_tier": "priority"},
    {"speed": "fast"},
    {"inference_geo": "us"},
)
"""Selectors that providers price apart from their standard rate."""
THRESHOLDS = (128_000, 200_000, 256_000, 272_000, 512_000)
LONG: Mapping[str, str] = {"context_window": "long"}


def exact_claims(view: View) -> list[Claim]:
    """Every exact claim that this cell's rows and prices allow; whether one holds is for the bill to say."""
    return [claim for rule in RULES for claim in rule(view) if claim.money or claim.quantity]


def _split(view: View) -> Iterator[Claim]:
    """Input told apart differently: the same tokens in all, moved between fresh, read and written."""
    gap = view.quantity_gap
    moved = {meter: gap[meter] for meter in INPUTS if meter in gap}
    if moved and sum(moved.values()) == 0:
        spent = view.priced(moved)
        if spent is not None:
            cause = Cause.CACHE_TTL if set(moved) == set(INPUTS[2:]) else Cause.CACHED_SPLIT
            yield Claim((cause,), moved, _shown(spent), _split_words(moved))
    elif view.grain is Grain.MONEY:
        yield from _split_of_money(view)


def _split_of_money(view: View) -> Iterator[Claim]:
    gap = view.money_gap
    for left, right, cause in (
        ("input_tokens", "cache_read_tokens", Cause.CACHED_SPLIT),
        ("input_tokens", "cache_write_tokens", Cause.CACHED_SPLIT),
        ("cache_write_tokens", "cache_write_1h_tokens", Cause.CACHE_TTL),
    ):
        left_price, right_price = view.price(left), view.price(right)
        if left not in gap or right not in gap or not left_price or not right_price or gap[left] * gap[right] >= 0:
            continue
        allowed = view.allowed(left) + view.allowed(right) * left_price / right_price
        if abs(gap[left] + gap[right] * left_price / right_price) <= allowed:
            spent = {left: gap[left], right: gap[right]}
            yield Claim((cause,), {}, spent, f"what {left} lack, {right} have at their own price")


def _split_words(moved: Mapping[str, Decimal]) -> str:
    parts = ", ".join(f"{gap:+,} {meter.removesuffix('_tokens').replace('_', ' ')}" for meter, gap in moved.items())
    return f"the same input tokens in all, told apart differently: {parts}"


def _reasoning(view: View) -> Iterator[Claim]:
    """Reasoning tokens added twice or not at all."""
    doubled = sum(int(row.usage.get("reasoning_tokens", 0)) for row in view.copies)
    weak = view.grain is Grain.MONEY
    counts = sorted({view.thought, view.thought - doubled} - {0})
    for thought, (sign, word) in product(counts, ((1, "more"), (-1, "fewer"))):
        tokens = {"output_tokens": Decimal(sign * thought)}
        spent = view.priced(tokens)
        if spent is not None:
            told = {} if weak else tokens
            words = f"{thought:,} {word} output tokens are billed: exactly the reasoning tokens"
            yield Claim((Cause.REASONING, Cause.PRICE) if weak else (Cause.REASONING,), told, _shown(spent), words)
    yield from _reasoning_of_some(view)


def _reasoning_of_some(view: View) -> Iterator[Claim]:
    """The reasoning of the requests before or after a moment: some client counts it only from then on."""
    gap = view.quantity_gap.get("output_tokens")
    spent = view.priced({"output_tokens": gap}) if gap else None
    if gap is None or spent is None or not view.thought:
        return
    # An estimate that is off by just these tokens would be a chance, but a single number meets some sum now and then.
    guessed = (Cause.INTERRUPTED,) if any(row.is_estimated for row in view.rows) else ()
    by_time = sorted(view.rows, key=lambda row: row.started_ms)
    for rows, word in ((by_time, "first"), (by_time[::-1], "last")):
        sums = list(accumulate(int(row.usage.get("reasoning_tokens", 0)) for row in rows))
        if abs(gap) in sums[:-1]:
            count = sums.index(int(abs(gap))) + 1
            words = f"{gap:+,} output tokens are billed: exactly the reasoning tokens of the {word} {count} requests"
            yield Claim((Cause.REASONING, *guessed), {"output_tokens": gap}, _shown(spent), words)
            return


def _sums(view: View, rows: list[Booked], sign: int) -> tuple[dict[str, Decimal], dict[str, Decimal]]:
    tokens: dict[str, Decimal] = defaultdict(Decimal)
    spent: dict[str, Decimal] = defaultdict(Decimal)
    for row in rows:
        for meter, quantity in quantities(row, view.meters).items():
            tokens[meter] += sign * Decimal(quantity)
        for meter, amount in money(row, view.meters).items():
            spent[meter] += sign * amount
    told = dict(tokens) if view.knows_quantities or not view.billed.line_count else {}
    return told, _shown(view.at_grain(spent))


def _ids(rows: list[Booked]) -> tuple[str, ...]:
    return tuple(row.request_id.hex() for row in rows[:8] if row.request_id)


def duplicates(view: View) -> Iterator[Claim]:
    """The same request in the ledger twice: under one id of the provider, or alike at the same moment from two sources."""
    doubled = view.copies
    if doubled:
        told, spent = _sums(view, doubled, -1)
        yield Claim(
            (Cause.DUPLICATE,),
            told,
            spent,
            f"{len(doubled)} requests are in the ledger twice",
            request_ids=_ids(doubled),
        )


def _twice(view: View) -> Iterator[Claim]:
    """Everything exactly twice, on either side."""
    if len(view.billed.money.keys() | view.billed.quantity.keys()) < 2 or not view.ledger.requests:
        return
    # A single request that is billed twice may as well be another one just like it.
    more: tuple[Cause, ...] = (
        (Cause.DUPLICATE,) if view.ledger.requests > 1 else (Cause.MISSING_IN_LEDGER, Cause.DUPLICATE)
    )
    if view.uncertain:  # each may have been tried twice, and billed for both
        more = tuple(cause for cause in Cause if cause in {*more, Cause.INTERRUPTED})
    told = {meter: Decimal(quantity) for meter, quantity in view.ledger.quantity.items()}
    spent = _shown(view.at_grain(view.ledger.money))
    if view.knows_quantities and told:
        yield Claim(more, told, spent, "the statement has everything twice: is it the same export two times?")
    gone = {meter: -Decimal(quantity) for meter, quantity in view.billed.quantity.items()}
    paid = {meter: -amount for meter, amount in view.at_grain(view.billed.money).items()}
    if view.knows_quantities and gone:
        yield Claim(
            (Cause.DUPLICATE,), gone, _shown(paid), "the ledger has everything twice: was a log imported two times?"
        )


def _context_tier(view: View) -> Iterator[Claim]:
    """Large requests at the price of long prompts, where the ledger has the short one (or the reverse)."""
    for limit in THRESHOLDS:
        if view.largest <= limit:
            return
        large = [row for row in view.rows if row.input_size > limit]
        spent: dict[str, Decimal] = defaultdict(Decimal)
        for row in large:
            for meter, quantity in quantities(row, view.meters).items():
                at_long, short = view.table_price(meter, LONG), view.table_price(meter)
                if at_long is None or short is None:
                    return
                spent[meter] += Decimal(quantity) * (at_long - short)
        for sign, word in ((1, "long"), (-1, "short")):
            signed = {meter: sign * amount for meter, amount in spent.items()}
            words = f"{len(large)} requests above {limit:,} input tokens are billed at the {word} prompts' price"
            yield Claim((Cause.CONTEXT_TIER,), {}, _shown(view.at_grain(signed)), words, request_ids=_ids(large))


def _tier(view: View) -> Iterator[Claim]:
    """The whole cell at another mode's prices; with a single meter that is the same as another price."""
    counted = {meter: Decimal(quantity) for meter, quantity in view.billed.quantity.items() if quantity}
    for mode in MODES:
        spent: dict[str, Decimal] = {}
        for meter, quantity in counted.items():
            at_mode, ours = view.table_price(meter, mode), view.price(meter)
            if at_mode is None or ours is None:
                break
            spent[meter] = quantity * (at_mode - ours)
        else:
            several = view.by_meter and sum(1 for amount in spent.values() if amount) > 1
            name = ", ".join(f"{selector} {value}" for selector, value in mode.items())
            causes = (Cause.TIER,) if several else (Cause.PRICE, Cause.TIER)
            yield Claim(causes, {}, _shown(view.at_grain(spent)), f"billed at the table's price for {name}")


def _told_tier(view: View) -> Iterator[Claim]:
    """Tokens that the lines bill in another mode than the ledger has them in."""
    spent: dict[str, Decimal] = defaultdict(Decimal)
    names: list[str] = []
    for selectors, side in sorted(view.billed.by_context.items()):
        mode = dict(selectors)
        rows = [row for row in view.rows if mode.items() <= row.context.items()]
        for meter in sorted({*side.quantity, *side.money} - {""}):
            at_mode, ours = view.table_price(meter, mode), view.table_price(meter)
            if not at_mode or ours is None or at_mode == ours:
                continue
            ours_there = sum((Decimal(quantities(row, view.meters).get(meter, 0)) for row in rows), ZERO)
            billed = side.quantity.get(meter)
            there = Decimal(billed) if billed is not None else (side.money[meter] / at_mode).quantize(Decimal("1e-12"))
            spent[meter] += (there - ours_there) * (at_mode - ours)
            names.append(", ".join(f"{selector} {value}" for selector, value in selectors))
    if any(spent.values()):
        only_window = all(name.startswith("context_window") for name in names)
        words = f"the lines bill tokens as {' and '.join(sorted(set(names)))}, the ledger has them otherwise"
        yield Claim((Cause.CONTEXT_TIER if only_window else Cause.TIER,), {}, _shown(view.at_grain(spent)), words)


def _tool_fees(view: View) -> Iterator[Claim]:
    """Meters that count no tokens and that the ledger never saw here."""
    meters = [
        meter
        for meter in sorted({*view.billed.money, *view.billed.quantity} & UNIT_BY_NAME.keys() - TOKENS)
        if not view.ledger.quantity.get(meter)
    ]
    told = {meter: Decimal(view.billed.quantity[meter]) for meter in meters if meter in view.billed.quantity}
    apart = {meter: view.billed.money[meter] for meter in meters if meter in view.billed.money}
    spent = apart or view.priced(told)
    if meters and spent is not None:
        names = " and ".join(meter.replace("_", " ") for meter in meters)
        yield Claim((Cause.TOOL_FEES,), told, _shown(spent), f"billed {names} that no request of the ledger has")


def _unbilled(view: View) -> Iterator[Claim]:
    """Requests that ended badly and that the provider did not bill, though the ledger counts them."""
    for chosen, words in (
        ([row for row in view.rows if row.status != "completed"], "did not complete"),
        (view.uncertain, "have no exact usage"),
    ):
        if chosen and not view.is_pruned:
            told, spent = _sums(view, chosen, -1)
            text = f"{len(chosen)} requests that {words} are in the ledger and were not billed"
            # On the newest days they may just not be on the bill yet.
            causes = (Cause.MISSING_IN_STATEMENT, Cause.INTERRUPTED) if view.is_late else (Cause.INTERRUPTED,)
            yield Claim(causes, told, spent, text, request_ids=_ids(chosen))


def other_keys(view: View) -> Iterator[Claim]:
    """What each key bills that nothing shows to be the ledger's; whether the ledger lacks just that is for the rest to say."""
    for key in view.strange_keys:
        side = view.billed.keys[key]
        told = {meter: Decimal(quantity) for meter, quantity in side.quantity.items() if quantity}
        words = f"what the key {key} bills is what the ledger lacks here"
        yield Claim((Cause.OTHER_KEY,), told, _shown(side.money), words, key=key)


def _shown(spent: Mapping[str, Decimal]) -> dict[str, Decimal]:
    return {meter: amount for meter, amount in spent.items() if amount != ZERO}


RULES: tuple[Callable[[View], Iterator[Claim]], ...] = (
    _split,
    _reasoning,
    duplicates,
    _twice,
    _context_tier,
    _told_tier,
    _tier,
    _tool_fees,
    _unbilled,
)
"""One rule per cause; each is told the cell and predicts."""
