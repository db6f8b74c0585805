"""Choose the model of a prompt: what a name means here, and which one it is when nobody names one. Never a paid one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from llmledger.errors import UsageError
from llmledger.operations.backends import Backend
from llmledger.pricebook import PriceBook

EMBEDDED = "local"
"""The provider whose models run inside this program."""


@dataclass(frozen=True, slots=True)
class ModelName:
    """A model and who serves it."""

    provider: str
    model: str

    def __str__(self) -> str:
        return f"{self.provider}/{self.model}"


@dataclass(frozen=True, slots=True)
class Choice:
    """The model of a prompt, and why it is this one; no reason when the flag named it."""

    name: ModelName
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """Who may name a model, the strongest first."""

    flag: str | None = None
    variable: str | None = None
    configured: str | None = None
    earlier: str | None = None
    """The model of the conversation that is continued."""


def choose_model(
    wishes: Wishes, book: PriceBook, *, ollama: Callable[[], Backend | None], embedded: Callable[[], Sequence[str]]
) -> Choice:
    """The model of a prompt: the flag, LLMLEDGER_MODEL, the settings, a running Ollama, the embedded model.

    `embedded` tells the models that could be run inside this program right now. Raises UsageError for a name that means
    nothing here, and with the ways on when there is no model at all.
    """
    if wishes.flag:
        return Choice(read_name(wishes.flag, book))
    for wish, why in (
        (wishes.earlier, "as in the conversation so far"),
        (wishes.variable, "from LLMLEDGER_MODEL"),
        (wishes.configured, "from the config"),
    ):
        if wish:
            return Choice(read_name(wish, book), why)
    backend = ollama()
    if backend is not None and backend.default_model is not None:
        why = "loaded in Ollama" if backend.default_model in backend.loaded else "the newest in Ollama"
        return Choice(ModelName(backend.provider.name, backend.default_model), why)
    here = embedded()
    if here:
        return Choice(ModelName(EMBEDDED, here[0]), "the embedded model")
    raise UsageError(
        "no model to run: none was named, Ollama does not answer, and no local model is here",
        hint="Name one: -m local/smollm2 (98 MB, fetched once), -m openai/gpt-5-mini (needs a key); "
        "or start Ollama: ollama serve. All that can be run: llmledger models",
    )


def read_name(text: str, book: PriceBook) -> ModelName:
    """What a model name means: `provider/model`, a path to a GGUF file, or a model that only one provider has.

    Raises UsageError with the nearest names.
    """
    head, slash, rest = text.strip().partition("/")
    if slash and rest and (provider := book.canonical(head)) in book.provider_names():
        return ModelName(provider, rest)
    if text.endswith(".gguf"):
        return ModelName(EMBEDDED, text)
    bare = text.strip()
    owners = [name for name in _by_reach(book) if bare in book.models(name)]
    owners = [name for name in owners if _rank(book, name) == _rank(book, owners[0])]
    if len(owners) == 1:
        return ModelName(owners[0], bare)
    if owners:
        listed = ", ".join(f"{owner}/{bare}" for owner in owners[:5])
        raise UsageError(f"several providers have a model {bare!r}", hint=f"Say which one: {listed}")
    raise UsageError(f"no provider here has a model {bare!r}", hint=_nearest(bare, book))


def _by_reach(book: PriceBook) -> list[str]:
    """The providers, those first whose address and price pages are known, then those with an address."""
    return sorted(book.provider_names(), key=lambda name: _rank(book, name))


def _rank(book: PriceBook, name: str) -> int:
    provider = book.provider(name)
    if provider is None or provider.base_url is None:
        return 2
    return 0 if provider.sources or provider.local else 1


def _nearest(text: str, book: PriceBook) -> str:
    head, slash, rest = text.partition("/")
    if slash:
        close = get_close_matches(head, book.provider_names(), n=1)
        if close and rest:
            return f"Did you mean {close[0]}/{rest}?"
    names = (f"{provider}/{model}" for provider in _by_reach(book) for model in book.models(provider))
    by_end: dict[str, str] = {}
    for name in names:
        by_end.setdefault(name if slash else name.partition("/")[2], name)
    found = [by_end[one] for one in get_close_matches(text, by_end, n=3, cutoff=0.7)]
    if found:
        return f"Did you mean {' or '.join(found)}?"
    return "Write it as provider/model, such as local/smollm2. All that can be run: llmledger models"
