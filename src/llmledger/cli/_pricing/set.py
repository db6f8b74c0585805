"""`pricing set`: a price of the user's own."""

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from llmledger.cli._context import surroundings

if TYPE_CHECKING:
    from decimal import Decimal


def command(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="provider/model; provider/* for all others.", show_default=False)
    ],
    input: Annotated[str | None, typer.Option(metavar="USD", help="Per 1M input tokens.")] = None,
    output: Annotated[str | None, typer.Option(metavar="USD", help="Per 1M output tokens.")] = None,
    cache_read: Annotated[str | None, typer.Option(metavar="USD", help="Per 1M tokens read from a cache.")] = None,
    cache_write: Annotated[str | None, typer.Option(metavar="USD", help="Per 1M tokens written to a cache.")] = None,
    price: Annotated[
        list[str] | None, typer.Option("--price", metavar="KEY=USD", help="Any other: per_1k_requests=0.5. Repeat.")
    ] = None,
    free: Annotated[bool, typer.Option("--free", help="It costs nothing: a stated zero.")] = False,
    multiply: Annotated[str | None, typer.Option(metavar="N", help="The table's prices times this: 0.8.")] = None,
    since: Annotated[str | None, typer.Option("--from", metavar="DAY", help="From this day on; always.")] = None,
    source: Annotated[str, typer.Option(metavar="TEXT", help="Where the price is known from.")] = "set by hand",
) -> None:
    """Set the price of a model in your own price folder; it wins over the packaged one."""
    from llmledger.cli import _render
    from llmledger.cli._pricing.book import day, open_book
    from llmledger.errors import UsageError
    from llmledger.operations.set_price import OwnPrice, set_price

    named = {"input": input, "output": output, "cache_read": cache_read, "cache_write": cache_write}
    pairs = [*((key, text) for key, text in named.items() if text is not None), *_pairs(price or ())]
    prices = {key: _usd(key, text) for key, text in pairs}
    if (input is None) != (output is None) and multiply is None:
        missing = "--output" if output is None else "--input"
        raise UsageError(f"{missing} is missing", hint=f"Give both; {missing} 0 if it has none of that kind.")
    if not prices and not free and multiply is None:
        raise UsageError("no price was given", hint="Give --input 3 --output 15, --free, or --multiply 0.8")
    provider, _, name = model.partition("/")
    if not provider or not name:
        raise UsageError(f"{model!r} does not say who bills", hint=f"Write provider/model, as openai/{model}")
    if not re.fullmatch(r"[\w.-]*\w[\w.-]*|\*", provider):
        raise UsageError(f"{provider!r} is no name of a provider", hint="It names a file: letters, digits, - and _.")
    book, world = open_book(), surroundings()
    own = OwnPrice(
        provider=book.canonical(provider),
        model=name,
        prices=prices,
        free=free,
        multiply=None if multiply is None else _usd("multiply", multiply),
        since=None if since is None else day(since, option="--from"),
        source=source,
    )
    written = set_price(book, world.paths.user_pricing, own, today=world.now().date())
    how = "changes the table's entry" if written.extends else "wins over the packaged table"
    if name == "*":
        how = "is the estimate for models without a price of their own"
    _render.note(
        f"{written.model} is in {written.path} and {how}. Recorded rows keep their price; see: llmledger reprice"
    )


def _pairs(texts: Sequence[str]) -> Iterator[tuple[str, str]]:
    from difflib import get_close_matches

    from llmledger.core.usage import UNIT_BY_PRICE_KEY
    from llmledger.errors import UsageError

    for text in texts:
        key, _, value = text.partition("=")
        if key not in UNIT_BY_PRICE_KEY:
            near = get_close_matches(key, UNIT_BY_PRICE_KEY, n=1)
            raise UsageError(
                f"no price key {key!r}", hint=f"Did you mean {near[0]}?" if near else "As per_1k_requests=0.5"
            )
        yield key, value


def _usd(key: str, text: str) -> "Decimal":
    from decimal import Decimal, InvalidOperation

    from llmledger.errors import UsageError

    try:
        number = Decimal(text)
    except InvalidOperation:
        raise UsageError(f"{key} = {text!r} is no number", hint=f"Write a plain number of USD: {key} 3") from None
    if not number.is_finite():
        raise UsageError(f"{key} = {text!r} is no number", hint=f"Write a plain number of USD: {key} 3")
    return number
