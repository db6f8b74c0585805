"""`pricing cost`: what a usage would cost, and how that is worked out."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from llmledger.cli._options import JsonOption

if TYPE_CHECKING:
    from llmledger.core.cost import Cost
    from llmledger.core.usage import Usage


def command(
    model: Annotated[str, typer.Option("-m", "--model", metavar="MODEL", help="provider/model.", show_default=False)],
    input: Annotated[int | None, typer.Option(metavar="N", help="All input tokens, cached ones included.")] = None,
    output: Annotated[int | None, typer.Option(metavar="N", help="All output tokens, reasoning included.")] = None,
    cache_read: Annotated[int | None, typer.Option(metavar="N", help="Input tokens read from a cache.")] = None,
    cache_write: Annotated[int | None, typer.Option(metavar="N", help="Input tokens written to a cache.")] = None,
    reasoning: Annotated[int | None, typer.Option(metavar="N", help="Output tokens spent on reasoning.")] = None,
    unit: Annotated[
        list[str] | None, typer.Option("--unit", metavar="NAME=N", help="Any other unit: web_searches=2. Repeat.")
    ] = None,
    context: Annotated[
        list[str] | None, typer.Option("--context", metavar="K=V", help="As processing=batch, service_tier=flex.")
    ] = None,
    at: Annotated[str | None, typer.Option("--at", metavar="TIME", help="When the request started; now.")] = None,
    price: Annotated[
        list[Path] | None, typer.Option("--price", metavar="FILE", help="A price file that wins over all others.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Work out what a request costs, from its usage. Exit 1 when the table has no price for it."""
    from llmledger.cli import _render
    from llmledger.cli._pricing.book import instant, open_book
    from llmledger.core.words import Outcome
    from llmledger.errors import AnswerIsNo
    from llmledger.pricebook.naming import near_models, split_model

    book = open_book(price or ())
    provider, name = split_model(book, model)
    tokens = {
        "input_tokens": input,
        "output_tokens": output,
        "cache_read_tokens": cache_read,
        "cache_write_tokens": cache_write,
        "reasoning_tokens": reasoning,
    }
    usage = _usage({**tokens, **dict(_units(unit or ()))})
    book.entry(provider, name)
    cost = book.price(provider, name, usage, at=instant(at), context=dict(_pairs(context or (), "--context")))
    if json:
        _render.out(_render.envelope("llmledger.cost/1", _payload(f"{provider}/{name}", cost)))
    elif cost.outcome is not Outcome.UNPRICED:
        _show(cost)
    if cost.outcome is Outcome.UNPRICED:
        near = near_models(book, provider, name)
        hint = f"Did you mean {near[0]}?" if near else f"Give it one: llmledger pricing set {provider}/{name} --input 3"
        raise AnswerIsNo(cost.reason or "no price", hint=hint)


def _usage(quantities: Mapping[str, Any]) -> "Usage":
    from llmledger.core.usage import Usage
    from llmledger.errors import UsageError

    for name, quantity in quantities.items():
        if quantity is not None and quantity < 0:
            raise UsageError(
                f"{name} is {quantity}: a quantity is zero or more", hint="Leave it out if there was none."
            )
    if all(quantity is None for quantity in quantities.values()):
        raise UsageError("no usage was given", hint="Give --input 1000 --output 200, or --unit billed_requests=1")
    return Usage(**quantities)


def _units(texts: Sequence[str]) -> Iterator[tuple[str, Any]]:
    from decimal import Decimal, InvalidOperation
    from difflib import get_close_matches

    from llmledger.core.usage import UNIT_BY_NAME
    from llmledger.errors import UsageError

    for name, text in _pairs(texts, "--unit"):
        if name not in UNIT_BY_NAME:
            near = get_close_matches(name, UNIT_BY_NAME, n=1)
            hint = f"Did you mean {near[0]}?" if near else f"Units: {', '.join(UNIT_BY_NAME)}"
            raise UsageError(f"no unit {name!r}", hint=hint)
        try:
            number = Decimal(text)
        except InvalidOperation:
            raise UsageError(f"--unit {name}={text}: no number", hint=f"Write --unit {name}=2") from None
        whole = number == number.to_integral_value()
        if not whole and not name.endswith("_seconds"):
            raise UsageError(f"--unit {name}={text}: it is counted in whole numbers", hint=f"Write --unit {name}=2")
        yield name, int(number) if whole else number


def _pairs(texts: Sequence[str], option: str) -> Iterator[tuple[str, str]]:
    from llmledger.errors import UsageError

    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key or not value:
            raise UsageError(f"{option} {text!r} is no pair", hint=f"Write {option} name=value")
        yield key, value


def _show(cost: "Cost") -> None:
    from llmledger.cli import _render
    from llmledger.cli._pricing.text import price_label, usd
    from llmledger.core.money import usd_from_nanousd

    columns = (_render.Column("Unit"), _render.Column("Quantity", right=True), _render.Column("USD", right=True))
    rows = [
        [price_label(part.unit), f"{part.quantity:,}", usd(usd_from_nanousd(part.nanousd))] for part in cost.components
    ]
    total = "$0" if not cost.nanousd else usd(cost.usd)
    _render.out(_render.table(columns, [*rows, ["total", "", total]]))
    if cost.is_default:
        _render.note("An estimate: the model has no price of its own, the provider's default stands in.")
    _render.note(f"{cost.rate_id}{f', {cost.reason}' if cost.reason else ''} · prices {cost.price_version}")


def _payload(model: str, cost: "Cost") -> dict[str, Any]:
    from llmledger.core.money import usd_text

    parts = [{"unit": one.unit, "quantity": one.quantity, "usd": usd_text(one.nanousd)} for one in cost.components]
    return {
        "model": model,
        "outcome": cost.outcome,
        "cost_usd": usd_text(cost.nanousd),
        "components": parts,
        "unpriced_units": cost.unpriced_units,
        "rate_id": cost.rate_id,
        "price_version": cost.price_version,
        "estimated": cost.is_default,
        "reason": cost.reason,
    }
