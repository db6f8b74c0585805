"""`pricing list`: every model with the price that holds."""

from typing import TYPE_CHECKING, Annotated

import typer

from llmledger.cli._options import JsonOption
from llmledger.core.counted import counted

if TYPE_CHECKING:
    from llmledger.operations.price_list import ListedModel


def command(
    provider: Annotated[
        list[str] | None, typer.Option("--provider", metavar="NAME", help="Only these; globs and repeats.")
    ] = None,
    search: Annotated[str | None, typer.Option("--search", metavar="WORD", help="Part of a name, or a glob.")] = None,
    sort: Annotated[str, typer.Option("--sort", metavar="KEY", help="model, input, output, since, checked.")] = "model",
    at: Annotated[str | None, typer.Option("--at", metavar="TIME", help="Prices of that time.")] = None,
    json: JsonOption = False,
) -> None:
    """List models with the prices that hold now (or --at a time), in USD per 1M tokens."""
    from llmledger.cli import _render
    from llmledger.cli._pricing.book import instant, open_book
    from llmledger.operations.price_list import list_prices

    book = open_book()
    names = [name for one in provider or () for name in one.split(",")]
    found = list_prices(book, at=instant(at), providers=names, search=search, sort=sort)
    if json:
        _render.out(
            _render.envelope("llmledger.pricing/1", {"prices": book.version, "rows": [_row(one) for one in found]})
        )
        return
    if not found:
        _render.note("No model fits." if search or provider else "The price table is empty.")
        return
    columns = (
        _render.Column("Model", shrinks=True),
        _render.Column("Input", right=True),
        _render.Column("Output", right=True),
        _render.Column("Cache read", right=True, priority=1),
        _render.Column("Cache write", right=True, priority=2),
        _render.Column("Rates", right=True, priority=4),
        _render.Column("Since", priority=3),
    )
    _render.out(_render.table(columns, [_cells(one) for one in found]))
    _render.note(
        f"{counted(len(found), 'model')}, USD per 1M tokens, prices {book.date_version}. * has other prices too: pricing show"
    )


def _cells(one: "ListedModel") -> list[str]:
    from llmledger.cli._pricing.text import usd
    from llmledger.core.rates import instant_text

    rate = one.rate
    if rate is not None and rate.free:
        prices = ["$0", "$0", "", ""]
    else:
        prices = [usd(one.usd(unit)) for unit in ("input_tokens", "output_tokens")]
        prices += [
            "" if (found := one.usd(unit)) is None else usd(found)
            for unit in ("cache_read_tokens", "cache_write_tokens")
        ]
    more = rate is not None and (rate.tiers or rate.modes or rate.windows or set(rate.prices) - _SHOWN)
    since = instant_text(rate.since) if rate is not None and rate.since is not None else ""
    return [one.name + (" *" if more else ""), *prices, str(one.rates), since]


_SHOWN = {"input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens"}


def _row(one: "ListedModel") -> dict[str, object]:
    body = dict(one.rate.body) if one.rate is not None else None
    return {"provider": one.provider, "model": one.model, "retired": one.retired, "rates": one.rates, "rate": body}
