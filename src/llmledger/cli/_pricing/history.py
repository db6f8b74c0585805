"""`pricing history`: how the price of a model went."""

from typing import TYPE_CHECKING, Annotated

import typer

from llmledger.cli._context import surroundings
from llmledger.cli._options import JsonOption

if TYPE_CHECKING:
    from llmledger.core.rates import Rate

BAR = 20
"""Cells of the longest bar."""


def command(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="provider/model, or a name.", show_default=False)],
    json: JsonOption = False,
) -> None:
    """Show how the input and output price of a model went, period by period."""
    from llmledger.cli import _render
    from llmledger.cli._pricing.book import find_entry, open_book
    from llmledger.core.rates import instant_text

    book = open_book()
    _, _, entry = find_entry(book, model, at=surroundings().now())
    if json:
        rows = [
            {"from": rate.since, "until": rate.until, "observed": rate.observed, **_usd(rate)} for rate in entry.rates
        ]
        payload = {"provider": entry.provider, "model": entry.id, "rows": rows}
        _render.out(_render.envelope("llmledger.pricing_history/1", payload))
        return
    _render.out(_render.paint(f"{entry.provider}/{entry.id}", "bold") + ", USD per 1M tokens")
    highest = {unit: max((rate.prices.get(unit, 0) for rate in entry.rates), default=0) for unit in _UNITS}
    for rate in entry.rates:
        since = instant_text(rate.since) if rate.since is not None else "…"
        _render.out(f"{since:20}  {_chart(rate, highest)}".rstrip())
    if any(rate.observed for rate in entry.rates):
        _render.note("Some dates are the days on which the price was seen, not the vendor's own.")


_UNITS = ("input_tokens", "output_tokens")


def _chart(rate: "Rate", highest: dict[str, int]) -> str:
    from llmledger.cli._pricing.text import price_label, usd
    from llmledger.core.money import usd_from_nanousd

    if rate.free:
        return "free"
    parts = []
    for unit in _UNITS:
        if unit in rate.prices:
            length = -(-BAR * rate.prices[unit] // highest[unit]) if highest[unit] else 0
            parts.append(f"{price_label(unit)} {usd(usd_from_nanousd(rate.prices[unit])):>8} {'█' * length:{BAR}}")
    return "  ".join(parts) or "see: pricing show"


def _usd(rate: "Rate") -> dict[str, object]:
    from llmledger.core.money import usd_from_nanousd

    return {unit: usd_from_nanousd(nano) for unit, nano in rate.prices.items()}
