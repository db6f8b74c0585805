"""What the shell offers after an option: models, providers, and the names that stand in the ledger."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from llmledger.cli._context import Surroundings, surroundings
from llmledger.errors import LedgerError

if TYPE_CHECKING:
    from typer._click.core import Command

VARIABLE = "_LLMLEDGER_COMPLETE"
"""Set by the scripts in `completions/` when the shell asks."""

IN_LEDGER = ("client", "user", "team", "project", "operation", "app", "host")
"""Options whose values are those that the ledger has seen."""


def is_asked() -> bool:
    """Whether this run answers a shell instead of a person."""
    return VARIABLE in surroundings().environ


def offer_values(built: "Command") -> None:
    """Give the options of a command, and of its sub-commands, the values that they take here."""
    for child in getattr(built, "commands", {}).values():
        offer_values(child)
    for option in built.params:
        name = option.name or ""
        values = VALUES.get(name)
        if values is not None:
            option.shell_complete = partial(_complete, values)  # type: ignore[method-assign]


def _complete(values: Callable[[Surroundings, str], Iterator[str]], _ctx: Any, incomplete: str) -> list[Any]:
    from typer._click.shell_completion import CompletionItem

    try:
        found = sorted({value for value in values(surroundings(), incomplete) if value.startswith(incomplete)})
    except LedgerError:
        return []  # a broken ledger or table is told by the command itself, not while typing
    return [CompletionItem(value) for value in found]


def _providers(world: Surroundings, _incomplete: str) -> Iterator[str]:
    from llmledger.pricebook import load

    yield from load(world.pricing_folders()).provider_names()


def _models(world: Surroundings, incomplete: str) -> Iterator[str]:
    """Models in the ledger, and those of the price table once the provider is typed."""
    from llmledger.pricebook import load

    yield from _in_ledger("model", world, incomplete)
    book = load(world.pricing_folders())
    provider, slash, _ = incomplete.partition("/")
    if not slash:
        yield from (f"{name}/" for name in book.provider_names())
    elif provider in book.provider_names():
        yield from (f"{provider}/{model}" for model in book.models(provider))


def _in_ledger(dimension: str, world: Surroundings, _incomplete: str) -> Iterator[str]:
    from llmledger.ledger import open_reader
    from llmledger.ledger.queries.filter import read_dictionaries

    path = world.ledger_path()
    if not path.exists():
        return
    with open_reader(path) as reader:
        dictionaries = read_dictionaries(reader.connection)
    if dimension == "model":
        yield from (f"{provider}/{model}" for provider, model in dictionaries.models.values())
    else:
        yield from (value for entry in dictionaries.attributions.values() if (value := entry[dimension]))


VALUES: dict[str, Callable[[Surroundings, str], Iterator[str]]] = {
    "model": _models,
    "models": _models,
    "provider": _providers,
    "providers": _providers,
    **{name: partial(_in_ledger, name) for name in IN_LEDGER},
}
"""Option to what may stand behind it."""
