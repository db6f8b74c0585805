"""The smallest set of causes that accounts for a cell's difference; two sets that do as well make it ambiguous.

Exact claims come first: their amount was predicted from the ledger. What they leave may be accounted for by causes without a
predicted amount (a missing request, another price), and those need their own evidence in the tokens. What then is left is
unexplained, and stays so.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import combinations

from llmledger.core.reconcile.booked import TOKENS, ZERO, money, quantities
from llmledger.core.reconcile.causes import Cause, Grain, told_apart
from llmledger.core.reconcile.cells import Side
from llmledger.core.reconcile.claims import LONG, MODES, duplicates, exact_claims, other_keys
from llmledger.core.reconcile.money_only import has_large, of_money
from llmledger.core.reconcile.unit_prices import amount_text, per_text
from llmledger.core.reconcile.view import INPUTS, Claim, View, less
from llmledger.core.reconcile.whole_requests import whole_requests
from llmledger.core.usage import Quantity

_MOST_TOGETHER = 2
_MOST_CLAIMS = 12


@dataclass(frozen=True, slots=True)
class _Solution:
    claims: tuple[Claim, ...]
    rest: Mapping[str, Decimal]
    """Money left, all within what is tolerated."""

    @property
    def rank(self) -> tuple[int, int]:
        return sum(1 for claim in self.claims if not claim.is_exact or len(claim.causes) > 1), len(self.claims)

    @property
    def causes(self) -> frozenset[Cause]:
        return frozenset(cause for claim in self.claims for cause in claim.causes)


def explain(view: View) -> list[Claim]:
    """Claims whose money sums to the cell's difference, exactly; the last may be rounding or unexplained."""
    given = _given_away(view)
    if given is not None:
        claim, as_if_billed = given
        return [claim, *_further(as_if_billed)]
    plain = _further(view)
    for claim in duplicates(view) if _rank(plain)[0] else ():
        other = [claim, *_further(_without_copies(view))]
        # Of two as good: what the bill lacks and the ledger has twice is a copy; what the bill has more of is none.
        lacks = any(Cause.MISSING_IN_STATEMENT in one.causes for one in plain)
        plain = min(*((other, plain) if lacks else (plain, other)), key=_rank)
    for claim in other_keys(view) if _rank(plain)[0] else ():
        other = [claim, *_further(_without_key(view, claim))]
        if not _rank(other)[0]:
            return other
    return plain


def _further(view: View) -> list[Claim]:
    """Where no cause is sure: the requests that make the difference, if any do, and what explains the rest."""
    plain = _explained(view)
    if view.grain is Grain.REQUEST or not _rank(plain)[0]:
        return plain
    told = whole_requests(view)
    return plain if told is None else [*told.claims, *_explained(told.view)]


def _rank(claims: Sequence[Claim]) -> tuple[bool, int]:
    """Whether something is left that no cause was predicted to make, and for how many claims that is so."""
    weak = sum(not claim.is_exact or len(claim.causes) > 1 for claim in claims)
    return weak > 0, weak + 2 * sum(claim.causes == (Cause.UNEXPLAINED,) for claim in claims)


def _without_copies(view: View) -> View:
    """The cell as if the ledger had each request once."""
    gone = view.copies
    once = Side(dict(view.ledger.quantity), dict(view.ledger.money), view.ledger.requests - len(gone))
    for row in gone:
        for meter, quantity in quantities(row, view.meters).items():
            once.quantity[meter] -= quantity
        for meter, amount in money(row, view.meters).items():
            once.money[meter] -= amount
    names = {id(row) for row in gone}
    return view.but(ledger=once, rows=[row for row in view.rows if id(row) not in names])


def _without_key(view: View, claim: Claim) -> View:
    """The cell as if a key had not billed anything."""
    counted = {meter: Decimal(quantity) for meter, quantity in view.billed.quantity.items()}
    kept: dict[str, Quantity] = {**less(counted, claim.quantity)}
    billed = replace(view.billed, quantity=kept, money=less(view.billed.money, claim.money))
    return view.but(billed=billed)


def _given_away(view: View) -> tuple[Claim, View] | None:
    """Tokens counted and nothing billed for them: what they would have cost, and the cell as if that had been billed."""
    if not (view.tells_money and view.billed.has_money and view.knows_quantities and view.ledger.total):
        return None
    priced = view.priced({meter: Decimal(count) for meter, count in view.billed.quantity.items()})
    if view.billed.total or priced is None or not any(priced.values()):
        return None
    words = "tokens are counted, and nothing is billed for them: a free tier, a grant or capacity paid for elsewhere"
    given = Claim(
        (Cause.TIER, Cause.CREDITS), {}, {meter: -amount for meter, amount in priced.items() if amount}, words
    )
    return given, view.but(billed=replace(view.billed, money=priced))


def _explained(view: View) -> list[Claim]:
    return [*_causes(view), *_rounding(view.rounding)]


def _causes(view: View) -> list[Claim]:
    gap, spent = view.quantity_gap, view.money_gap
    solutions = sorted(_solutions(view), key=lambda one: one.rank)
    if not solutions:
        return _partial(view)
    best = [one for one in solutions if one.rank == solutions[0].rank]
    distinct = {one.causes: one for one in best}
    if len(distinct) == 1:
        return [*best[0].claims, *_rounding(best[0].rest)]
    return [_ambiguous(list(distinct.values()), gap, spent), *_rounding(best[0].rest)]


def _ambiguous(solutions: Sequence[_Solution], gap: Mapping[str, Decimal], spent: Mapping[str, Decimal]) -> Claim:
    causes = tuple(cause for cause in Cause if any(cause in one.causes for one in solutions))
    evidence = "; or ".join("; and ".join(claim.evidence for claim in one.claims) for one in solutions)
    return Claim(causes, gap, less(spent, solutions[0].rest), evidence, is_exact=False)


def _rounding(rest: Mapping[str, Decimal]) -> list[Claim]:
    kept = {meter: amount for meter, amount in rest.items() if amount}
    return [Claim((Cause.ROUNDING,), {}, kept, "within the rounding of its rows")] if kept else []


def _solutions(view: View) -> Iterator[_Solution]:
    claims = exact_claims(view)[:_MOST_CLAIMS]
    for count in range(_MOST_TOGETHER + 1):
        found = False
        for chosen in combinations(claims, count):
            if len({claim.causes for claim in chosen}) < count:
                continue
            gap, spent = view.quantity_gap, view.money_gap
            for claim in chosen:
                gap, spent = less(gap, claim.quantity), less(spent, claim.money)
            tail = _tail(view, gap, spent)
            if tail is not None and _confirmed(chosen, tail[0]):
                found = found or all(claim.is_exact for claim in (*chosen, *tail[0]))
                yield _Solution((*chosen, *tail[0]), tail[1])
        if found and count:
            return


def _confirmed(chosen: Sequence[Claim], tail: Sequence[Claim]) -> bool:
    """Whether each exact claim is confirmed by the bill: what was left for the tail lies in other meters than most of its own.

    Without this, any exact amount could be claimed and whatever then is left put down to a lost request or a price.
    """
    for claim in chosen:
        for rest in tail:
            own, others = (claim.quantity, rest.quantity) if claim.quantity else (claim.money, rest.money)
            shared = own.keys() & others.keys()
            if shared and 2 * len(shared) >= len(own):
                return False
    return True


def _settled(view: View, spent: Mapping[str, Decimal]) -> bool:
    """Whether what is left is within the rounding of the rows."""
    return all(abs(amount) <= view.allowed(meter) for meter, amount in spent.items())


def _tail(
    view: View, gap: Mapping[str, Decimal], spent: Mapping[str, Decimal]
) -> tuple[tuple[Claim, ...], Mapping[str, Decimal]] | None:
    """The claims without a predicted amount that account for what is left, and the rounding behind them; None when none do."""
    claims: list[Claim] = []
    if gap:
        missing = _of_quantity(view, gap, spent)
        if missing is None:
            return None
        claims.append(missing)
        spent = less(spent, missing.money)
    if _settled(view, spent):
        return tuple(claims), spent
    price = of_money(view, spent) if view.grain is Grain.MONEY and not view.knows_quantities else _of_price(view, spent)
    if price is None:
        return None
    return (*claims, price), {}


def _of_quantity(view: View, gap: Mapping[str, Decimal], spent: Mapping[str, Decimal]) -> Claim | None:
    """Requests that one side lacks: input differs, and nothing goes the other way."""
    causes = _lacking(view, gap)
    if causes is None:
        return None
    priced = view.priced(gap)
    paid = priced if priced is not None else dict(spent)
    if not view.tells_money:
        paid = {}
    return Claim(
        causes,
        gap,
        {meter: amount for meter, amount in paid.items() if amount},
        _lacking_words(view, gap),
        is_exact=False,
    )


def _lacking(view: View, gap: Mapping[str, Decimal]) -> tuple[Cause, ...] | None:
    if not any(meter in TOKENS for meter in gap) and all(count > 0 for count in gap.values()):
        return (Cause.TOOL_FEES,)
    if any(meter not in TOKENS and not view.ledger.quantity.get(meter) for meter in gap):
        return None
    has_input = any(gap.get(meter) for meter in INPUTS)
    if all(count > 0 for count in gap.values()):
        if has_input:
            return _above(view, gap)
        if not view.uncertain:
            return None
        return (Cause.REASONING, Cause.INTERRUPTED) if _may_have_thought(view, gap) else (Cause.INTERRUPTED,)
    if all(count < 0 for count in gap.values()):
        if has_input:
            return (Cause.MISSING_IN_STATEMENT, *((Cause.DAY_BOUNDARY,) if view.may_be_shifted else ()))
        return (Cause.INTERRUPTED,) if view.uncertain else None
    if has_input and not sum(gap.get(meter, ZERO) for meter in INPUTS):
        return None  # the same input told apart differently: no estimate comes out so
    return _both_ways(view) if view.uncertain and _same_count(view) else None


def _both_ways(view: View) -> tuple[Cause, ...]:
    """As many requests with more of one meter and less of another: estimates, or one request more and another less."""
    if any(row.is_estimated for row in view.rows) and not (_was_tried_again(view) and view.is_late):
        return (Cause.INTERRUPTED,)
    return (Cause.MISSING_IN_STATEMENT, Cause.INTERRUPTED)


def _was_tried_again(view: View) -> bool:
    return any(row.attempts > 1 for row in view.rows)


def _same_count(view: View) -> bool:
    return view.billed.counts_requests and view.billed.requests == view.ledger.requests


def _may_have_thought(view: View, gap: Mapping[str, Decimal]) -> bool:
    """Whether the output that one side lacks is enough to hold the reasoning tokens of the requests."""
    return 0 < view.thought <= gap.get("output_tokens", ZERO)


def _above(view: View, gap: Mapping[str, Decimal]) -> tuple[Cause, ...]:
    excluded = set() if view.may_be_shifted else {Cause.DAY_BOUNDARY}
    if not _may_have_thought(view, gap):
        excluded.add(Cause.REASONING)
    if view.has_keys:
        excluded.add(Cause.OTHER_KEY)
    if not view.uncertain:
        excluded.add(Cause.INTERRUPTED)
    if view.billed.counts_requests and view.billed.requests > view.ledger.requests and not _was_tried_again(view):
        excluded.add(Cause.INTERRUPTED)
    if _same_count(view):
        excluded.add(Cause.OTHER_KEY)
    return told_apart(view.grain, Cause.MISSING_IN_LEDGER, excluded)


def _lacking_words(view: View, gap: Mapping[str, Decimal]) -> str:
    parts = ", ".join(f"{count:+,} {meter.replace('_', ' ')}" for meter, count in gap.items())
    if not view.ledger.requests:
        return f"the ledger has no request of this model here ({parts})"
    if not view.billed.line_count:
        late = "; the export may not be complete yet" if view.is_late else ""
        return f"the statement has no line of this model here ({parts}){late}"
    if view.is_late and all(count < 0 for count in gap.values()):
        return f"billed {parts} against the ledger; among the newest days, which an export still fills in"
    count = (
        f"; {view.billed.requests} billed requests, {view.ledger.requests} in the ledger"
        if view.billed.counts_requests
        else ""
    )
    return f"billed {parts} against the ledger{count}"


def _of_price(view: View, spent: Mapping[str, Decimal]) -> Claim | None:
    """The same tokens at another price; a mode of our table that could make it is named beside it."""
    if view.grain is Grain.TOTAL or not view.ledger.requests or not view.knows_quantities:
        return None
    prices: dict[str, tuple[Decimal, Decimal]] = {}
    for meter in spent:
        quantity = view.billed.quantity.get(meter)
        if meter and not quantity:
            return None
        if meter and quantity:
            ours = view.price(meter)
            prices[meter] = view.billed.money.get(meter, ZERO) / Decimal(quantity), ours if ours is not None else ZERO
    writes = {"cache_write_tokens", "cache_write_1h_tokens"}
    told_apart_by_ttl = writes <= view.billed.quantity.keys() or not view.ledger.quantity.keys() & writes
    excluded = {Cause.CACHE_TTL} if told_apart_by_ttl else set()
    excluded |= _no_mode(view, spent)
    causes = told_apart(view.grain, Cause.PRICE, excluded)
    return Claim(causes, {}, spent, _price_words(view, prices), is_exact=False, prices=prices)


def _no_mode(view: View, spent: Mapping[str, Decimal]) -> set[Cause]:
    """Which of a tier and the long prompts' price cannot have made the difference, the two together included."""
    modes: tuple[Mapping[str, str] | None, ...] = () if _has_unpriced(view) else (*MODES, None)
    by_mode = any(_could_make(view, spent, (mode,)) for mode in modes)
    if not has_large(view):
        return {Cause.CONTEXT_TIER} if by_mode else {Cause.CONTEXT_TIER, Cause.TIER}
    by_size = _could_make(view, spent, (LONG,))
    by_both = not by_size and any(_could_make(view, spent, (mode, LONG)) for mode in modes)
    # A price that we do not know may be that of long prompts on some of the tokens.
    on_top = all(amount > 0 and _reach(view, LONG).get(meter) for meter, amount in spent.items())
    gone = set() if by_mode or by_both else {Cause.TIER}
    return gone if by_size or by_both or on_top else {*gone, Cause.CONTEXT_TIER}


def _could_make(view: View, spent: Mapping[str, Decimal], modes: Sequence[Mapping[str, str] | None]) -> bool:
    """Whether parts of the tokens at these modes' prices (None: for nothing) would make the difference."""
    reaches = [_reach(view, mode) for mode in modes]
    for meter, amount in spent.items():
        parts = [reach.get(meter, ZERO) for reach in reaches]
        lowest, highest = sum((min(part, ZERO) for part in parts), ZERO), sum((max(part, ZERO) for part in parts), ZERO)
        if not any(parts) or not lowest <= amount <= highest:
            return False
    return True


def _reach(view: View, mode: Mapping[str, str] | None) -> Mapping[str, Decimal]:
    """What all the tokens at a mode's price would make of difference."""
    most: dict[str, Decimal] = {}
    for meter, quantity in view.billed.quantity.items():
        at_mode, ours = ZERO if mode is None else view.table_price(meter, mode), view.price(meter)
        if at_mode is not None and ours is not None and at_mode != ours:
            most[meter] = Decimal(quantity) * (at_mode - ours)
    return view.at_grain(most)


def _has_unpriced(view: View) -> bool:
    return any(row.cost_nanousd is None for row in view.rows)


def _price_words(view: View, prices: Mapping[str, tuple[Decimal, Decimal]]) -> str:
    if _has_unpriced(view):
        return "the tokens agree, and the ledger has no price for them"
    per = ", ".join(
        f"{meter.removesuffix('_tokens').replace('_', ' ')} {amount_text(implied, meter)} instead of"
        f" {amount_text(ours, meter)} {per_text(meter)}"
        for meter, (implied, ours) in prices.items()
    )
    return f"the tokens agree, the price does not{': ' + per if per else ''}"


def _partial(view: View) -> list[Claim]:
    """No set of causes accounts for the whole: what is left is unexplained, and no cause is claimed to make it smaller."""
    gap, spent = view.quantity_gap, view.money_gap
    words = "no cause that the ledger or the statement shows accounts for it"
    return [Claim((Cause.UNEXPLAINED,), gap, spent, words, is_exact=False)]
