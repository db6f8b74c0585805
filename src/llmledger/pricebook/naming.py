"""Models as people name them: `provider/model`, or a bare name that one provider claims."""

from collections.abc import Iterable
from difflib import get_close_matches

from llmledger.errors import UsageError
from llmledger.pricebook.book import PriceBook

MAKERS = ("openai", "anthropic", "gemini", "deepseek", "mistral", "xai", "groq", "cerebras")
"""Who a bare name belongs to when several sell the model: its maker before its resellers."""


def split_model(book: PriceBook, text: str, *, provider: str | None = None) -> tuple[str, str]:
    """The provider and the model of a name; the provider may be given apart, or stand before the first slash.

    Raises `UsageError` with the nearest names when neither tells who bills.
    """
    known = set(book.provider_names())
    if provider is not None:
        if book.canonical(provider) not in known:
            raise UsageError(f"no provider {provider!r} in the price table", hint=_near(provider, known))
        return book.canonical(provider), text
    head, slash, rest = text.partition("/")
    if slash and rest and book.canonical(head) in known:
        return book.canonical(head), rest
    sellers = [name for name in MAKERS if name in known and _claims(book, name, text)]
    if not sellers:
        sellers = [name for name in sorted(known) if _claims(book, name, text)]
    if len(sellers) == 1 or (sellers and sellers[0] in MAKERS):
        return sellers[0], text
    if sellers:
        raise UsageError(
            f"{text!r} is sold by {len(sellers)} providers",
            hint=f"Name one: {_few(f'{one}/{text}' for one in sellers)}",
        )
    raise UsageError(f"no model {text!r} in the price table", hint=_near_model(book, text))


def near_models(book: PriceBook, provider: str, model: str) -> list[str]:
    """Up to three models of a provider whose names look like this one: to ask about, never to price by."""
    ids = book.models(provider)
    return [f"{provider}/{name}" for name in get_close_matches(model, ids, n=3, cutoff=0.5)]


def _claims(book: PriceBook, provider: str, model: str) -> bool:
    entry = book.entry(provider, model)
    return entry is not None and entry.provider == provider and not entry.any


def _near(name: str, known: Iterable[str]) -> str:
    near = get_close_matches(name, sorted(known), n=1)
    return f"Did you mean {near[0]}?" if near else "See: llmledger pricing list"


def _near_model(book: PriceBook, text: str) -> str:
    spelled = {f"{provider}/{name}" for provider in book.provider_names() for name in book.models(provider)}
    bare = {name.partition("/")[2]: name for name in sorted(spelled, key=_preference, reverse=True)}
    if "/" in text:
        near = get_close_matches(text, spelled, n=3, cutoff=0.75)
    else:
        near = [bare[one] for one in get_close_matches(text, bare, n=3, cutoff=0.7)]
    return f"Did you mean {_few(near)}?" if near else "See: llmledger pricing list --search WORD"


def _preference(name: str) -> tuple[int, str]:
    """The maker of a model before its resellers."""
    provider = name.partition("/")[0]
    return (MAKERS.index(provider) if provider in MAKERS else len(MAKERS), name)


def _few(names: Iterable[str]) -> str:
    listed = list(names)
    return ", ".join(listed[:4]) + (f" and {len(listed) - 4} more" if len(listed) > 4 else "")
