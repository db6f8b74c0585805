"""`pricing show`: one model in full."""

from typing import Annotated

import typer

from llmledger.cli._context import surroundings
from llmledger.cli._options import JsonOption


def command(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="provider/model, or a name.", show_default=False)],
    json: JsonOption = False,
) -> None:
    """Show every rate of a model: periods, tiers, modes, time windows, and where they are known from."""
    from llmledger.cli import _render
    from llmledger.cli._pricing.book import find_entry, open_book
    from llmledger.cli._pricing.text import rate_lines
    from llmledger.core.rates import rate_at

    book = open_book()
    now = surroundings().now()
    provider, name, entry = find_entry(book, model, at=now)
    if json:
        bodies = [rate.body for rate in entry.rates]
        payload = {"provider": entry.provider, "model": entry.id, "names": sorted(entry.names), "rates": bodies}
        _render.out(_render.envelope("llmledger.price/1", {"prices": book.version, **payload}))
        return
    _render.out(_render.paint(f"{entry.provider}/{entry.id}", "bold"))
    if name.lower() not in entry.names:
        _render.out(f"{provider}/{name} is priced as this model.")
    others = sorted(entry.names - {entry.id.lower()})
    if others:
        _render.out(f"also: {', '.join(others)}")
    if entry.retired:
        _render.out(f"{'retired' if entry.retired <= now.date() else 'retires'} {entry.retired}")
    current = rate_at(entry.rates, now)
    for rate in reversed(entry.rates):
        lines = rate_lines(rate)
        _render.out()
        _render.out(_render.paint(lines[0], "green") if rate is current else lines[0])
        for line in lines[1:]:
            _render.out(_wrapped(line, _render.width()))
    if not entry.rates:
        _render.out("No price is known: requests are recorded unpriced.")


def _wrapped(line: str, width: int) -> str:
    """A long line broken between prices, each further line indented below the first."""
    indent = " " * (len(line) - len(line.lstrip()))
    lines = [""]
    for part in line.strip().split(" · "):
        joined = f"{lines[-1]} · {part}" if lines[-1] else part
        if lines[-1] and len(indent) + 2 + len(joined) > width:
            lines.append(part)
        else:
            lines[-1] = joined
    return "\n".join([indent + lines[0], *(f"{indent}  {one}" for one in lines[1:])])
