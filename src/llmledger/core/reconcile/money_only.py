"""What other amounts without tokens may come from: hardly ever one cause, so that the class is what nothing here excludes."""

from collections.abc import Mapping
from decimal import Decimal

from llmledger.core.reconcile.booked import TOKENS, ZERO
from llmledger.core.reconcile.causes import Cause, told_apart
from llmledger.core.reconcile.claims import THRESHOLDS
from llmledger.core.reconcile.view import INPUTS, Claim, View

_WRITES = INPUTS[2:]
_FEWEST_METERS = 3
_SURE = 1_000
"""An amount this many times what rounding may make tells a factor well enough."""
_NO_REQUEST = frozenset(
    {
        *(Cause.PRICE, Cause.INTERRUPTED, Cause.REASONING, Cause.TIER, Cause.CONTEXT_TIER),
        *(Cause.CACHED_SPLIT, Cause.CACHE_TTL, Cause.DUPLICATE, Cause.MISSING_IN_STATEMENT),
    }
)
"""What cannot happen to the requests of a model that the ledger has none of."""
_OTHER_TOKENS = frozenset(Cause) - {Cause.PRICE, Cause.TIER, Cause.CONTEXT_TIER}


def of_money(view: View, spent: Mapping[str, Decimal]) -> Claim | None:
    """Money without tokens: a whole model or day that one side lacks, or more or less of it all, which stays ambiguous."""
    if not view.ledger.requests:
        gone = {*_NO_REQUEST, *_without_evidence(view)} | ({Cause.OTHER_KEY} if view.has_keys else set())
        causes = told_apart(view.grain, Cause.MISSING_IN_LEDGER, gone)
        return Claim(causes, {}, spent, "the ledger has no request of this model here", is_exact=False)
    if any(meter and meter not in TOKENS and not view.ledger.money.get(meter) for meter in spent):
        return None
    gone = _without_evidence(view)
    if all(amount > 0 for amount in spent.values()):
        words = "more is billed, and the statement tells no tokens"
        if not view.is_late:
            gone.add(Cause.MISSING_IN_STATEMENT)
        if set(spent) <= {"output_tokens"}:
            gone |= {Cause.MISSING_IN_LEDGER, Cause.OTHER_KEY}
    elif all(amount < 0 for amount in spent.values()):
        words = "less is billed, and the statement tells no tokens"
        gone |= {Cause.MISSING_IN_LEDGER, Cause.OTHER_KEY, Cause.CONTEXT_TIER}
    else:
        return None
    factor = _one_factor(view)
    if factor is not None:
        gone |= _OTHER_TOKENS
        words = f"every meter is billed at {factor:.6g} times our price"
    return Claim(told_apart(view.grain, Cause.PRICE, gone), {}, spent, words, is_exact=False)


def has_large(view: View) -> bool:
    """Whether a request here is large enough for the price of long prompts, as far as single ones are known."""
    return view.is_pruned or view.largest > THRESHOLDS[0]


def _without_evidence(view: View) -> set[Cause]:
    """Causes that nothing here gives a reason to think of."""
    reasons = {
        Cause.INTERRUPTED: bool(view.uncertain),
        Cause.REASONING: bool(view.thought),
        Cause.CONTEXT_TIER: has_large(view),
        Cause.DUPLICATE: bool(view.copies),
        Cause.CACHED_SPLIT: _differ(view, INPUTS),
        Cause.CACHE_TTL: _differ(view, _WRITES),
        Cause.DAY_BOUNDARY: view.may_be_shifted,
    }
    return {cause for cause, has_reason in reasons.items() if not has_reason}


def _differ(view: View, meters: tuple[str, ...]) -> bool:
    """Whether some of these meters are billed at another factor than others."""
    some = [
        (billed, ours, view.allowed(meter))
        for meter in meters
        for billed, ours in [(view.billed.money.get(meter, ZERO), view.ledger.money.get(meter, ZERO))]
        if billed or ours
    ]
    return any(_are_unlike(one, other) for one in some for other in some)


_Pair = tuple[Decimal, Decimal, Decimal]
"""Billed, ours, and what of it may be rounding."""


def _are_unlike(one: _Pair, other: _Pair) -> bool:
    """Whether no factor makes both of ours into what is billed."""
    return abs(one[0] * other[1] - other[0] * one[1]) > one[2] * other[1] + other[2] * one[1]


def _one_factor(view: View) -> Decimal | None:
    """What every meter is billed of our price, when it is the same for several: then the tokens are the same.

    None as well for whole factors and their inverses (so many requests like those here may be missing), and where a request is
    uncertain or there twice.
    """
    pairs = [
        (view.billed.money.get(meter, ZERO), ours, view.allowed(meter)) for meter, ours in view.ledger.money.items()
    ]
    clear = [pair for pair in pairs if min(pair[:2]) > _SURE * pair[2]]
    if len(clear) < max(_FEWEST_METERS, len(view.billed.money.keys() | view.ledger.money.keys())):
        return None
    largest = max(clear, key=lambda pair: pair[1])
    if any(_are_unlike(largest, other) for other in clear):
        return None
    billed, ours, _ = largest
    factor = billed / ours
    is_count = any(abs(one - one.to_integral_value()) * _SURE < 1 for one in (factor, 1 / factor))
    return None if is_count or view.uncertain or view.copies else factor
