"""List what can be run here, and for everything else what is missing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from llmledger.core.address import parts_of
from llmledger.local.store import PULLABLE, LocalModel
from llmledger.operations.backends import START, Backend
from llmledger.operations.choose_model import EMBEDDED
from llmledger.pricebook import PriceBook
from llmledger.pricebook.provider import Provider


class State(StrEnum):
    """Whether the models of a provider can be run here."""

    READY = "ready"
    FETCHABLE = "fetchable"
    """It will be, after a download that happens by itself."""
    MISSING = "missing"
    """Something is missing, and the reason says what."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A provider as it can be used here."""

    provider: str
    title: str
    state: State
    models: tuple[str, ...]
    """What it has here; of a provider in the cloud, what the price table knows."""
    reason: str
    """Where the key is, where it listens, or what is missing."""
    next_step: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Here:
    """What was found on this machine."""

    key_sources: Mapping[str, str]
    """Provider to the place its key was found in."""
    backends: Sequence[Backend]
    local_models: Sequence[LocalModel]
    can_run_local: bool
    """Whether the extra for local models is installed."""


def list_models(book: PriceBook, here: Here) -> tuple[Offer, ...]:
    """Every provider that `run` could use, those that are ready first, each with its models or with what is missing."""
    backends = {backend.provider.name: backend for backend in here.backends}
    offers = [
        offer
        for name in book.provider_names()
        if (provider := book.provider(name)) is not None
        and (offer := _offer(provider, book, here, backends)) is not None
    ]
    order = list(State)
    return tuple(sorted(offers, key=lambda offer: (order.index(offer.state), offer.provider)))


def _offer(provider: Provider, book: PriceBook, here: Here, backends: Mapping[str, Backend]) -> Offer | None:
    if provider.name == EMBEDDED:
        return _embedded(provider, here)
    if provider.name in backends:
        return _backend(backends[provider.name])
    if provider.base_url is None or not provider.dialects:
        return None
    models = tuple(book.models(provider.name))
    source = here.key_sources.get(provider.name)
    if source is not None:
        reason = f"key in {source}"
        return Offer(provider=provider.name, title=provider.title, state=State.READY, models=models, reason=reason)
    return Offer(
        provider=provider.name,
        title=provider.title,
        state=State.MISSING,
        models=models,
        reason=f"no {provider.key_variables[0]}" if provider.key_variables else "no key",
        next_step=f"llmledger config set-key {provider.name}",
    )


def _embedded(provider: Provider, here: Here) -> Offer:
    names = tuple(model.name for model in here.local_models)
    if not here.can_run_local:
        return Offer(
            provider=provider.name,
            title=provider.title,
            state=State.MISSING,
            models=names,
            reason="llama.cpp is not installed",
            next_step="pip install 'llmledger[local]'",
        )
    if names:
        return Offer(
            provider=provider.name, title=provider.title, state=State.READY, models=names, reason="inside this program"
        )
    size_mb = min(one.size_bytes for one in PULLABLE.values()) // 1_000_000
    return Offer(
        provider=provider.name,
        title=provider.title,
        state=State.FETCHABLE,
        models=tuple(PULLABLE),
        reason=f"fetched when used ({size_mb} MB)",
        next_step=f"llmledger run -m {EMBEDDED}/{next(iter(PULLABLE))} PROMPT",
    )


def _backend(backend: Backend) -> Offer:
    provider = backend.provider
    if not backend.answers:
        return Offer(
            provider=provider.name,
            title=provider.title,
            state=State.MISSING,
            models=(),
            reason=f"nothing at {parts_of(backend.base_url).netloc}",
            next_step=START.get(provider.name),
        )
    return Offer(
        provider=provider.name,
        title=provider.title,
        state=State.READY if backend.models else State.MISSING,
        models=backend.models,
        reason=f"answers at {parts_of(backend.base_url).netloc}" + ("" if backend.models else ", but has no model"),
    )
