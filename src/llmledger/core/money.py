"""Money: integer nano-USD at rest, exact rationals before, and the one place where it is formatted."""

from collections.abc import Sequence
from decimal import Decimal, localcontext
from fractions import Fraction

NANOUSD_PER_USD = 1_000_000_000

UNPRICED = "—"
"""What is shown for a cost that is unknown; never a zero."""


def round_half_even(exact: Fraction) -> int:
    """Round an exact amount to a whole number, ties to even.

    >>> round_half_even(Fraction(5, 2)), round_half_even(Fraction(7, 2)), round_half_even(Fraction(-5, 2))
    (2, 4, -2)
    """
    return round(exact)


def share_out(total: int, weights: Sequence[Fraction]) -> list[int]:
    """Split a whole total over exact weights so that the parts are whole and sum to it.

    Each part is its weight rounded down; what is left goes, one unit each, to the largest remainders
    (earlier parts first when they tie). `total` must be the rounding of `sum(weights)`.
    """
    floors = [weight.numerator // weight.denominator for weight in weights]
    left = total - sum(floors)
    by_remainder = sorted(range(len(floors)), key=lambda i: (floors[i] - weights[i], i))
    for i in by_remainder[:left]:
        floors[i] += 1
    return floors


def share_whole(numerators: Sequence[int], denominator: int) -> list[int]:
    """Round the sum of `numerators` over one denominator half even, and share it out as `share_out` does.

    The same in integers, for the pricing of every request.

    >>> share_whole([5, 5, 5], 10)
    [1, 1, 0]
    """
    total, rest = divmod(sum(numerators), denominator)
    if 2 * rest > denominator or (2 * rest == denominator and total % 2):
        total += 1
    shares = [numerator // denominator for numerator in numerators]
    left = total - sum(shares)
    if left:
        by_remainder = sorted(range(len(shares)), key=lambda i: (-(numerators[i] % denominator), i))
        for i in by_remainder[:left]:
            shares[i] += 1
    return shares


def nanousd_from_usd(usd: Decimal | Fraction | int) -> int:
    """Convert USD to integer nano-USD, rounded half even."""
    return round_half_even(Fraction(usd) * NANOUSD_PER_USD)


def usd_from_nanousd(nanousd: int) -> Decimal:
    """Convert integer nano-USD to an exact Decimal of USD, without trailing zeros.

    >>> usd_from_nanousd(3_100_000), usd_from_nanousd(0), usd_from_nanousd(20_000_000_000)
    (Decimal('0.0031'), Decimal('0'), Decimal('20'))
    """
    return Decimal(str(usd_text(nanousd)))


def usd_text(nanousd: int | None) -> str | None:
    """Write nano-USD as a plain decimal string of USD for JSON and CSV; unknown stays None.

    >>> usd_text(1), usd_text(0), usd_text(None)
    ('0.000000001', '0', None)
    """
    if nanousd is None:
        return None
    if nanousd < 0:
        return f"-{usd_text(-nanousd)}"
    whole, rest = divmod(nanousd, NANOUSD_PER_USD)
    return f"{whole}.{rest:09d}".rstrip("0") if rest else str(whole)


def money_text(nanousd: int | None, *, symbol: str = "$") -> str:
    """Write nano-USD for people: two decimals from one dollar, else three significant digits.

    >>> money_text(16_064_000_000), money_text(408_300_000), money_text(2_200_000), money_text(0), money_text(None)
    ('$16.06', '$0.408', '$0.0022', '$0', '—')
    """
    if nanousd is None:
        return UNPRICED
    return _amount_text(usd_from_nanousd(nanousd), symbol)


def price_text(usd: Decimal) -> str:
    """Write a price for people, exactly: two decimals at least, all that it has at most.

    >>> price_text(Decimal("0.500000")), price_text(Decimal("0.0375")), price_text(Decimal(1200))
    ('$0.50', '$0.0375', '$1,200.00')
    """
    sign = "-" if usd < 0 else ""
    whole, _, digits = f"{abs(usd):f}".partition(".")
    return f"{sign}${int(whole):,}.{digits.rstrip('0'):0<2}"


def _amount_text(amount: Decimal, symbol: str) -> str:
    if amount == 0:
        return f"{symbol}0"
    sign = "-" if amount < 0 else ""
    size = abs(amount)
    with localcontext() as context:
        context.prec = 60
        if size < 1:
            size = size.quantize(Decimal(1).scaleb(size.adjusted() - 2))
        if size >= 1:
            return f"{sign}{symbol}{size.quantize(Decimal('0.01')):,}"
    digits = f"{size:f}".rstrip("0")
    return f"{sign}{symbol}{digits}"
